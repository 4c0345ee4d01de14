package brake

import (
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Foreseen is what the brake would make of what becomes of one Person.
type Foreseen struct {
	// Held is what it would hold.
	Held Hold
	// ByRules are effects that are the rules' doing: whether these are held depends on what the rules do to all others, too.
	ByRules []v1alpha1.HeldEffect
}

// Foresee says what the brake would do about what becomes of the Person of a user, as that is once the client's change is stored. It
// knows what has come about, but not what is under way.
func (o *Outlook) Foresee(user *v1alpha1.ScimUser, before, after *v1alpha1.Person, now time.Time) Foreseen {
	var found Foreseen
	for _, e := range effectsBetween(before, after) {
		if e == v1alpha1.HeldDisable && hasLeft(user) && before.Spec.SourceID == user.Name {
			continue
		}
		asked := Subject{User: user}.request(e, before, rules.MatchKey(after))
		held := asked.held
		switch covered := held.covers(e); {
		case o.safety.off, covered && held.Generation <= o.safety.released:
			continue
		case covered && !asked.supersedes():
			found.Held = found.Held.With(Hold{Generation: held.Generation, effects: []effect{e}, cause: held.cause, endpoint: o.safety.endpoint})
			continue
		}
		if o.count.counts(e, before.Name) {
			continue
		}
		if o.count.left(e, o.safety) < 1 {
			found.Held = found.Held.With(Hold{
				Generation: max(o.safety.published+1, now.Unix()), effects: []effect{e}, cause: asked.cause(), endpoint: o.safety.endpoint,
			})
			continue
		}
		if asked.rules != nil && !slices.Contains(found.ByRules, e) {
			found.ByRules = append(found.ByRules, e)
		}
	}
	return found
}

// Effects are what is held.
func (h Hold) Effects() []v1alpha1.HeldEffect { return h.effects }
