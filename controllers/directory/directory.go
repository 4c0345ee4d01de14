package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// View is what rules look up: the cache's view of one namespace, including
// everything that this process has written. It hands out the cache's own objects.
type View struct {
	reader    client.Reader
	namespace string
}

var _ rules.Directory = View{}

// Of is the directory of a namespace. The reader is a manager's client or its cache, with the indexes.
func Of(reader client.Reader, namespace string) View {
	return View{reader: reader, namespace: namespace}
}

// Get reads an object without copying it, and reports whether it exists.
func (d View) Get(ctx context.Context, name string, into client.Object) (bool, error) {
	err := d.reader.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: name}, into, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up %T: %w", into, err)
	}
	return true, nil
}

// list reads what is under one key of an index, without copying it.
func (d View) list(ctx context.Context, into client.ObjectList, index, key string) error {
	return List(ctx, d.reader, into, d.namespace, index, key, client.UnsafeDisableDeepCopy)
}

func (d View) organizations(ctx context.Context, index, key string) (*v1alpha1.Organization, error) {
	found := &v1alpha1.OrganizationList{}
	if err := d.list(ctx, found, index, key); err != nil {
		return nil, err
	}
	return preferred(found.Items, func(o *v1alpha1.Organization) (bool, string) { return o.Spec.Disabled, o.Name }), nil
}

func (d View) sites(ctx context.Context, index, key string) (*v1alpha1.Site, error) {
	found := &v1alpha1.SiteList{}
	if err := d.list(ctx, found, index, key); err != nil {
		return nil, err
	}
	return preferred(found.Items, func(s *v1alpha1.Site) (bool, string) { return s.Spec.Disabled, s.Name }), nil
}

func (d View) persons(ctx context.Context, index, key string) (*v1alpha1.Person, error) {
	found := &v1alpha1.PersonList{}
	if err := d.list(ctx, found, index, key); err != nil {
		return nil, err
	}
	return preferred(found.Items, personOrder), nil
}

// preferred returns the first enabled record in order, or else the first disabled
// one, so that it is the same one every time.
func preferred[T any](records []T, order func(*T) (disabled bool, name string)) *T {
	if len(records) == 0 {
		return nil
	}
	first := &records[0]
	for i := range records[1:] {
		if comparePreference(&records[i+1], first, order) < 0 {
			first = &records[i+1]
		}
	}
	return first
}

func comparePreference[T any](a, b *T, order func(*T) (bool, string)) int {
	aDisabled, aName := order(a)
	bDisabled, bName := order(b)
	switch {
	case aDisabled == bDisabled:
		return cmp.Compare(aName, bName)
	case bDisabled:
		return -1
	}
	return 1
}

// linkedFirst comes before every name of an object that has no such prefix.
const linkedFirst = "+"

// personOrder puts the Person of a subject before one that somebody has made by hand
// with the same address: a second user must learn that the address is taken.
func personOrder(p *v1alpha1.Person) (bool, string) {
	if p.Spec.SourceID != "" {
		return p.Spec.Disabled, linkedFirst + p.Name
	}
	return p.Spec.Disabled, p.Name
}

// OrganizationByName implements rules.Directory.
func (d View) OrganizationByName(ctx context.Context, name string) (*v1alpha1.Organization, error) {
	return d.organizations(ctx, OrganizationByName, name)
}

// OrganizationBySource implements rules.Directory.
func (d View) OrganizationBySource(ctx context.Context, id string) (*v1alpha1.Organization, error) {
	return d.organizations(ctx, OrganizationBySource, id)
}

// SiteByName implements rules.Directory.
func (d View) SiteByName(ctx context.Context, name string) (*v1alpha1.Site, error) {
	return d.sites(ctx, SiteByName, name)
}

// SiteBySource implements rules.Directory.
func (d View) SiteBySource(ctx context.Context, id string) (*v1alpha1.Site, error) {
	return d.sites(ctx, SiteBySource, id)
}

