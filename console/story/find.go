package story

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/controllers/directory"
)

// Found is one of the subjects that a text means.
type Found struct {
	Subject
	// Called tells it from others of the same name: the userName and whether the user is active, a Person's address. It is what
	// a client sent.
	Called string
}

// Find returns the subjects that a text means, none if there are none: a SCIM id or an object's name, a userName, an externalId, an
// e-mail address, a display name or the name of a record, all but ids and externalIds in whatever case. A record whose user or group
// is among them is left out, because their story tells of it. What cannot be selected or looked up in an index, such as the display
// name of a user, is looked for in the whole cache, or without one page by page, and the first page that has it ends that: of several
// users with one name not all may be found, and never more than maxFound. Where nothing was found, and the reader may not read some
// kind, the error says so.
func Find(ctx context.Context, source Source, namespace, text string) ([]Found, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	f := &finder{Source: source, namespace: namespace, text: text}
	for _, look := range []func(context.Context) error{f.byObjectName, f.byKnownValue, f.byScan} {
		if err := look(ctx); err != nil {
			return nil, err
		}
		if len(f.found) > 0 {
			break
		}
	}
	if len(f.found) == 0 {
		return nil, f.forbidden
	}
	return f.subjects(), nil
}

// finder collects what a text means.
type finder struct {
	Source
	namespace, text string
	found           []client.Object
	// forbidden says of a kind that the reader may not read it.
	forbidden error
}

// allowed is the error unless it says that the reader may not read a kind: others may have what is looked for.
func (f *finder) allowed(err error) error {
	if apierrors.IsForbidden(err) {
		f.forbidden = err
		return nil
	}
	return err
}

// maxFound is the most subjects that a text means: clients can give many users one name.
const maxFound = 100

// add notes an object once.
func (f *finder) add(object client.Object) {
	if object.GetName() == "" || len(f.found) == maxFound || slices.ContainsFunc(f.found, func(o client.Object) bool { return subjectOf(o) == subjectOf(object) }) {
		return
	}
	f.found = append(f.found, object)
}

// subjects are those found, users first, without records that are told of with others.
func (f *finder) subjects() []Found {
	var subjects []Found
	for _, object := range f.found {
		linked := SourceOf(object)
		if linked != "" && slices.ContainsFunc(f.found, func(o client.Object) bool { return o.GetName() == linked }) {
			continue
		}
		subjects = append(subjects, Found{subjectOf(object), tellingApart(object)})
	}
	slices.SortStableFunc(subjects, func(a, b Found) int { return orderOf(a.Kind) - orderOf(b.Kind) })
	return subjects
}

// tellingApart is the Called of an object.
func tellingApart(object client.Object) string {
	switch object := object.(type) {
	case *v1alpha1.ScimUser:
		if !object.IsActive() {
			return object.Spec.UserName + ", not active"
		}
	case *v1alpha1.Person:
		if object.Spec.PrimaryEmail != "" {
			return object.Spec.PrimaryEmail
		}
	}
	return TitleOf(object)
}

// kinds are empty objects of the kinds of subjects, in the order in which they are found.
func kinds() []client.Object {
	return []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{}}
}

func orderOf(kind string) int {
	return slices.Index([]string{KindUser, KindGroup, KindPerson, KindOrganization, KindSite}, kind)
}

func (f *finder) byObjectName(ctx context.Context) error {
	if len(validation.IsDNS1123Subdomain(f.text)) > 0 {
		return nil
	}
	for _, object := range kinds() {
		exists, err := f.get(ctx, f.namespace, f.text, object)
		if err := f.allowed(err); err != nil {
			return err
		}
		if exists {
			f.add(object)
		}
	}
	return nil
}

// byKnownValue looks where neither a scan nor luck is needed.
func (f *finder) byKnownValue(ctx context.Context) error {
	if f.cached != nil {
		return f.byIndex(ctx)
	}
	for _, by := range []struct {
		list   func() client.ObjectList
		fields []string
	}{
		{func() client.ObjectList { return &v1alpha1.ScimUserList{} }, []string{"spec.userName", "spec.externalId"}},
		{func() client.ObjectList { return &v1alpha1.ScimGroupList{} }, []string{"spec.displayName", "spec.externalId"}},
		{func() client.ObjectList { return &v1alpha1.PersonList{} }, []string{"spec.primaryEmail"}},
		{func() client.ObjectList { return &v1alpha1.OrganizationList{} }, []string{"spec.name"}},
		{func() client.ObjectList { return &v1alpha1.SiteList{} }, []string{"spec.name"}},
	} {
		for _, field := range by.fields {
			for _, value := range f.spellings() {
				list := by.list()
				if err := f.allowed(f.selected(ctx, f.namespace, list, field, value)); err != nil {
					return err
				}
				if err := f.addAll(list); err != nil {
					return err
				}
			}
		}
	}
	return f.addUsersOfPersons(ctx)
}

// spellings are those that are worth asking for: what was typed, and the form in which clients mostly send it.
func (f *finder) spellings() []string {
	return slices.Compact([]string{f.text, fold.String(f.text)})
}

