package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rules"
)

// placeChange is a change of an Organization or a Site, which groups are linked to.
type placeChange struct {
	namespace, name string
	// names are the folded names that it has or had, sources the groups that it is or
	// was linked to.
	names, sources []string
	// usable says that it can be used from now on, or no longer.
	usable bool
}

// placeFields are what Organizations and Sites have in common.
type placeFields struct {
	// name is folded.
	name, source string
	disabled     bool
}

// organizationChange gives the change, nil where only status or metadata changed.
func organizationChange(old, current *v1alpha1.Organization) *placeChange {
	return changeOf(old, current, func(o *v1alpha1.Organization) placeFields {
		return placeFields{rules.MatchKey(o), o.Spec.SourceID, o.Spec.Disabled}
	})
}

// siteChange gives the change, nil where only status or metadata changed.
func siteChange(old, current *v1alpha1.Site) *placeChange {
	return changeOf(old, current, func(s *v1alpha1.Site) placeFields {
		return placeFields{rules.MatchKey(s), s.Spec.SourceID, s.Spec.Disabled}
	})
}

func changeOf[T any, P interface {
	*T
	client.Object
}](old, current P, fieldsOf func(P) placeFields) *placeChange {
	if old != nil && current != nil && !changedSpec(old, current) {
		return nil
	}
	existing := versions[T](old, current)
	object := P(existing[0])
	change := &placeChange{namespace: object.GetNamespace(), name: object.GetName()}
	for _, version := range existing {
		fields := fieldsOf(version)
		change.names = append(change.names, fields.name)
		change.sources = append(change.sources, fields.source)
	}
	change.usable = len(existing) == 1 || fieldsOf(old).disabled != fieldsOf(current).disabled
	return change
}

// usersOfOrganization finds the users that name an Organization, and where it was
// made, deleted, enabled or disabled, the members of its groups.
func (f dependents) usersOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	return f.usersOfPlace(ctx, organizationChange(old, current), directory.UserByOrganization, directory.GroupByOrganization, into)
}

// usersOfSite is usersOfOrganization for Sites.
func (f dependents) usersOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	return f.usersOfPlace(ctx, siteChange(old, current), directory.UserBySite, directory.GroupBySite, into)
}

func (f dependents) usersOfPlace(ctx context.Context, change *placeChange, byName, byLink string, into requestSet) error {
	if change == nil {
		return nil
	}
	if err := f.usersBy(ctx, change.namespace, byName, change.names, into); err != nil {
		return err
	}
	if !change.usable {
		return nil
	}
	groups := requestSet{}
	if err := f.groupsBy(ctx, change.namespace, byLink, []string{change.name}, groups); err != nil {
		return err
	}
	for request := range groups {
		group := &v1alpha1.ScimGroup{}
		err := f.reader.Get(ctx, request.NamespacedName, group, client.UnsafeDisableDeepCopy)
		if err == nil {
			err = f.membersOf(ctx, group, into)
		}
		if client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// groupsOfOrganization finds the groups that are linked to an Organization or have
// its name.
func (f dependents) groupsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	return f.groupsOfPlace(ctx, organizationChange(old, current), directory.GroupByOrganization, into)
}

// groupsOfSite is groupsOfOrganization for Sites.
func (f dependents) groupsOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	return f.groupsOfPlace(ctx, siteChange(old, current), directory.GroupBySite, into)
}

func (f dependents) groupsOfPlace(ctx context.Context, change *placeChange, byLink string, into requestSet) error {
	if change == nil {
		return nil
	}
	for _, source := range change.sources {
		into.add(change.namespace, source)
	}
	if err := f.groupsBy(ctx, change.namespace, directory.GroupByDisplayName, change.names, into); err != nil {
		return err
	}
	return f.groupsBy(ctx, change.namespace, byLink, []string{change.name}, into)
}
