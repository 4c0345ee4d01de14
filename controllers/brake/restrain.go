package brake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

// Subject is the user of a run, as the brake has to know it.
type Subject struct {
	// User is nil where the subject is a group.
	User *v1alpha1.ScimUser
	// Held is what the run leaves out already, and rules are those that it carries out.
	Held  Hold
	Rules rulecache.Set
}

// Restrain decides about what a plan does to a Person that exists. What is held the run is to
// leave out and to be planned again. Where that is nothing, the
// Person gets the annotations that count what is done to it, in the same write. A plan
// that changes what is to be left out already is an error, so there are few rounds.
func (b *Brake) Restrain(ctx context.Context, subject Subject, plan rules.Result) (held Hold, err error) {
	user := subject.User
	before, after := changedPerson(plan)
	if user == nil || before == nil {
		return Hold{}, nil
	}
	counted := map[effect]time.Time{}
	for _, e := range effectsBetween(before, after) {
		if e == v1alpha1.HeldDisable && hasLeft(user) && before.Spec.SourceID == user.Name {
			continue // What has counted goes on to count, whatever rules make of it meanwhile.
		}
		if slices.Contains(subject.Held.Fields(), fieldOf(e)) {
			return Hold{}, fmt.Errorf("rules change field %s of Person %s again, though the safety brake holds that (%s)", fieldOf(e), before.Name, e)
		}
		answer, err := b.ask(ctx, subject.request(e, before, rules.MatchKey(after)))
		if err != nil {
			return Hold{}, err
		}
		if answer.Hold.On() {
			held = held.With(answer.Hold)
			continue
		}
		counted[e] = answer.At
	}
	if !held.On() {
		stampOutcomes(plan.Outcomes, counted, InUse(user))
	}
	return held, nil
}

// request is about an effect on a Person, which then has an address.
func (s Subject) request(e effect, person *v1alpha1.Person, address string) request {
	asked := request{namespace: s.User.Namespace, person: person.Name, effect: e, held: HoldOf(s.User)}
	if s.Held.covers(e) {
		asked.held = s.Held
	}
	if !isClients(e, s.User, address) {
		asked.rules = &s.Rules
	}
	return asked
}

// Move is a Person that is to get the address of another one, which is to leave it.
type Move struct {
	// Person is nil where the user has none yet.
	Person *v1alpha1.Person
	// Address is folded.
	Address string
	// Others are Persons that get their addresses together with this one or not at all.
	Others []string
	// Blocked says that the address does not become free, because what it waits for is held.
	Blocked bool
}

// MayMove decides whether a user's Person may get the address that it waits for: in a circle with all others of it, or
// none would come to rest.
func (b *Brake) MayMove(ctx context.Context, subject Subject, move Move) (Permit, error) {
	if move.Person == nil || isParked(move.Person) {
		return Permit{}, nil
	}
	asked := subject.request(v1alpha1.HeldChangePrimaryEmail, move.Person, move.Address)
	asked.others, asked.blocked = move.Others, move.Blocked
	return b.ask(ctx, asked)
}

// changedPerson is the Person that a plan changes, as it is and as it becomes; nil where there
// is none yet.
func changedPerson(plan rules.Result) (before, after *v1alpha1.Person) {
	after, ok := plan.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
	if !ok {
		return nil, nil
	}
	for _, outcome := range plan.Outcomes {
		if outcome.Create {
			return nil, nil
		}
		if before, ok := outcome.Before.(*v1alpha1.Person); ok {
			return before, after
		}
	}
	return nil, nil
}

// stampOutcomes notes in the outcomes that bring effects about when they did. To enable or disable a
// Person takes the count of the opposite off, unless its user is not in use and rules enable it.
func stampOutcomes(outcomes []rules.Outcome, counted map[effect]time.Time, inUse bool) {
	for i := range outcomes {
		before, known := outcomes[i].Before.(*v1alpha1.Person)
		after, written := outcomes[i].After.(*v1alpha1.Person)
		if !known || !written {
			continue
		}
		for _, e := range effectsBetween(before, after) {
			at, asked := counted[e]
			if !asked {
				continue
			}
			Stamp(after, e, at)
			if undone, ok := opposite[e]; ok && (inUse || e == v1alpha1.HeldDisable) {
				Stamp(after, undone, time.Time{})
			}
		}
	}
}
