package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// pageSize is how many objects are read at a time.
const pageSize = 500

// Query says who is meant. Each value that is given finds by itself; names and addresses are
// compared as the operator compares them.
type Query struct {
	// ID is a SCIM id.
	ID string
	// UserName is a userName, also one that an inactive user had when it was last active.
	UserName string
	// Email is the userName or primary e-mail address (the first one where none is primary) of a
	// user, or the primaryEmail of a Person. Who lists it besides may be somebody else: Listing.
	Email string
	// Person is the metadata.name of a Person.
	Person string
}

// Dossier is what there is of one human being, or of what looks like one: a Person and the
// user who is linked to it.
type Dossier struct {
	Users   []*v1alpha1.ScimUser
	Persons []*v1alpha1.Person
	// ids are the SCIM ids of the users, also of those that are gone already; names are what
	// they were called.
	ids, names []string
}

// journal is on a Person that is being erased: what its deletion, the last step, still has to
// know. So whatever was left undone is found by whichever name it is asked for.
type journal struct {
	IDs   []string `json:"ids"`
	Names []string `json:"names"`
}

func journalOf(person *v1alpha1.Person) (journal, bool) {
	var j journal
	text, begun := person.Annotations[v1alpha1.AnnotationErasing]
	if begun && json.Unmarshal([]byte(text), &j) != nil {
		// Not ours, or from another version: the marks of the Person hold all the same.
		return journal{}, true
	}
	return j, begun
}

