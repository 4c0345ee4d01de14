package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// apply carries out an action on a working copy. value is the action's value, none
// already sorted out; it is not used by clear. The error tells no value.
func (a action) apply(kind *recordKind, working Record, value any) error {
	if a.customID != "" {
		return a.applyCustom(kind.customFields(working), value)
	}
	switch p := a.field.pointer(working).(type) {
	case *string:
		*p, _ = value.(string)
	case *bool:
		*p, _ = value.(bool)
	case **v1alpha1.RecordReference:
		*p = nil
		if name, _ := value.(string); name != "" {
			*p = &v1alpha1.RecordReference{Name: name}
		}
	case *[]string:
		entries, _ := value.([]string)
		*p = nilIfEmpty(a.combine(*p, entries))
		return checkCount(len(*p), MaxOtherEmails)
	case *[]v1alpha1.PersonContact:
		entries, _ := value.([]v1alpha1.PersonContact)
		*p = nilIfEmpty(combineFlagged(a.operation, *p, entries, func(c *v1alpha1.PersonContact) *bool { return &c.Integration }))
		return checkCount(len(*p), MaxContacts)
	case *[]v1alpha1.PersonAddress:
		entries, _ := value.([]v1alpha1.PersonAddress)
		*p = nilIfEmpty(combineFlagged(a.operation, *p, entries, func(c *v1alpha1.PersonAddress) *bool { return &c.Integration }))
		return checkCount(len(*p), MaxContacts)
	default:
		return fmt.Errorf("field %s cannot be set", a.field.name)
	}
	return nil
}

func (a action) applyCustom(members *map[string]v1alpha1.JSON, value any) error {
	member, ok := value.(v1alpha1.JSON)
	if !ok { // clear, or null
		delete(*members, a.customID)
		if len(*members) == 0 {
			*members = nil
		}
		return nil
	}
	if *members == nil {
		*members = map[string]v1alpha1.JSON{}
	}
	(*members)[a.customID] = member
	if len(*members) > MaxCustomFields {
		return errors.New("the record would have too many custom fields")
	}
	return nil
}

// nilIfEmpty keeps an emptied list equal to one that never was.
func nilIfEmpty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// combine works on e-mail addresses, which are compared folded.
func (a action) combine(have, entries []string) []string {
	same := func(text string) func(string) bool {
		folded := fold.Email(text)
		return func(other string) bool { return fold.Email(other) == folded }
	}
	switch a.operation {
	case setOperation:
		return entries
	case removeOperation:
		return slices.DeleteFunc(have, func(text string) bool { return slices.ContainsFunc(entries, same(text)) })
	case addOperation:
		for _, text := range entries {
			if !slices.ContainsFunc(have, same(text)) {
				have = append(have, text)
			}
		}
		return have
	}
	return nil
}

// combineFlagged changes only the entries that are flagged integration, the others
// being made by hand, and flags those it puts in.
func combineFlagged[T comparable](op operation, have, entries []T, flag func(*T) *bool) []T {
	for i := range entries {
		*flag(&entries[i]) = true
	}
	switch op {
	case removeOperation:
		return slices.DeleteFunc(have, func(entry T) bool { return *flag(&entry) && slices.Contains(entries, entry) })
	case addOperation:
		for _, entry := range entries {
			byHand := entry
			*flag(&byHand) = false
			if !slices.Contains(have, entry) && !slices.Contains(have, byHand) {
				have = append(have, entry)
			}
		}
		return have
	}
	// set and clear: what a rule wrote before goes
	have = slices.DeleteFunc(have, func(entry T) bool { return *flag(&entry) })
	return append(have, entries...)
}

// differences lists what differs between two records of a kind, in the order of
// the fields and then of the custom fields' ids. Nothing is told of a false that a
// new record has.
func (k *recordKind) differences(before, after Record, created bool) []v1alpha1.FieldChange {
	var changes []v1alpha1.FieldChange
	for _, f := range k.fields {
		from, to := f.pointer(before), f.pointer(after)
		if isEmpty(from) && isEmpty(to) || reflect.DeepEqual(from, to) {
			continue
		}
		change := v1alpha1.FieldChange{Field: f.name, From: fieldText(from), To: fieldText(to)}
		if created {
			change.From = ""
		}
		changes = append(changes, change)
	}
	if k.customFields == nil {
		return changes
	}
	from, to := *k.customFields(before), *k.customFields(after)
	ids := map[string]bool{}
	for id := range from {
		ids[id] = true
	}
	for id := range to {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if old, replaced := customText(from, id), customText(to, id); !sameJSON(old, replaced) {
			changes = append(changes, v1alpha1.FieldChange{
				Field: customFieldPrefix + id, From: Cut(old, MaxResultLength), To: Cut(replaced, MaxResultLength),
			})
		}
	}
	return changes
}

// customText is the JSON of a custom field, "" where it is absent.
func customText(members map[string]v1alpha1.JSON, id string) string {
	member, ok := members[id]
	if !ok {
		return ""
	}
	if len(member.Raw) == 0 {
		return "null"
	}
	return string(member.Raw)
}

// sameJSON compares by meaning: the API server may write the same value differently.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := decodeJSON(v1alpha1.JSON{Raw: []byte(a)})
	y, errY := decodeJSON(v1alpha1.JSON{Raw: []byte(b)})
	return errX == nil && errY == nil && equalJSON(x, y)
}

// equalJSON compares what decodeJSON gives. Whole numbers are compared by all of their digits: a double would take one id of 18
// digits for another one.
func equalJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equalJSON)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalJSON)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(a, b)
	}
	return a == b
}

func equalNumbers(a, b json.Number) bool {
	x, errX := a.Int64()
	y, errY := b.Int64()
	if errX == nil && errY == nil {
		return x == y
	}
	f, errF := a.Float64()
	g, errG := b.Float64()
	return errF == nil && errG == nil && f == g
}
