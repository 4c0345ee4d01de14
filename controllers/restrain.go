package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// restrain asks the brake about what a plan does to a Person that exists. It reports whether
// something is held: then the run says so and is to be planned again, without that. Else the
// Person gets the annotations that count what is done to it, in the same write. A plan
// that changes what is to be left out already is an error, so there are few rounds.
func (b *brake) restrain(ctx context.Context, run *run, plan rules.Result) (again bool, err error) {
	user := run.input.User
	before, after := changedPerson(plan)
	if user == nil || before == nil {
		return false, nil
	}
	counted := map[effect]time.Time{}
	for _, e := range effectsBetween(before, after) {
		if e == v1alpha1.HeldDisable && hasLeft(user) && before.Spec.SourceID == user.Name {
			continue // What has counted goes on to count, whatever rules make of it meanwhile.
		}
		if slices.Contains(run.input.Held, fieldOf(e)) {
			return false, fmt.Errorf("rules change field %s of Person %s again, though the safety brake holds that (%s)", fieldOf(e), before.Name, e)
		}
		answer, err := b.ask(ctx, run.request(e, before, rules.MatchKey(after)))
		if err != nil {
			return false, err
		}
		if answer.hold.on() {
			run.held(answer.hold)
			again = true
			continue
		}
		counted[e] = answer.at
	}
	if !again {
		stamp(plan.Outcomes, counted, isInUse(user))
	}
	return again, nil
}

// request is about an effect on a Person, which then has an address.
func (run *run) request(e effect, person *v1alpha1.Person, address string) request {
	user := run.input.User
	asked := request{namespace: user.Namespace, person: person.Name, effect: e, held: holdOf(user)}
	if run.hold.covers(e) {
		asked.held = run.hold
	}
	if !isClients(e, user, address) {
		asked.rules = &run.set
	}
	return asked
}

// held notes that something is held, so that plans leave it out from now on.
func (run *run) held(h hold) {
	run.hold = run.hold.with(h)
	for _, e := range h.effects {
		if field := fieldOf(e); !slices.Contains(run.input.Held, field) {
			run.input.Held = append(run.input.Held, field)
		}
	}
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

// stamp notes in the outcomes that bring effects about when they did. To enable or disable a
// Person takes the count of the opposite off, unless its user is not in use and rules enable it.
func stamp(outcomes []rules.Outcome, counted map[effect]time.Time, inUse bool) {
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