// Find returns what matches. A SCIM id or a Person that does not exist is a dossier, too: of
// what it may have left.
func (e *Eraser) Find(ctx context.Context, q Query) ([]*Dossier, error) {
	if q == (Query{}) {
		return nil, errors.New("say who is meant: --id, --user-name, --email or --person")
	}
	users := map[string]*v1alpha1.ScimUser{}
	err := e.each(ctx, &v1alpha1.ScimUserList{}, func(object client.Object) error {
		if user, ok := object.(*v1alpha1.ScimUser); ok && q.matchesUser(user) {
			users[user.Name] = user.DeepCopy()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list ScimUsers: %w", err)
	}
	var persons []*v1alpha1.Person
	err = e.each(ctx, &v1alpha1.PersonList{}, func(object client.Object) error {
		if person, ok := object.(*v1alpha1.Person); ok && (q.matchesPerson(person) || isOf(person, users)) {
			persons = append(persons, person.DeepCopy())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list Persons: %w", err)
	}
	if err := e.addLinked(ctx, persons, users); err != nil {
		return nil, err
	}
	return q.dossiers(users, persons), nil
}

// isOf reports whether a Person is one of these users', or was until somebody took its link off.
func isOf(person *v1alpha1.Person, users map[string]*v1alpha1.ScimUser) bool {
	if person.Spec.SourceID != "" {
		return users[person.Spec.SourceID] != nil
	}
	for _, user := range users {
		if user.Status.Person != nil && user.Status.Person.Name == person.Name {
			return true
		}
	}
	return false
}

// addLinked adds the users that Persons are linked to.
func (e *Eraser) addLinked(ctx context.Context, persons []*v1alpha1.Person, users map[string]*v1alpha1.ScimUser) error {
	for _, person := range persons {
		id := person.Spec.SourceID
		if id == "" || users[id] != nil {
			continue
		}
		user := &v1alpha1.ScimUser{}
		err := e.Client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: id}, user)
		switch {
		case err == nil:
			users[id] = user
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("get the user of a Person: %w", err)
		}
	}
	return nil
}

func (q Query) matchesUser(user *v1alpha1.ScimUser) bool {
	last := user.AsLastActive()
	if q.ID == user.Name || q.UserName != "" && (fold.Equal(q.UserName, user.Spec.UserName) || fold.Equal(q.UserName, last.Spec.UserName)) {
		return true
	}
	if q.Email == "" {
		return false
	}
	return isKnownBy(user, q.Email) || isKnownBy(last, q.Email)
}

// isKnownBy reports whether an address is the one that a user is known by. Others that it lists may be somebody else's.
func isKnownBy(user *v1alpha1.ScimUser, address string) bool {
	if fold.Email(user.Spec.UserName) == fold.Email(address) {
		return true
	}
	emails := user.Spec.Emails
	primary := max(0, slices.IndexFunc(emails, func(v v1alpha1.ScimValue) bool { return ptr.Deref(v.Primary, false) }))
	return len(emails) > 0 && fold.Email(emails[primary].Value) == fold.Email(address)
}

// matchesPerson also finds by what a user was called that is gone.
func (q Query) matchesPerson(person *v1alpha1.Person) bool {
	primary := fold.Email(person.Spec.PrimaryEmail)
	j, begun := journalOf(person)
	switch {
	case q.Person == person.Name, q.ID != "" && (q.ID == person.Spec.SourceID || slices.Contains(j.IDs, q.ID)):
		return true
	case q.UserName != "" && (fold.Email(q.UserName) == primary || slices.ContainsFunc(j.Names, func(name string) bool { return fold.Equal(name, q.UserName) })):
		return true
	}
	// What of a user was known by another address is gone where this was interrupted.
	return q.Email != "" && (fold.Email(q.Email) == primary || begun && personLists(person, q.Email))
}

func personLists(person *v1alpha1.Person, address string) bool {
	return slices.ContainsFunc(person.Spec.OtherEmails, func(listed string) bool { return fold.Email(listed) == fold.Email(address) })
}

// Listing names the users and Persons that have the address of a query besides their own. It
// may be somebody else's, so Find does not return them.
func (e *Eraser) Listing(ctx context.Context, q Query) ([]string, error) {
	var names []string
	for _, list := range []client.ObjectList{&v1alpha1.ScimUserList{}, &v1alpha1.PersonList{}} {
		err := e.each(ctx, list, func(object client.Object) error {
			if q.Email != "" && lists(object, q.Email) {
				names = append(names, kindOf(object)+" "+object.GetName())
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list %T: %w", list, err)
		}
	}
	return names, nil
}

func lists(object client.Object, address string) bool {
	switch object := object.(type) {
	case *v1alpha1.ScimUser:
		return slices.ContainsFunc(object.AsLastActive().Spec.Emails, func(v v1alpha1.ScimValue) bool { return fold.Email(v.Value) == fold.Email(address) })
	case *v1alpha1.Person:
		return personLists(object, address)
	}
	return false
}

// dossiers puts together what belongs together, in the order of names.
func (q Query) dossiers(users map[string]*v1alpha1.ScimUser, persons []*v1alpha1.Person) []*Dossier {
	byUser := map[string]*Dossier{}
	var all []*Dossier
	of := func(id string) *Dossier {
		d := byUser[id]
		if d == nil || id == "" {
			d = &Dossier{}
			byUser[id] = d
			all = append(all, d)
		}
		return d
	}
	for _, id := range slices.Sorted(maps.Keys(users)) {
		d, user := of(id), users[id]
		d.Users = append(d.Users, user)
		d.note(id, user.Spec.UserName, user.AsLastActive().Spec.UserName)
	}
	for _, person := range persons {
		id := person.Spec.SourceID
		for _, user := range users {
			if id == "" && user.Status.Person != nil && user.Status.Person.Name == person.Name {
				id = user.Name
			}
		}
		d := of(id)
		d.Persons = append(d.Persons, person)
		j, _ := journalOf(person)
		d.note(id, j.Names...)
		for _, former := range j.IDs {
			d.note(former)
		}
	}
	if len(all) == 0 && (q.ID != "" || q.Person != "") {
		d := &Dossier{}
		d.note(q.ID)
		if q.Person != "" {
			d.Persons = append(d.Persons, &v1alpha1.Person{})
			d.Persons[0].Name = q.Person
		}
		all = append(all, d)
	}
	return all
}

func (d *Dossier) note(id string, names ...string) {
	if id != "" && !slices.Contains(d.ids, id) {
		d.ids = append(d.ids, id)
	}
	for _, name := range names {
		if !slices.Contains(d.names, name) {
			d.names = append(d.names, name)
		}
	}
}

// exists reports whether there is a Person or user, and not only what they left.
func (d *Dossier) exists() bool {
	return len(d.Users) > 0 || slices.ContainsFunc(d.Persons, func(p *v1alpha1.Person) bool { return p.UID != "" })
}

func (d *Dossier) hasPerson(name string) bool {
	return slices.ContainsFunc(d.Persons, func(p *v1alpha1.Person) bool { return p.Name == name })
}

// each reads a kind page by page. What visit gets is overwritten by the next page.
func (e *Eraser) each(ctx context.Context, list client.ObjectList, visit func(client.Object) error, options ...client.ListOption) error {
	for {
		page := append(slices.Clone(options), client.InNamespace(e.Namespace), client.Limit(pageSize), client.Continue(list.GetContinue()))
		if err := e.Client.List(ctx, list, page...); err != nil {
			return err
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok {
				return fmt.Errorf("%T has no metadata", item)
			}
			return visit(object)
		})
		if err != nil || list.GetContinue() == "" {
			return err
		}
	}
}
