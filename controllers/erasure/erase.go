// Package erasure is the operator's answer to "erase this person": it removes what is stored of
// one human being, whatever the operator does meanwhile.
package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

const (
	// DefaultWait is twice as long as a reconcile can take, so that none is under way any more
	// that does not know of the deletion.
	DefaultWait = 2 * time.Minute
	// maxSweeps is how often is looked for what others have written meanwhile.
	maxSweeps = 3
	// pollInterval is how often is looked whether the operator has let a user go.
	pollInterval = 200 * time.Millisecond
	// maxTries is how often a write is tried that meets another one.
	maxTries   = 10
	fieldOwner = client.FieldOwner("scim-erase")
)

// Eraser erases in one namespace.
//
// Its order is what makes it safe. First the Person is marked: it is disabled, and protected, so
// that neither rules nor a finalizer touch it from then on, nor does the safety brake hold or
// count it, and it has a journal. Then the users go, and with them whatever could make a Person
// anew. Then all that names them. The Person goes last, since it is what an interrupted run is
// found by. Each step does nothing where it was done before.
type Eraser struct {
	Client    client.Client
	Namespace string
	// Wait is how long to wait for the operator to let a user go, before the rest is erased
	// without it. 0 means DefaultWait. Anything shorter is safe only while no operator runs.
	Wait time.Duration
	// Say is called after each write, with what it did. Nil: nobody is told.
	Say func(format string, args ...any)
}

// errLeft means that something is left to do, of which Say has told.
var errLeft = errors.New("not everything is erased")

func (e *Eraser) say(format string, args ...any) {
	if e.Say != nil {
		e.Say(format, args...)
	}
}

// Erase removes what there is of a dossier.
func (e *Eraser) Erase(ctx context.Context, d *Dossier) error {
	for _, person := range d.Persons {
		if err := e.mark(ctx, person, d); err != nil {
			return err
		}
	}
	stays := false
	for _, user := range d.Users {
		gone, err := e.deleteUser(ctx, user)
		if err != nil {
			return err
		}
		stays = stays || !gone
	}
	if err := e.sweep(ctx, d); err != nil {
		return err
	}
	for _, person := range d.Persons {
		if err := e.deletePerson(ctx, person); err != nil {
			return err
		}
	}
	// What somebody wrote between the sweep and the deletion.
	if err := e.sweep(ctx, d); err != nil {
		return err
	}
	if stays {
		return errLeft
	}
	return nil
}

// mark takes a Person out of everybody's hands and notes on it what its last step has to know.
// Somebody's own protection is not ours to take away.
func (e *Eraser) mark(ctx context.Context, person *v1alpha1.Person, d *Dossier) error {
	if person.UID == "" {
		return nil
	}
	_, begun := journalOf(person)
	if person.IsProtected() && !begun {
		return fmt.Errorf("Person %s is protected: take its annotation %s off first", person.Name, v1alpha1.AnnotationProtected)
	}
	note, err := json.Marshal(journal{IDs: d.ids, Names: d.names})
	if err != nil {
		return fmt.Errorf("write down what is erased: %w", err)
	}
	if begun && person.IsProtected() && person.Spec.Disabled && person.Annotations[v1alpha1.AnnotationErasing] == string(note) {
		return nil
	}
	before := person.DeepCopy()
	if person.Annotations == nil {
		person.Annotations = map[string]string{}
	}
	person.Annotations[v1alpha1.AnnotationErasing] = string(note)
	person.Annotations[v1alpha1.AnnotationProtected] = "true"
	person.Spec.Disabled = true
	// As it was read: should another user have got it meanwhile, this is not what was agreed to.
	err = e.Client.Patch(ctx, person, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), fieldOwner)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err):
		return fmt.Errorf("Person %s has changed meanwhile: repeat the command", person.Name)
	case err != nil:
		return fmt.Errorf("mark Person %s: %w", person.Name, err)
	}
	e.say("marked Person %s: disabled, and kept from rules and clients", person.Name)
	return nil
}

// deleteUser deletes a user and waits until the operator has let it go. It reports false if that
// did not happen: by then nothing is under way any more that could make a Person of it.
func (e *Eraser) deleteUser(ctx context.Context, user *v1alpha1.ScimUser) (gone bool, err error) {
	if user.DeletionTimestamp.IsZero() {
		err := e.Client.Delete(ctx, user, client.Preconditions{UID: &user.UID})
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("delete ScimUser %s: %w", user.Name, err)
		}
		e.say("deleted ScimUser %s", user.Name)
	}
	limit := e.Wait
	if limit == 0 {
		limit = DefaultWait
	}
	err = wait.PollUntilContextTimeout(ctx, pollInterval, limit, true, func(ctx context.Context) (bool, error) {
		now := &v1alpha1.ScimUser{}
		err := e.Client.Get(ctx, client.ObjectKeyFromObject(user), now)
		if apierrors.IsNotFound(err) || err == nil && now.UID != user.UID {
			return true, nil
		}
		return false, err
	})
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() == nil && wait.Interrupted(err):
		e.say("ScimUser %s is still there, marked for deletion: it goes as soon as an operator runs", user.Name)
		return false, nil
	}
	return false, fmt.Errorf("wait until ScimUser %s is gone: %w", user.Name, err)
}