// PersonByEmail implements rules.Directory.
func (d View) PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error) {
	return d.persons(ctx, PersonByEmail, email)
}

// PersonBySource implements rules.Directory.
func (d View) PersonBySource(ctx context.Context, id string) (*v1alpha1.Person, error) {
	return d.persons(ctx, PersonBySource, id)
}

// PersonByFormerSource implements rules.Directory.
func (d View) PersonByFormerSource(ctx context.Context, id string) (*v1alpha1.Person, error) {
	return d.persons(ctx, personByFormerSource, id)
}

// PersonByName implements rules.Directory.
func (d View) PersonByName(ctx context.Context, name string) (*v1alpha1.Person, error) {
	person := &v1alpha1.Person{}
	exists, err := d.Get(ctx, name, person)
	if err != nil || !exists {
		return nil, err
	}
	return person, nil
}

// PersonOfUser implements rules.Directory. A value that is the id of a user is
// never looked for as anything else; the Person of a deleted user is still found
// by it, so that one learns that the manager has left.
func (d View) PersonOfUser(ctx context.Context, value string) (*v1alpha1.Person, error) {
	id := strings.TrimSpace(value)
	person, err := d.PersonBySource(ctx, id)
	if err != nil || (person != nil && person.Spec.Source == v1alpha1.SourceSCIM) {
		return person, err
	}
	if exists, err := d.Get(ctx, id, &v1alpha1.ScimUser{}); exists || err != nil {
		return nil, err
	}
	for _, by := range []struct{ index, key string }{{userByExternalID, value}, {userByUserName, fold.String(value)}} {
		users := &v1alpha1.ScimUserList{}
		if err := d.list(ctx, users, by.index, by.key); err != nil {
			return nil, err
		}
		users.Items = slices.DeleteFunc(users.Items, func(u v1alpha1.ScimUser) bool { return !u.DeletionTimestamp.IsZero() })
		if len(users.Items) > 0 {
			return d.personOfAny(ctx, users.Items)
		}
	}
	return nil, nil
}

// personOfAny returns the preferred one among the Persons of several users, which
// can be because externalId is not unique.
func (d View) personOfAny(ctx context.Context, users []v1alpha1.ScimUser) (*v1alpha1.Person, error) {
	var found []v1alpha1.Person
	for i := range users {
		person, err := d.PersonBySource(ctx, users[i].Name)
		if err != nil {
			return nil, err
		}
		if person != nil {
			found = append(found, *person)
		}
	}
	return preferred(found, personOrder), nil
}

// SubjectState implements rules.Directory.
func (d View) SubjectState(ctx context.Context, kind v1alpha1.SubjectKind, id string) (rules.SubjectState, error) {
	if kind == v1alpha1.SubjectScimGroup {
		group := &v1alpha1.ScimGroup{}
		exists, err := d.Get(ctx, id, group)
		if err != nil || !exists || !group.DeletionTimestamp.IsZero() {
			return rules.SubjectGone, err
		}
		return rules.SubjectActive, nil
	}
	user := &v1alpha1.ScimUser{}
	exists, err := d.Get(ctx, id, user)
	switch {
	case err != nil || !exists || !user.DeletionTimestamp.IsZero():
		return rules.SubjectGone, err
	case user.IsActive():
		return rules.SubjectActive, nil
	}
	return rules.SubjectInactive, nil
}

// Unoccupied is the directory as it is when nobody but one user has an address.
func (d View) Unoccupied(user string) rules.Directory { return unoccupied{d, user} }

type unoccupied struct {
	View
	user string
}

// PersonByEmail implements rules.Directory.
func (u unoccupied) PersonByEmail(ctx context.Context, email string) (*v1alpha1.Person, error) {
	person, err := u.View.PersonByEmail(ctx, email)
	if err != nil || person == nil || person.Spec.SourceID != u.user {
		return nil, err
	}
	return person, nil
}
