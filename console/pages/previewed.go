package pages

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/draft"
)

// previewed reads what the preview of a rule reads, all of which the visitor has to have the right to list. Where a cache begins to
// hold it with this, it waits until it does, so that it does not take the time of the preview.
func (v *visit) previewed(ctx context.Context) (client.Reader, error) {
	reader, err := v.Caller.Reader(ctx, v.Namespace)
	if err != nil {
		return nil, err
	}
	cache, err := access.Unguarded(ctx, reader,
		&v1alpha1.ScimEndpoint{}, &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{}, &v1alpha1.AutomationRule{},
		&v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{})
	if err != nil {
		return nil, err
	}
	for _, list := range []client.ObjectList{
		&v1alpha1.ScimEndpointList{}, &v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}, &v1alpha1.ScimGroupPageList{}, &v1alpha1.AutomationRuleList{},
		&v1alpha1.PersonList{}, &v1alpha1.OrganizationList{}, &v1alpha1.SiteList{},
	} {
		if err := cache.List(ctx, list, client.InNamespace(v.Namespace), client.Limit(1), client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
	}
	return cache, nil
}

// whyUncounted says why the consequences of a rule could not be counted.
func whyUncounted(err error) string {
	if apierrors.IsForbidden(err) {
		var status apierrors.APIStatus
		_ = errors.As(err, &status)
		return "you may not see all that the rules read: " + sentence(status)
	}
	return draft.WhyUncounted(err) + "."
}
