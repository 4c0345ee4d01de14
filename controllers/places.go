package controllers

import (
	"context"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
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

func (c *placeChange) add(name, source string) {
	c.names = append(c.names, fold.String(name))
	c.sources = append(c.sources, source)
}

// organizationChange gives the change, nil where only status or metadata changed.
func organizationChange(old, current *v1alpha1.Organization) *placeChange {
	if old != nil && current != nil && !changedSpec(old, current) {
		return nil
	}
	existing := versions(old, current)
	change := &placeChange{namespace: existing[0].Namespace, name: existing[0].Name}
	for _, version := range existing {
		change.add(version.Spec.Name, version.Spec.SourceID)
	}
	change.usable = len(existing) == 1 || old.Spec.Disabled != current.Spec.Disabled
	return change
}

// siteChange gives the change, nil where only status or metadata changed.
func siteChange(old, current *v1alpha1.Site) *placeChange {
	if old != nil && current != nil && !changedSpec(old, current) {
		return nil
	}
	existing := versions(old, current)
	change := &placeChange{namespace: existing[0].Namespace, name: existing[0].Name}
	for _, version := range existing {
		change.add(version.Spec.Name, version.Spec.SourceID)
	}
	change.usable = len(existing) == 1 || old.Spec.Disabled != current.Spec.Disabled
	return change
}

// usersOfOrganization finds the users that name an Organization, and where it was
// made, deleted, enabled or disabled, the members of its groups.
func (f finder) usersOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	return f.usersOfPlace(ctx, organizationChange(old, current), userByOrganization, groupByOrganization, into)
}

// usersOfSite is usersOfOrganization for Sites.
func (f finder) usersOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	return f.usersOfPlace(ctx, siteChange(old, current), userBySite, groupBySite, into)
}

func (f finder) usersOfPlace(ctx context.Context, change *placeChange, byName, byLink string, into requestSet) error {
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
	for group := range groups {
		if err := f.usersBy(ctx, change.namespace, userByGroup, []string{group.Name}, into); err != nil {
			return err
		}
	}
	return nil
}

// groupsOfOrganization finds the groups that are linked to an Organization or have
// its name.
func (f finder) groupsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	return f.groupsOfPlace(ctx, organizationChange(old, current), groupByOrganization, into)
}

// groupsOfSite is groupsOfOrganization for Sites.
func (f finder) groupsOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	return f.groupsOfPlace(ctx, siteChange(old, current), groupBySite, into)
}

func (f finder) groupsOfPlace(ctx context.Context, change *placeChange, byLink string, into requestSet) error {
	if change == nil {
		return nil
	}
	for _, source := range change.sources {
		into.add(change.namespace, source)
	}
	if err := f.groupsBy(ctx, change.namespace, groupByDisplayName, change.names, into); err != nil {
		return err
	}
	return f.groupsBy(ctx, change.namespace, byLink, []string{change.name}, into)
}