func (f *finder) byIndex(ctx context.Context) error {
	folded, users := fold.String(f.text), &v1alpha1.ScimUserList{}
	for _, by := range []struct {
		by    userindex.By
		value string
	}{{userindex.Addresses, folded}, {userindex.EmailCandidates, fold.Email(f.text)}, {userindex.ExternalID, f.text}} {
		if err := f.allowed(userindex.Users(ctx, f.cached, users, f.namespace, by.by, by.value)); err != nil {
			return err
		}
		if err := f.addAll(users); err != nil {
			return err
		}
	}
	for _, by := range []struct {
		list       client.ObjectList
		index, key string
	}{
		{&v1alpha1.ScimGroupList{}, directory.GroupByDisplayName, folded},
		{&v1alpha1.PersonList{}, directory.PersonByEmail, fold.Email(f.text)},
		{&v1alpha1.OrganizationList{}, directory.OrganizationByName, folded},
		{&v1alpha1.SiteList{}, directory.SiteByName, folded},
	} {
		if err := f.allowed(directory.List(ctx, f.cached, by.list, f.namespace, by.index, by.key)); err != nil {
			return err
		}
		if err := f.addAll(by.list); err != nil {
			return err
		}
	}
	return f.addUsersOfPersons(ctx)
}

// addUsersOfPersons adds the users of the Persons that were found: the address of a Person may be no more than one of a user's.
func (f *finder) addUsersOfPersons(ctx context.Context) error {
	for _, object := range slices.Clone(f.found) {
		person, ok := object.(*v1alpha1.Person)
		if !ok || person.Spec.SourceID == "" {
			continue
		}
		user := &v1alpha1.ScimUser{}
		exists, err := f.get(ctx, f.namespace, person.Spec.SourceID, user)
		if err := f.allowed(err); err != nil {
			return err
		}
		if exists {
			f.add(user)
		}
	}
	return nil
}

// see adds a copy of an object that the text means.
func (f *finder) see(object client.Object) {
	if f.means(object) {
		if copied, ok := object.DeepCopyObject().(client.Object); ok {
			f.add(copied)
		}
	}
}

// walk looks at all objects of a kind that a cache holds, none of which is copied unless it is meant.
func walk[T, L any, P interface {
	*T
	client.Object
}, PL interface {
	*L
	client.ObjectList
}](ctx context.Context, f *finder) error {
	kind := P(new(T))
	reader, err := access.Unguarded(ctx, f.cached, kind)
	if err == nil {
		err = kube.Walk[T, L, P, PL](ctx, reader, f.namespace, func(object P) bool {
			f.see(object)
			return len(f.found) < maxFound
		})
	}
	return f.allowed(failedToRead(kind, err))
}

// byScan reads one kind after the other, until one, or without a cache a page of one, has what is looked for.
func (f *finder) byScan(ctx context.Context) error {
	enough := func() bool { return len(f.found) > 0 }
	if f.cached != nil {
		for _, look := range []func(context.Context, *finder) error{
			walk[v1alpha1.ScimUser, v1alpha1.ScimUserList], walk[v1alpha1.ScimGroup, v1alpha1.ScimGroupList], walk[v1alpha1.Person, v1alpha1.PersonList],
			walk[v1alpha1.Organization, v1alpha1.OrganizationList], walk[v1alpha1.Site, v1alpha1.SiteList],
		} {
			if err := look(ctx, f); err != nil || enough() {
				return err
			}
		}
		return nil
	}
	for _, of := range []struct {
		list client.ObjectList
		size int64
	}{
		{&v1alpha1.ScimUserList{}, pageSize}, {&v1alpha1.ScimGroupList{}, groupPageSize}, {&v1alpha1.PersonList{}, pageSize},
		{&v1alpha1.OrganizationList{}, pageSize}, {&v1alpha1.SiteList{}, pageSize},
	} {
		if err := f.allowed(f.scan(ctx, f.namespace, of.list, of.size, f.see, enough)); err != nil || enough() {
			return err
		}
	}
	return nil
}

// means reports whether the text is one of the names of an object.
func (f *finder) means(object client.Object) bool {
	folded, email := fold.String(f.text), fold.Email(f.text)
	switch object := object.(type) {
	case *v1alpha1.ScimUser:
		names := []string{object.Spec.DisplayName, object.Spec.NickName}
		if name := object.Spec.Name; name != nil {
			names = append(names, name.Formatted, name.GivenName+" "+name.FamilyName)
		}
		return slices.Contains(userindex.Addresses(object), folded) || slices.Contains(userindex.EmailCandidates(object), email) ||
			slices.ContainsFunc(names, func(name string) bool { return fold.String(name) == folded })
	case *v1alpha1.ScimGroup:
		return fold.String(object.Spec.DisplayName) == folded
	case *v1alpha1.Person:
		return fold.String(object.Spec.Name) == folded || fold.Email(object.Spec.PrimaryEmail) == email ||
			slices.ContainsFunc(object.Spec.OtherEmails, func(other string) bool { return fold.Email(other) == email })
	case *v1alpha1.Organization:
		return fold.String(object.Spec.Name) == folded
	case *v1alpha1.Site:
		return fold.String(object.Spec.Name) == folded
	}
	return false
}

func (f *finder) addAll(list client.ObjectList) error {
	return meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("a %T has no metadata", item)
		}
		f.add(object)
		return nil
	})
}
