package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

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
	// Reason is set where somebody has to do something about it: the reason of the subject's
	// condition.
	Reason string
}

// frozen reports whether an action is left out because its subject is inactive.
func (r *run) frozen(a action, isNew bool) bool {
	return a.when == v1alpha1.SetWhenActive && !r.active && !isNew
}

// calledOtherwise names the attributes of which an inactive user has other values than when
// it was last active. Rules read those.
func calledOtherwise(user *v1alpha1.ScimUser) []string {
	last, now := user.AsLastActive().Spec, user.Spec
	var names []string
	for _, attribute := range []struct {
		name string
		same bool
	}{
		{"userName", last.UserName == now.UserName},
		{"name", equality.Semantic.DeepEqual(last.Name, now.Name)},
		{"displayName", last.DisplayName == now.DisplayName},
		{"emails", equality.Semantic.DeepEqual(last.Emails, now.Emails)},
	} {
		if !attribute.same {
			names = append(names, attribute.name)
		}
	}
	return names
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

// leaveHeld leaves fields as they were that the safety brake holds. That a rule has given them
// a value stays said: nobody else is to decide.
func (r *run) leaveHeld(before, after Record, created bool) {
	if r.kind != personKind || created || r.state.created {
		return
	}
	for _, field := range r.in.Held {
		if r.kind.sameField(before, after, field) {
			continue
		}
		r.kind.copyField(after, before, field)
		r.kept = append(r.kept, Kept{Field: field, Because: "the safety brake holds that it changes"})
		if field == FieldDisabled {
			r.overruled = ""
		}
	}
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
	if len(o.LastActive) > 0 {
		fmt.Fprintf(&text, "; it goes by %s of when the user was last active", strings.Join(o.LastActive, ", "))
	}
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
