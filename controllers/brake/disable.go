package brake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/verdict"
)

// linkedPersons are the Persons of a user: those that are linked to it, and the one
// that was last seen to be if somebody has taken the link off by hand since. One
// that is linked to another user by now is not among them, nor is one that is protected.
func linkedPersons(ctx context.Context, reader client.Reader, user *v1alpha1.ScimUser) ([]v1alpha1.Person, error) {
	linked := &v1alpha1.PersonList{}
	err := directory.List(ctx, reader, linked, user.Namespace, directory.PersonBySource, user.Name)
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
func (b *Brake) disablePerson(ctx context.Context, person *v1alpha1.Person, held Hold, because string) (Hold, error) {
	if person.Spec.Disabled {
		return Hold{}, nil
	}
	answer, err := b.ask(ctx, request{namespace: person.Namespace, person: person.Name, effect: v1alpha1.HeldDisable, held: held})
	if err != nil || answer.Hold.On() {
		return answer.Hold, err
	}
	enabled := person.DeepCopy()
	person.Spec.Disabled = true
	Stamp(person, v1alpha1.HeldDisable, answer.At)
	Stamp(person, v1alpha1.HeldEnable, time.Time{})
	return Hold{}, b.disable(ctx, enabled, person, because)
}

// disable writes a Person that is disabled now.
func (b *Brake) disable(ctx context.Context, enabled, person *v1alpha1.Person, because string) error {
	patch := client.MergeFromWithOptions(enabled, client.MergeFromWithOptimisticLock{})
	if err := b.client.Patch(ctx, person, patch); err != nil {
		return verdict.FailedTo("disable Person", err)
	}
	logf.FromContext(ctx).Info("Disabled a Person", "record", person.Name, "because", because)
	return nil
}

// DisableAll disables all Persons of a user out of use that are not held, and returns
// how many the user has.
func (b *Brake) DisableAll(ctx context.Context, user *v1alpha1.ScimUser, because string) (int, Hold, error) {
	persons, err := linkedPersons(ctx, b.client, user)
	if err != nil {
		return 0, Hold{}, err
	}
	var held Hold
	for i := range persons {
		one, err := b.disableFor(ctx, user, &persons[i], because)
		if err != nil {
			return 0, Hold{}, err
		}
		if one.On() {
			held = one
		}
	}
	if len(persons) > 0 && !held.On() {
		NoteDisabled(user, true, b.clock.Now())
	}
	return len(persons), held, nil
}

// disableFor disables a Person of a user out of use.
func (b *Brake) disableFor(ctx context.Context, user *v1alpha1.ScimUser, person *v1alpha1.Person, because string) (Hold, error) {
	if hasLeft(user) && !person.Spec.Disabled {
		enabled := person.DeepCopy()
		person.Spec.Disabled = true
		return Hold{}, b.disable(ctx, enabled, person, because)
	}
	return b.disablePerson(ctx, person, HoldOf(user), because)
}

// DisableOrphan disables a Person whose user is gone, unless that is held.
func (b *Brake) DisableOrphan(ctx context.Context, person *v1alpha1.Person) (Hold, error) {
	return b.disablePerson(ctx, person, holdOfOrphan(person), "its user is gone")
}