// sweep removes what hangs on a dossier and where it is named, until nothing of that is left.
func (e *Eraser) sweep(ctx context.Context, d *Dossier) error {
	for range maxSweeps {
		s, err := e.survey(ctx, d)
		if err != nil {
			return err
		}
		if !s.left() {
			return nil
		}
		if err := e.remove(ctx, d, s); err != nil {
			return err
		}
	}
	s, err := e.survey(ctx, d)
	if err != nil || !s.left() {
		return err
	}
	return errors.New("somebody writes anew what was erased: is a rule or Git at work on it? Repeat the command")
}

func (e *Eraser) remove(ctx context.Context, d *Dossier, s *survey) error {
	for _, name := range s.executions {
		execution := &v1alpha1.AutomationRuleExecution{}
		execution.Namespace, execution.Name = e.Namespace, name
		if err := e.delete(ctx, execution); err != nil {
			return err
		}
	}
	for _, claim := range s.claims {
		if err := e.delete(ctx, claim, client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion}); err != nil {
			return err
		}
	}
	for _, record := range s.managed {
		if err := e.patch(ctx, record, "took the manager off", clearManager); err != nil {
			return err
		}
	}
	for _, page := range s.pages {
		if err := e.patch(ctx, page, "took the member out of", d.leave); err != nil {
			return err
		}
	}
	for _, group := range s.groups {
		if err := e.patch(ctx, group, "took the member out of", d.leave); err != nil {
			return err
		}
	}
	for _, person := range s.formerly {
		err := e.patch(ctx, person, "took the former user off", func(record client.Object) { d.forgetIn(record) })
		if err != nil {
			return err
		}
	}
	for _, execution := range s.mentions {
		err := e.Client.Update(ctx, execution, fieldOwner)
		if err := passing(err); err != nil {
			return fmt.Errorf("erase values in AutomationRuleExecution %s: %w", execution.Name, err)
		}
		if err == nil {
			e.say("erased values in AutomationRuleExecution %s of %s %s", execution.Name, execution.Spec.Subject.Kind, execution.Spec.Subject.Name)
		}
	}
	return nil
}

// passing is nil for an object that has changed or gone meanwhile: the next sweep looks again.
func passing(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (e *Eraser) delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	err := e.Client.Delete(ctx, object, options...)
	if err := passing(err); err != nil {
		return fmt.Errorf("delete %s %s: %w", kindOf(object), object.GetName(), err)
	}
	if err == nil {
		e.say("deleted %s %s", kindOf(object), object.GetName())
	}
	return nil
}

func (e *Eraser) patch(ctx context.Context, object client.Object, done string, change func(client.Object)) error {
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copy %T", object)
	}
	change(object)
	err := e.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), fieldOwner)
	if err := passing(err); err != nil {
		return fmt.Errorf("change %s %s: %w", kindOf(object), object.GetName(), err)
	}
	if err == nil {
		e.say("%s %s %s", done, kindOf(object), object.GetName())
	}
	return nil
}

func clearManager(record client.Object) {
	switch record := record.(type) {
	case *v1alpha1.Person:
		record.Spec.Manager = nil
	case *v1alpha1.Organization:
		record.Spec.Manager = nil
	}
}

// leave takes the users out of a group or a page.
func (d *Dossier) leave(object client.Object) {
	switch object := object.(type) {
	case *v1alpha1.ScimGroup:
		object.Spec.Members = slices.DeleteFunc(object.Spec.Members, d.isMember)
	case *v1alpha1.ScimGroupPage:
		object.Spec.Members = slices.DeleteFunc(object.Spec.Members, d.isMember)
	}
}

// forgetIn takes the users out of what a Person remembers.
func (d *Dossier) forgetIn(record client.Object) {
	person, ok := record.(*v1alpha1.Person)
	if !ok {
		return
	}
	if d.hasID(person.Annotations[v1alpha1.AnnotationAdopted]) {
		delete(person.Annotations, v1alpha1.AnnotationAdopted)
	}
	others := slices.DeleteFunc(rules.FormerSources(person), d.hasID)
	if len(others) == 0 {
		delete(person.Annotations, v1alpha1.AnnotationFormerSources)
		return
	}
	person.Annotations[v1alpha1.AnnotationFormerSources] = strings.Join(others, ",")
}

// deletePerson deletes a Person that is marked, as it is then, and no other one of its name.
func (e *Eraser) deletePerson(ctx context.Context, person *v1alpha1.Person) error {
	for range maxTries {
		now := &v1alpha1.Person{}
		err := e.Client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: person.Name}, now)
		if apierrors.IsNotFound(err) || err == nil && now.UID != person.UID {
			return nil
		}
		if err != nil {
			return fmt.Errorf("get Person %s: %w", person.Name, err)
		}
		if _, begun := journalOf(now); !begun || !now.IsProtected() {
			return fmt.Errorf("Person %s is no longer marked: somebody has taken it back; repeat the command to erase it all the same", person.Name)
		}
		err = e.Client.Delete(ctx, now, client.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion})
		if err == nil {
			e.say("deleted Person %s", person.Name)
		}
		if !apierrors.IsConflict(err) {
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete Person %s: %w", person.Name, err)
			}
			return nil
		}
	}
	return fmt.Errorf("delete Person %s: it changes all the time; repeat the command", person.Name)
}

func kindOf(object client.Object) string {
	name := fmt.Sprintf("%T", object)
	return name[strings.LastIndex(name, ".")+1:]
}
