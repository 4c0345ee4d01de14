package directory

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// UserInput gathers what the rules read of a user. It holds a copy, because who runs the rules changes its own.
func (d View) UserInput(ctx context.Context, user *v1alpha1.ScimUser) (rules.Input, error) {
	groups, err := d.groupsOf(ctx, user)
	if err != nil {
		return rules.Input{}, err
	}
	endpoints, err := d.Endpoints(ctx)
	if err != nil {
		return rules.Input{}, err
	}
	organization, err := d.defaultOrganization(ctx, endpoints)
	if err != nil {
		return rules.Input{}, err
	}
	return rules.Input{User: user.DeepCopy(), Groups: groups, DefaultOrganization: organization, Trust: trustIn(endpoints, user)}, nil
}

// GroupInput is UserInput for a group.
func (d View) GroupInput(ctx context.Context, group *v1alpha1.ScimGroup) (rules.Input, error) {
	endpoints, err := d.Endpoints(ctx)
	if err != nil {
		return rules.Input{}, err
	}
	organization, err := d.defaultOrganization(ctx, endpoints)
	if err != nil {
		return rules.Input{}, err
	}
	return rules.Input{Group: group.DeepCopy(), DefaultOrganization: organization}, nil
}

// groupsOf returns the groups of a user that exist, in the order of joining, as
// rules see them.
func (d View) groupsOf(ctx context.Context, user *v1alpha1.ScimUser) ([]rules.Group, error) {
	memberships, err := membership.GroupsOf(ctx, d.reader, user)
	if err != nil {
		return nil, err
	}
	var groups []rules.Group
	for _, one := range memberships {
		group := one.Group
		view := rules.Group{
			ID: group.Name, DisplayName: group.Spec.DisplayName, ExternalID: group.Spec.ExternalID,
			GroupType: group.Spec.GroupType, Classification: group.Status.Classification,
		}
		organization, site := &v1alpha1.Organization{}, &v1alpha1.Site{}
		if err := d.linked(ctx, group.Status.Organization, organization); err != nil {
			return nil, err
		}
		if err := d.linked(ctx, group.Status.Site, site); err != nil {
			return nil, err
		}
		view.Organization, view.OrganizationDisabled = organization.Name, organization.Spec.Disabled
		view.Site, view.SiteDisabled = site.Name, site.Spec.Disabled
		groups = append(groups, view)
	}
	return groups, nil
}

// linked reads the record that a group is linked to. It stays empty where there is none.
func (d View) linked(ctx context.Context, link *v1alpha1.RecordReference, into client.Object) error {
	if link == nil {
		return nil
	}
	_, err := d.Get(ctx, link.Name, into)
	return err
}

// defaultOrganization returns the name of the Organization of last resort: that of
// the first of the ScimEndpoints which has one. It is "" unless that Organization
// exists and is enabled; a missing one is reported on the ScimEndpoint.
func (d View) defaultOrganization(ctx context.Context, endpoints []*v1alpha1.ScimEndpoint) (string, error) {
	first := slices.IndexFunc(endpoints, func(e *v1alpha1.ScimEndpoint) bool { return e.Spec.DefaultOrganization != nil })
	if first < 0 {
		return "", nil
	}
	organization := &v1alpha1.Organization{}
	exists, err := d.Get(ctx, endpoints[first].Spec.DefaultOrganization.Name, organization)
	if err != nil || !exists || organization.Spec.Disabled {
		return "", err
	}
	return organization.Name, nil
}
