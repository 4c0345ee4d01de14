package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// writeOnce rewrites the outcomes for one kind of record so that each field is
// written once, by the last rule that changes it, and not at all when it ends as it
// began. Otherwise a rule that overrides an earlier one would make the record change
// to and fro, and each change would run the rules again, without end. A rule that
// creates the record also gives it what no record can be without.
func writeOnce(kind *recordKind, steps []step) {
	var carriedOut []*step
	for i := range steps {
		if s := &steps[i]; s.rule.record == kind && s.outcome.After != nil {
			carriedOut = append(carriedOut, s)
		}
	}
	if len(carriedOut) > 1 {
		newWriting(kind, carriedOut).share()
	}
	if len(carriedOut) > 0 {
		markUnfinished(kind, carriedOut)
	}
}

// writing is what the rules of a plan write to one record.
type writing struct {
	kind  *recordKind
	steps []*step
	// first and last are the record before and after all rules.
	first, last Record
	// writers are the steps that write a field, by the field's name.
	writers map[string]*step
	// changes are the names of the fields that each step changes.
	changes map[*step][]string
}

func newWriting(kind *recordKind, steps []*step) *writing {
	w := &writing{
		kind: kind, steps: steps, first: steps[0].outcome.Before, last: steps[len(steps)-1].outcome.After,
		writers: map[string]*step{}, changes: map[*step][]string{},
	}
	if steps[0].outcome.Create {
		w.first = kind.newRecord()
		w.first.SetNamespace(w.last.GetNamespace())
	}
	for _, s := range steps {
		for _, change := range s.outcome.Changes {
			w.changes[s] = append(w.changes[s], change.Field)
			w.writers[change.Field] = s
		}
	}
	return w
}

// share gives each step the fields of which it is the writer.
func (w *writing) share() {
	current := w.first
	for _, s := range w.steps {
		left := w.leftToOthers(s)
		before, after := current, copyOf(current)
		for _, field := range w.changes[s] {
			switch {
			case field == w.kind.match && s.outside != "":
				// Not even for a moment. The rule that corrects it comes after this one.
				w.kind.copyField(after, w.last, field)
			case w.writes(s, field):
				w.kind.copyField(after, s.outcome.After, field)
			}
		}
		w.kind.keepFormerSource(before, after)
		if !s.outcome.Create {
			s.outcome.Before = copyOf(before)
		}
		s.outcome.After = after
		s.outcome.Kept = w.unsettled(s)
		w.kind.describe(&s.outcome, left)
		current = after
	}
}

// unsettled is what the step left as it was, without what nobody has to see to any more,
// because a later step gives the field a value.
func (w *writing) unsettled(s *step) []Kept {
	later := w.steps[slices.Index(w.steps, s)+1:]
	return slices.DeleteFunc(slices.Clone(s.outcome.Kept), func(kept Kept) bool {
		return kept.Reason != "" && slices.ContainsFunc(later, func(l *step) bool { return slices.Contains(l.outcome.Assigned, kept.Field) })
	})
}

// writes reports whether a field is left to the step. The last one to change a field
// that ends as it began has nothing to change any more.
func (w *writing) writes(s *step, field string) bool {
	if f, ok := w.kind.field(field); ok && f.required && s.outcome.Create {
		return true
	}
	return w.writers[field] == s
}

// leftToOthers says which of the fields that a step assigns a later one sets
// differently.
func (w *writing) leftToOthers(s *step) string {
	var clauses []string
	fields := map[string][]string{}
	for _, field := range slices.Compact(slices.Sorted(slices.Values(s.outcome.Assigned))) {
		if w.kind.sameField(s.outcome.After, w.last, field) {
			continue
		}
		winner := w.writers[field].rule.name
		fields[winner] = append(fields[winner], field)
	}
	for _, later := range w.steps {
		if set := fields[later.rule.name]; len(set) > 0 {
			clauses = append(clauses, fmt.Sprintf("; rule %s sets %s after it", later.rule.name, strings.Join(set, ", ")))
		}
	}
	return strings.Join(clauses, "")
}

// sameField reports whether a field, which may be a custom one, has the same value
// in two records.
func (k *recordKind) sameField(a, b Record, name string) bool {
	if id, ok := k.customFieldID(name); ok {
		return sameJSON(customText(*k.customFields(a), id), customText(*k.customFields(b), id))
	}
	f, _ := k.field(name)
	x, y := f.pointer(a), f.pointer(b)
	return isEmpty(x) && isEmpty(y) || reflect.DeepEqual(x, y)
}

// copyField gives a record the value that a field has in another one.
func (k *recordKind) copyField(to, from Record, name string) {
	from = copyOf(from)
	id, ok := k.customFieldID(name)
	if !ok {
		f, _ := k.field(name)
		reflect.ValueOf(f.pointer(to)).Elem().Set(reflect.ValueOf(f.pointer(from)).Elem())
		return
	}
	members := k.customFields(to)
	value, ok := (*k.customFields(from))[id]
	switch {
	case !ok:
		delete(*members, id)
	case *members == nil:
		*members = map[string]v1alpha1.JSON{id: value}
	default:
		(*members)[id] = value
	}
	if len(*members) == 0 {
		*members = nil
	}
}
