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
	name, disables := disables(plan)
	if !disables {
		stamp(plan.Outcomes, "")
		return nil
	}
	request := disableRequest{namespace: user.Namespace, person: name, held: holdOf(user)}
	if run.hold.on() {
		request.held = run.hold
	}
	if !causedByClient(user) {
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

// causedByClient reports whether the client has taken the user out of use since the
// user was last processed. What else disables its Person is the rules' doing.
func causedByClient(user *v1alpha1.ScimUser) bool {
	return !user.DeletionTimestamp.IsZero() || (!user.IsActive() && user.Status.ObservedGeneration != user.Generation)
}

// disables returns the name of the Person that a plan disables, if it does. A new
// Person is not one of them.
func disables(plan rules.Result) (string, bool) {
	after, ok := plan.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
	if !ok || !after.Spec.Disabled {
		return "", false
	}
	for _, outcome := range plan.Outcomes {
		if outcome.Create {
			return "", false
		}
		if before, ok := outcome.Before.(*v1alpha1.Person); ok {
			return before.Name, !before.Spec.Disabled
		}
	}
	return "", false
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
