package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// restrain asks the brake about a plan that disables a Person. Where that is held,
// the plan is left without it; where not, the Person gets the annotation that counts
// it, in the same write. It changes the outcomes.
func (b *brake) restrain(ctx context.Context, run *run, plan rules.Result) error {
	user := run.input.User
	if user == nil {
		return nil
	}
	person := disables(plan)
	switch {
	case person == nil && isInUse(user):
		stamp(plan.Outcomes, "")
		return nil
	case person == nil, hasLeft(user) && person.Spec.SourceID == user.Name:
		// What has counted goes on to count, whatever rules make of it meanwhile.
		return nil
	}
	request := disableRequest{namespace: user.Namespace, person: person.Name, held: holdOf(user)}
	if run.hold.on() {
		request.held = run.hold
	}
	if isInUse(user) {
		request.rules = &run.set
	}
	answer, err := b.ask(ctx, request)
	switch {
	case err != nil:
		return err
	case answer.hold.on():
		run.hold = answer.hold
		keepEnabled(plan)
	case answer.uncounted:
		stamp(plan.Outcomes, "")
	default:
		stamp(plan.Outcomes, b.clock.Now().UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// isInUse reports whether the client has the user in use. What disables its Person then is
// the rules' doing, and nothing else is: of whom the client has taken out of use it has said
// that the Person is to be disabled.
func isInUse(user *v1alpha1.ScimUser) bool { return user.DeletionTimestamp.IsZero() && user.IsActive() }

// hasLeft reports whether the Person of a user out of use has been disabled for that before. It
// has counted then, and to disable it again is to repair what somebody has enabled.
func hasLeft(user *v1alpha1.ScimUser) bool {
	return !isInUse(user) && user.Status.DeprovisionedAt != nil
}

// noteDisabled keeps in the status of a user since when its Person has been disabled because
// the client has taken it out of use.
func noteDisabled(user *v1alpha1.ScimUser, disabled bool, now time.Time) {
	switch {
	case isInUse(user):
		user.Status.DeprovisionedAt = nil
	case disabled && user.Status.DeprovisionedAt == nil:
		user.Status.DeprovisionedAt = new(v1alpha1.NewTimestamp(now))
	}
}

// disables returns the Person that a plan disables as it is, nil if it disables none. A new
// Person is not one of them.
func disables(plan rules.Result) *v1alpha1.Person {
	after, ok := plan.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
	if !ok || !after.Spec.Disabled {
		return nil
	}
	for _, outcome := range plan.Outcomes {
		if outcome.Create {
			return nil
		}
		if before, ok := outcome.Before.(*v1alpha1.Person); ok {
			if before.Spec.Disabled {
				return nil
			}
			return before
		}
	}
	return nil
}

// stamp sets AnnotationDisabledAt where a rule disables the Person, or takes it off if
// at is "", and takes it off where one enables it.
func stamp(outcomes []rules.Outcome, at string) {
	for i := range outcomes {
		before, known := outcomes[i].Before.(*v1alpha1.Person)
		after, written := outcomes[i].After.(*v1alpha1.Person)
		if known && written && before.Spec.Disabled != after.Spec.Disabled {
			stampPerson(after, at)
		}
	}
}

func stampPerson(person *v1alpha1.Person, at string) {
	if !person.Spec.Disabled || at == "" {
		delete(person.Annotations, v1alpha1.AnnotationDisabledAt)
		return
	}
	if person.Annotations == nil {
		person.Annotations = map[string]string{}
	}
	person.Annotations[v1alpha1.AnnotationDisabledAt] = at
}

// keepEnabled leaves out of a plan that the Person is disabled, and nothing else.
func keepEnabled(plan rules.Result) {
	for i := range plan.Outcomes {
		outcome := &plan.Outcomes[i]
		for _, version := range []rules.Record{outcome.Before, outcome.After} {
			if person, ok := version.(*v1alpha1.Person); ok {
				person.Spec.Disabled = false
			}
		}
		changes := slices.DeleteFunc(slices.Clone(outcome.Changes), func(c v1alpha1.FieldChange) bool { return c.Field == rules.FieldDisabled })
		if outcome.Reason != v1alpha1.ReasonApplied || len(changes) == len(outcome.Changes) {
			continue
		}
		outcome.Changes = changes
		outcome.Overruled = ""
		done := fmt.Sprintf("changes %s", changedFields(*outcome))
		if len(changes) == 0 {
			outcome.Reason, done = v1alpha1.ReasonNoChange, "changes nothing else"
		}
		outcome.Message = fmt.Sprintf("rule %s %s; that it disables the Person is held by the safety brake%s", outcome.Rule, done, outcome.Remarks())
	}
	if person, ok := plan.Records[v1alpha1.RecordPerson].(*v1alpha1.Person); ok {
		person.Spec.Disabled = false
	}
}
