package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// linkedPersons are the Persons of a user: those that are linked to it, and the one
// that was last seen to be if somebody has taken the link off by hand since. One
// that is linked to another user by now is not among them, nor is one that is protected.
func linkedPersons(ctx context.Context, reader client.Reader, user *v1alpha1.ScimUser) ([]v1alpha1.Person, error) {
	linked := &v1alpha1.PersonList{}
	err := reader.List(ctx, linked, client.InNamespace(user.Namespace), client.MatchingFields{directory.PersonBySource: user.Name})
	if err != nil {
		return nil, fmt.Errorf("list the user's Persons: %w", err)
	}
	persons := slices.DeleteFunc(linked.Items, func(p v1alpha1.Person) bool { return p.IsProtected() })
	if user.Status.Person == nil {
		return persons, nil
	}
	last := &v1alpha1.Person{}
	err = reader.Get(ctx, client.ObjectKey{Namespace: user.Namespace, Name: user.Status.Person.Name}, last)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get the user's last Person: %w", err)
	}
	if err == nil && last.Spec.SourceID == "" && !last.IsProtected() {
		return append(persons, *last), nil
	}
	return persons, nil
}

// disablePerson disables a Person as it was read, if it is enabled and not held, and
// keeps all its other data.
func (b *brake) disablePerson(ctx context.Context, person *v1alpha1.Person, held hold, because string) (hold, error) {
	if person.Spec.Disabled {
		return hold{}, nil
	}
	answer, err := b.ask(ctx, request{namespace: person.Namespace, person: person.Name, effect: v1alpha1.HeldDisable, held: held})
	if err != nil || answer.hold.on() {
		return answer.hold, err
	}
	enabled := person.DeepCopy()
	person.Spec.Disabled = true
	stampPerson(person, v1alpha1.HeldDisable, answer.at)
	stampPerson(person, v1alpha1.HeldEnable, time.Time{})
	return hold{}, b.disable(ctx, enabled, person, because)
}

// disable writes a Person that is disabled now.
func (b *brake) disable(ctx context.Context, enabled, person *v1alpha1.Person, because string) error {
	patch := client.MergeFromWithOptions(enabled, client.MergeFromWithOptimisticLock{})
	if err := b.client.Patch(ctx, person, patch); err != nil {
		return verdict.FailedTo("disable Person", err)
	}
	logf.FromContext(ctx).Info("Disabled a Person", "record", person.Name, "because", because)
	return nil
}

// disablePersons disables all Persons of a user out of use that are not held, and returns
// how many the user has.
func (b *brake) disablePersons(ctx context.Context, user *v1alpha1.ScimUser, because string) (int, hold, error) {
	persons, err := linkedPersons(ctx, b.client, user)
	if err != nil {
		return 0, hold{}, err
	}
	var held hold
	for i := range persons {
		one, err := b.disableFor(ctx, user, &persons[i], because)
		if err != nil {
			return 0, hold{}, err
		}
		if one.on() {
			held = one
		}
	}
	if len(persons) > 0 && !held.on() {
		noteDisabled(user, true, b.clock.Now())
	}
	return len(persons), held, nil
}

// disableFor disables a Person of a user out of use.
func (b *brake) disableFor(ctx context.Context, user *v1alpha1.ScimUser, person *v1alpha1.Person, because string) (hold, error) {
	if hasLeft(user) && !person.Spec.Disabled {
		enabled := person.DeepCopy()
		person.Spec.Disabled = true
		return hold{}, b.disable(ctx, enabled, person, because)
	}
	return b.disablePerson(ctx, person, holdOf(user), because)
}

// disableUndecided disables the Persons of an inactive user unless a rule has decided
// about that in this run, one way or the other: a rule that fails, does not apply,
// does not compile or is gone must not keep somebody enabled who has left. It
// reports whether it stands in for the rules.
func (r *userReconciler) disableUndecided(ctx context.Context, user *v1alpha1.ScimUser, done *run) (bool, error) {
	if user.IsActive() || rules.Assigned(done.outcomes, rules.FieldDisabled) {
		return false, nil
	}
	persons, held, err := r.runner.brake.disablePersons(ctx, user, "the user is inactive and no rule decided")
	if held.on() {
		done.held(held)
	}
	return persons > 0 && !held.on(), err
}

// disableOrphan disables a Person that a SCIM client pushed and whose user is gone, unless it is protected.
// Usually the user's finalizer has seen to that. It cannot where it was taken off by
// hand, or where a process that was no longer the leader wrote the Person last.
func (r *personReconciler) disableOrphan(ctx context.Context, person *v1alpha1.Person) (hold, error) {
	orphan, err := r.isOrphan(ctx, person)
	if err != nil || !orphan || person.IsProtected() {
		return hold{}, err
	}
	return r.brake.disablePerson(ctx, person, holdOfOrphan(person), "its user is gone")
}

// isOrphan reports whether a Person is enabled that a SCIM client pushed and whose user is gone.
func (r *personReconciler) isOrphan(ctx context.Context, person *v1alpha1.Person) (bool, error) {
	if person.Spec.Disabled || person.Spec.Source != v1alpha1.SourceSCIM || person.Spec.SourceID == "" {
		return false, nil
	}
	key := client.ObjectKey{Namespace: person.Namespace, Name: person.Spec.SourceID}
	// The API server has the last word, since the cache may not have a new user yet.
	for _, reader := range []client.Reader{r.client, r.live} {
		err := reader.Get(ctx, key, &v1alpha1.ScimUser{})
		if err == nil {
			return false, nil
		}
		if !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("look up the Person's user: %w", err)
		}
	}
	return true, nil
}

// personsOfUser finds the Persons of a user that is gone.
func (f finder) personsOfUser(ctx context.Context, old, current *v1alpha1.ScimUser, into requestSet) error {
	if current != nil {
		return nil
	}
	return f.personsBy(ctx, old.Namespace, directory.PersonBySource, old.Name, into)
}
