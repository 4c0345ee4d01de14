package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

// brakeSubject is the user of a run, as the brake has to know it.
type brakeSubject struct {
	// user is nil where the subject is a group.
	user *v1alpha1.ScimUser
	// held is what the run leaves out already, and rules are those that it carries out.
	held  hold
	rules rulecache.Set
}

// restrain decides about what a plan does to a Person that exists. What is held the run is to
// leave out and to be planned again. Where that is nothing, the
// Person gets the annotations that count what is done to it, in the same write. A plan
// that changes what is to be left out already is an error, so there are few rounds.
func (b *brake) restrain(ctx context.Context, subject brakeSubject, plan rules.Result) (held hold, err error) {
	user := subject.user
	before, after := changedPerson(plan)
	if user == nil || before == nil {
		return hold{}, nil
	}
	counted := map[effect]time.Time{}
	for _, e := range effectsBetween(before, after) {
		if e == v1alpha1.HeldDisable && hasLeft(user) && before.Spec.SourceID == user.Name {
			continue // What has counted goes on to count, whatever rules make of it meanwhile.
		}
		if slices.Contains(subject.held.fields(), fieldOf(e)) {
			return hold{}, fmt.Errorf("rules change field %s of Person %s again, though the safety brake holds that (%s)", fieldOf(e), before.Name, e)
		}
		answer, err := b.ask(ctx, subject.request(e, before, rules.MatchKey(after)))
		if err != nil {
			return hold{}, err
		}
		if answer.hold.on() {
			held = held.with(answer.hold)
			continue
		}
		counted[e] = answer.at
	}
	if !held.on() {
		stampOutcomes(plan.Outcomes, counted, isInUse(user))
	}
	return held, nil
}

// request is about an effect on a Person, which then has an address.
func (s brakeSubject) request(e effect, person *v1alpha1.Person, address string) request {
	asked := request{namespace: s.user.Namespace, person: person.Name, effect: e, held: holdOf(s.user)}
	if s.held.covers(e) {
		asked.held = s.held
	}
	if !isClients(e, s.user, address) {
		asked.rules = &s.rules
	}
	return asked
}

// brakeMove is a Person that is to get the address of another one, which is to leave it.
type brakeMove struct {
	// person is nil where the user has none yet.
	person *v1alpha1.Person
	// address is folded.
	address string
	// others are Persons that get their addresses together with this one or not at all.
	others []string
	// blocked says that the address does not become free, because what it waits for is held.
	blocked bool
}

// mayMove decides whether a user's Person may get the address that it waits for: in a circle with all others of it, or
// none would come to rest.
func (b *brake) mayMove(ctx context.Context, subject brakeSubject, move brakeMove) (permit, error) {
	if move.person == nil || isParked(move.person) {
		return permit{}, nil
	}
	asked := subject.request(v1alpha1.HeldChangePrimaryEmail, move.person, move.address)
	asked.others, asked.blocked = move.others, move.blocked
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
			stampPerson(after, e, at)
			if undone, ok := opposite[e]; ok && (inUse || e == v1alpha1.HeldDisable) {
				stampPerson(after, undone, time.Time{})
			}
		}
	}
}
