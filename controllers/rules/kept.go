package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// ParkedDomain ends the address of a Person that makes way for a moment, until it gets
// its own: no address that tells whose it is. No mail reaches it (RFC 2606).
const ParkedDomain = "@moving.invalid"

// Kept is a field that a rule would change and leaves as it is.
type Kept struct {
	Field string
	// Because says why: "the user is inactive".
	Because string
}

// when says when an action on the field is carried out, given what the rule says.
func (f specField) when(said v1alpha1.SetWhen) v1alpha1.SetWhen {
	switch {
	case said != "":
		return said
	case f.identifying:
		return v1alpha1.SetWhenActive
	}
	return v1alpha1.SetWhenAlways
}

// frozen reports whether an action is left out because its subject is inactive. Some
// clients rename whom they deactivate, which must not take from the record what the same
// user, or the next one for the same human being, is to be found by. What no active user
// has had is none of that.
func (r *run) frozen(a action, working Record, isNew bool) bool {
	if a.when != v1alpha1.SetWhenActive || r.active || isNew || neverActive(working) {
		return false
	}
	parked := a.field.name == r.kind.match && strings.HasSuffix(r.kind.text(working, r.kind.match), ParkedDomain)
	return !parked
}

// neverActive reports whether a record was made for an inactive user and no active one
// has had it since.
func neverActive(record Record) bool {
	return record.GetAnnotations()[v1alpha1.AnnotationNeverActive] == "true"
}

// noteActive notes on a record that is made whether its subject is active, and on every
// other one that it is once it is.
func (r *run) noteActive(after Record, created bool) {
	switch {
	case r.active:
		setAnnotation(after, v1alpha1.AnnotationNeverActive, "")
	case created:
		setAnnotation(after, v1alpha1.AnnotationNeverActive, "true")
	}
}

// keep notes that an action is left out, if it would change anything. It reports whether
// there was a value to assign. That the value cannot be had is no failure of the rule.
func (r *run) keep(a action, working Record, because string) (assigned bool, err error) {
	wanted := copyOf(working)
	assigned, err = r.perform(a, wanted)
	var f *fault
	switch {
	case errors.As(err, &f):
	case err != nil:
		return false, err
	case r.kind.sameField(working, wanted, a.field.name):
		return assigned, nil
	}
	if kept := (Kept{Field: a.field.name, Because: because}); !slices.Contains(r.kept, kept) {
		r.kept = append(r.kept, kept)
	}
	return assigned, nil
}

// respect leaves out an action on a field that another manager applied and would apply
// again, with one exception: no manager keeps somebody in use who has left. Who is back is
// in use again where that is what the manager applies.
func (r *run) respect(a action, working Record) (assigned bool, err error) {
	owner := r.applied[a.field.name]
	person, ok := working.(*v1alpha1.Person)
	decides := ok && a.field.name == FieldDisabled
	leaves := decides && !r.active && !person.Spec.Disabled
	returns := decides && person.Spec.Disabled && owner.Remembered == "false"
	if !leaves && !returns {
		return r.keep(a, working, fmt.Sprintf("field manager %s applied it", owner.Manager))
	}
	if assigned, err = r.perform(a, working); leaves && person.Spec.Disabled {
		r.overruled = owner.Manager
	}
	return assigned, err
}

// Remarks end the message of an outcome: which fields are kept, and why, and whose is
// not.
func (o Outcome) Remarks() string {
	var text strings.Builder
	if o.Overruled != "" {
		fmt.Fprintf(&text, "; it sets %s, because the user is inactive, though field manager %s applied it", FieldDisabled, o.Overruled)
	}
	var told []string
	for _, kept := range o.Kept {
		if slices.Contains(told, kept.Because) {
			continue
		}
		told = append(told, kept.Because)
		var fields []string
		for _, other := range o.Kept {
			if other.Because == kept.Because {
				fields = append(fields, other.Field)
			}
		}
		fmt.Fprintf(&text, "; it keeps %s, because %s", strings.Join(fields, ", "), kept.Because)
	}
	return text.String()
}
