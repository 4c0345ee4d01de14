package rules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// leaveOutUndone takes out of a plan what changes a field that has its first value
// again at the end, as when a rule overrides an earlier one. Written, each such
// change would be a change of the record, for which its rules run, without end.
func leaveOutUndone(kind *recordKind, outcomes []Outcome) {
	var carriedOut []*Outcome
	for i := range outcomes {
		if outcomes[i].Create {
			return // everything is new
		}
		if outcomes[i].After != nil {
			carriedOut = append(carriedOut, &outcomes[i])
		}
	}
	if len(carriedOut) < 2 {
		return
	}
	first, last := copyOf(carriedOut[0].Before), copyOf(carriedOut[len(carriedOut)-1].After)
	for _, outcome := range carriedOut {
		kind.restoreUndone(outcome.Before, first, last)
		kind.restoreUndone(outcome.After, first, last)
		changes := kind.differences(outcome.Before, outcome.After, false)
		switch {
		case len(changes) == len(outcome.Changes):
			continue
		case len(changes) == 0:
			outcome.Reason = v1alpha1.ReasonNoChange
			outcome.Message = fmt.Sprintf("what rule %s changes of the %s another rule changes back", outcome.Rule, kind.kind)
		default:
			outcome.Message = appliedMessage(outcome.Rule, changes)
		}
		outcome.Changes = changes
	}
}

// restoreUndone gives a record the first value of each field that has it at last.
func (k *recordKind) restoreUndone(record, first, last Record) {
	for _, f := range k.fields {
		from, to := f.pointer(first), f.pointer(last)
		if isEmpty(from) && isEmpty(to) || reflect.DeepEqual(from, to) {
			value := f.pointer(copyOf(first))
			reflect.ValueOf(f.pointer(record)).Elem().Set(reflect.ValueOf(value).Elem())
		}
	}
	if k.customFields == nil {
		return
	}
	members, from, to := k.customFields(record), *k.customFields(first), *k.customFields(last)
	ids := slices.Concat(slices.Collect(maps.Keys(*members)), slices.Collect(maps.Keys(from)))
	for _, id := range ids {
		if !sameJSON(customText(from, id), customText(to, id)) {
			continue
		}
		value, ok := from[id]
		switch {
		case !ok:
			delete(*members, id)
		case *members == nil:
			*members = map[string]v1alpha1.JSON{id: value}
		default:
			(*members)[id] = value
		}
	}
	if len(*members) == 0 {
		*members = nil
	}
}
