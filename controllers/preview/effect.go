package preview

import (
	"context"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Effect is what a set of rules makes of one subject.
type Effect struct {
	// Outcomes holds one outcome a rule, in the order of the rules.
	Outcomes []rules.Outcome
	// Records are the subject's records, at most one of each kind.
	Records []RecordEffect
}

// RecordEffect is what becomes of one record.
type RecordEffect struct {
	Kind v1alpha1.RecordKind
	// Current is the record as it is, nil where it does not exist.
	Current rules.Record
	// Final is the record as it would be. One that would be created has no name.
	Final rules.Record
}

// Disables reports whether an enabled record would be disabled.
func (r RecordEffect) Disables() bool {
	return r.Current != nil && !isDisabled(r.Current) && isDisabled(r.Final)
}

// Changes are the differences between the record as it is and as it would be, in the
// order of the fields. They may be personal data.
func (r RecordEffect) Changes() []v1alpha1.FieldChange { return rules.Differences(r.Current, r.Final) }

// Disables reports whether an enabled record of the subject would be disabled.
func (e Effect) Disables() bool { return slices.ContainsFunc(e.Records, RecordEffect.Disables) }

// Failure is the first outcome that failed, nil where none did.
func (e Effect) Failure() *rules.Outcome {
	for i := range e.Outcomes {
		if e.Outcomes[i].Failed() {
			return &e.Outcomes[i]
		}
	}
	return nil
}

// Record is the effect on the subject's record of a kind. It is the zero value where
// the subject has none.
func (e Effect) Record(kind v1alpha1.RecordKind) RecordEffect {
	for _, r := range e.Records {
		if r.Kind == kind {
			return r
		}
	}
	return RecordEffect{}
}

// changes reports whether anything would be written.
func (e Effect) changes() bool {
	return slices.ContainsFunc(e.Records, func(r RecordEffect) bool { return len(r.Changes()) > 0 })
}

// Of plans the rules of a subject, which are in the order of rules.Sort, and says what
// would be written. That includes what the controllers do by themselves: the Person of
// an inactive user is disabled unless a rule decided about that. The error is that of
// rules.Plan: a look-up failed or ctx ended.
func Of(ctx context.Context, set []*rules.Rule, in rules.Input, dir rules.Directory) (Effect, error) {
	plan, err := rules.Plan(ctx, set, in, dir)
	if err != nil {
		return Effect{}, err
	}
	effect := Effect{Outcomes: plan.Outcomes}
	for _, outcome := range plan.Outcomes {
		effect.follow(outcome)
	}
	if in.User != nil && !in.User.IsActive() && !slices.Contains(in.Held, rules.FieldDisabled) {
		err = effect.disableUndecided(ctx, in.User.Name, dir)
	}
	return effect, err
}

// follow takes in what the next rule does.
func (e *Effect) follow(outcome rules.Outcome) {
	before, after := outcome.Before, outcome.After
	if before == nil && after == nil {
		return
	}
	i := slices.IndexFunc(e.Records, func(r RecordEffect) bool { return r.Kind == outcome.Kind })
	if i < 0 {
		i = len(e.Records)
		e.Records = append(e.Records, RecordEffect{Kind: outcome.Kind, Current: before, Final: before})
	}
	if after != nil {
		e.Records[i].Final = after
	}
}

func (e *Effect) disableUndecided(ctx context.Context, id string, dir rules.Directory) error {
	if rules.Assigned(e.Outcomes, rules.FieldDisabled) {
		return nil
	}
	i := slices.IndexFunc(e.Records, func(r RecordEffect) bool { return r.Kind == v1alpha1.RecordPerson })
	if i < 0 {
		person, err := dir.PersonBySource(ctx, id)
		if err != nil || person == nil {
			return err
		}
		i = len(e.Records)
		e.Records = append(e.Records, RecordEffect{Kind: v1alpha1.RecordPerson, Current: person, Final: person})
	}
	if person, ok := e.Records[i].Final.(*v1alpha1.Person); ok && !person.Spec.Disabled && !person.IsProtected() {
		disabled := person.DeepCopy()
		disabled.Spec.Disabled = true
		e.Records[i].Final = disabled
	}
	return nil
}

func isDisabled(record rules.Record) bool {
	switch r := record.(type) {
	case *v1alpha1.Person:
		return r.Spec.Disabled
	case *v1alpha1.Organization:
		return r.Spec.Disabled
	case *v1alpha1.Site:
		return r.Spec.Disabled
	}
	return false
}
