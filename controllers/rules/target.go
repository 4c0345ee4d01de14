package rules

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/common/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// target gives the record to update, or a new one that holds only the match value.
func (r *run) target() (record Record, created bool, err error) {
	record, err = r.find()
	if person, ok := record.(*v1alpha1.Person); ok && person.IsProtected() {
		return nil, false, &fault{v1alpha1.ReasonPersonProtected, fmt.Sprintf("Person %s is protected; its annotation %s has to go before provisioning may change it",
			person.Name, v1alpha1.AnnotationProtected)}
	}
	if err != nil || record != nil {
		return record, false, err
	}
	kind := r.kind
	switch {
	case !r.rule.create:
		// Where there are several kinds, what is missing is for all rules to say.
		r.step.missing = len(r.subject.records) > 1
		return nil, false, &fault{kind.missing, fmt.Sprintf("there is no %s for match, and the rule may not create one", kind.kind)}
	case r.state.failed != "":
		// What the failed rule was to set would be missing from the record.
		return nil, false, &fault{kind.missing,
			fmt.Sprintf("there is no %s for match, and none is created, because rule %s failed before", kind.kind, r.state.failed)}
	}
	return r.newTarget()
}

func (r *run) newTarget() (Record, bool, error) {
	kind := r.kind
	value, err := r.matchValue()
	if err != nil {
		return nil, false, err
	}
	field, _ := kind.field(kind.match)
	converted, err := field.convert(types.String(value))
	if err != nil {
		return nil, false, &fault{v1alpha1.ReasonInvalidValue, r.rule.match.place + ": " + err.Error()}
	}
	record := kind.newRecord()
	record.SetNamespace(r.namespace)
	*field.pointer(record).(*string) = converted.(string)
	return record, true, nil
}

// find looks for the subject's record, once a run: by its link, then by match. It
// is nil when there is none.
func (r *run) find() (Record, error) {
	if r.state.record != nil {
		return r.state.record, nil
	}
	if !r.searched {
		r.found, r.searchError = r.search()
		r.searched = true
	}
	return r.found, r.searchError
}

func (r *run) search() (Record, error) {
	value, err := r.matchValue()
	if err != nil || isBlank(value) {
		return nil, err
	}
	kind := r.kind
	record, err := kind.byMatch(r.ctx, r.lookups.directory, kind.fold(value))
	if err != nil || record == nil {
		return nil, err
	}
	other := kind.text(record, "sourceID")
	if other == r.id {
		return record, nil
	}
	if other != "" {
		state, err := r.lookups.directory.SubjectState(r.ctx, kind.subject, other)
		if err != nil {
			return nil, err
		}
		// Of two inactive subjects the one that has the record keeps it: otherwise they
		// would take it from each other for ever.
		if state == SubjectActive || state == SubjectInactive && !r.active {
			return nil, &fault{kind.taken, fmt.Sprintf("the %s with this %s is linked to another %s, %s; deactivate or change one of the two",
				kind.kind, kind.match, kind.subject, other)}
		}
	}
	if err := r.mayLink(record); err != nil {
		return nil, err
	}
	return record, nil
}

// withhold leaves a field as it was and returns what is assigned after that.
func (r *run) withhold(kept Kept, before, after Record, assigned []string) []string {
	r.kind.copyField(after, before, kept.Field)
	r.kept = append(r.kept, kept)
	return slices.DeleteFunc(assigned, func(field string) bool { return field == kept.Field })
}

// matchValue evaluates match.
func (r *run) matchValue() (string, error) {
	match := r.rule.match
	value, err := r.evaluateWithinLimits(match)
	if err != nil {
		return "", err
	}
	text, ok := value.(types.String)
	if !ok {
		return "", &fault{v1alpha1.ReasonExpressionError,
			fmt.Sprintf("%s: gives %s where text is needed", match.place, value.Type().TypeName())}
	}
	return string(text), nil
}

// checkMatch refuses a match value that another record has. What was of a subject that has
// left stays where it is, for whoever comes next: then this record keeps what it has, and the
// rest of the rule, which may say who is in use, is carried out. It returns what is assigned
// after that.
func (r *run) checkMatch(before, after Record, created bool, assigned []string) ([]string, error) {
	kind := r.kind
	value := kind.matchKey(after)
	if value == kind.matchKey(before) {
		return assigned, nil
	}
	other, err := kind.byMatch(r.ctx, r.lookups.directory, value)
	if err != nil || other == nil || other.GetName() == before.GetName() {
		return assigned, err
	}
	left, err := r.isLeft(other)
	switch {
	case err != nil:
		return nil, err
	case created || !left:
		return nil, &fault{kind.taken, fmt.Sprintf("%s %s has this %s; change one of the two", kind.kind, other.GetName(), kind.match)}
	}
	return r.withhold(Kept{Field: kind.match, Reason: kind.taken, Because: fmt.Sprintf(
		"%s %s, whose %s has left, has the new one; delete that %s, or have the client give another %s",
		kind.kind, other.GetName(), kind.subject, kind.kind, kind.match)}, before, after, assigned), nil
}

// isLeft reports whether a record is of a subject that is gone or inactive.
func (r *run) isLeft(record Record) (bool, error) {
	source := r.kind.text(record, "sourceID")
	if source == "" || source == r.id {
		return false, nil
	}
	state, err := r.lookups.directory.SubjectState(r.ctx, r.kind.subject, source)
	return state != SubjectActive, err
}
