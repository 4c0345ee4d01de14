package brake

import (
	"slices"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// effect is what becomes of a Person that the safety brake counts. That one is made is none.
type effect = v1alpha1.HeldEffect

// Effects are all that there are.
var Effects = []effect{v1alpha1.HeldDisable, v1alpha1.HeldEnable, v1alpha1.HeldChangePrimaryEmail}

// countedBy is the annotation that says when an effect came about.
var countedBy = map[effect]string{
	v1alpha1.HeldDisable: v1alpha1.AnnotationDisabledAt, v1alpha1.HeldEnable: v1alpha1.AnnotationEnabledAt,
	v1alpha1.HeldChangePrimaryEmail: v1alpha1.AnnotationPrimaryEmailChangedAt,
}

// opposite is the effect that an effect undoes.
var opposite = map[effect]effect{v1alpha1.HeldDisable: v1alpha1.HeldEnable, v1alpha1.HeldEnable: v1alpha1.HeldDisable}

// fieldOf is the field that an effect changes.
func fieldOf(e effect) string {
	if e == v1alpha1.HeldChangePrimaryEmail {
		return rules.FieldPrimaryEmail
	}
	return rules.FieldDisabled
}

// effectsBetween are what happens when a Person becomes another one, nil for none. An address
// that is only spelled differently is the same, and to end a move is no further one.
func effectsBetween(before, after *v1alpha1.Person) []effect {
	if before == nil || after == nil {
		return nil
	}
	var found []effect
	switch {
	case !before.Spec.Disabled && after.Spec.Disabled:
		found = append(found, v1alpha1.HeldDisable)
	case before.Spec.Disabled && !after.Spec.Disabled:
		found = append(found, v1alpha1.HeldEnable)
	}
	if rules.MatchKey(before) != rules.MatchKey(after) && !isParked(before) {
		found = append(found, v1alpha1.HeldChangePrimaryEmail)
	}
	return found
}

// isParked reports whether a Person has made way for another one's address.
func isParked(person *v1alpha1.Person) bool {
	return strings.HasSuffix(person.Spec.PrimaryEmail, rules.ParkedDomain)
}

// Stamp notes on a Person when an effect came about; at is zero where it is not to count.
func Stamp(person *v1alpha1.Person, e effect, at time.Time) {
	if at.IsZero() {
		delete(person.Annotations, countedBy[e])
		return
	}
	if person.Annotations == nil {
		person.Annotations = map[string]string{}
	}
	person.Annotations[countedBy[e]] = at.UTC().Format(time.RFC3339Nano)
}

// InUse reports whether the client has the user in use.
func InUse(user *v1alpha1.ScimUser) bool { return user.DeletionTimestamp.IsZero() && user.IsActive() }

// isNew reports whether the client has changed the user since it was last processed.
func isNew(user *v1alpha1.ScimUser) bool { return user.Status.ObservedGeneration != user.Generation }

// isClients reports whether the client wants an effect on the Person of a user, which then has
// an address. Everything else is the rules' doing. Of whom the client has taken out of use it
// has said that the Person is to be disabled, now and later; whoever it has in use is to be
// enabled, and called by an address that it has sent, since it last said anything.
func isClients(e effect, user *v1alpha1.ScimUser, address string) bool {
	switch e {
	case v1alpha1.HeldDisable:
		return !InUse(user)
	case v1alpha1.HeldEnable:
		return InUse(user) && isNew(user)
	case v1alpha1.HeldChangePrimaryEmail:
	}
	sent := user.AsLastActive().Spec
	return isNew(user) && (fold.Email(sent.UserName) == address ||
		slices.ContainsFunc(sent.Emails, func(v v1alpha1.ScimValue) bool { return fold.Email(v.Value) == address }))
}

// hasLeft reports whether the Person of a user out of use has been disabled for that before. It
// has counted then, and to disable it again is to repair what somebody has enabled.
func hasLeft(user *v1alpha1.ScimUser) bool {
	return !InUse(user) && user.Status.DeprovisionedAt != nil
}

// NoteDisabled keeps in the status of a user since when its Person has been disabled because
// the client has taken it out of use.
func NoteDisabled(user *v1alpha1.ScimUser, disabled bool, now time.Time) {
	switch {
	case InUse(user):
		user.Status.DeprovisionedAt = nil
	case disabled && user.Status.DeprovisionedAt == nil:
		user.Status.DeprovisionedAt = new(v1alpha1.NewTimestamp(now))
	}
}
