package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// linkStrictness orders spec.linkExisting; what is left out is the least strict.
var linkStrictness = []v1alpha1.LinkExisting{"", v1alpha1.LinkByEmail, v1alpha1.LinkFormer, v1alpha1.LinkNever}

// Endpoints are the ScimEndpoints of the namespace in the order of their names. They must not
// be changed.
func (d View) Endpoints(ctx context.Context) ([]*v1alpha1.ScimEndpoint, error) {
	list := &v1alpha1.ScimEndpointList{}
	if err := d.reader.List(ctx, list, client.InNamespace(d.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ScimEndpoints: %w", err)
	}
	endpoints := make([]*v1alpha1.ScimEndpoint, len(list.Items))
	for i := range list.Items {
		endpoints[i] = &list.Items[i]
	}
	slices.SortFunc(endpoints, func(a, b *v1alpha1.ScimEndpoint) int { return strings.Compare(a.Name, b.Name) })
	return endpoints, nil
}

// Speaker is the ScimEndpoint that speaks for the namespace: the first one by name that is not being deleted, nil where
// there is none. It must not be changed.
func (d View) Speaker(ctx context.Context) (*v1alpha1.ScimEndpoint, error) {
	endpoints, err := d.Endpoints(ctx)
	first := slices.IndexFunc(endpoints, func(e *v1alpha1.ScimEndpoint) bool { return e.DeletionTimestamp.IsZero() })
	if err != nil || first < 0 {
		return nil, err
	}
	return endpoints[first], nil
}

// trustOf is what all ScimEndpoints of a namespace let their clients do: of each choice the
// strictest, because no user says which endpoint it came by.
func trustOf(endpoints []*v1alpha1.ScimEndpoint) rules.Trust {
	var trust rules.Trust
	for _, endpoint := range endpoints {
		spec := &endpoint.Spec
		switch stricter := slices.Index(linkStrictness, spec.LinkExisting) - slices.Index(linkStrictness, trust.Link); {
		case stricter > 0:
			trust.Link, trust.LinkBy = spec.LinkExisting, []string{endpoint.Name}
		case stricter == 0:
			trust.LinkBy = append(trust.LinkBy, endpoint.Name)
		}
		if domains := foldedDomains(spec.EmailDomains); len(domains) > 0 {
			trust.Domains = append(trust.Domains, rules.EmailDomains{Endpoint: endpoint.Name, Domains: domains})
		}
	}
	return trust
}

// trustIn is trustOf for one user. Where there is no endpoint, as while one is made anew, nobody
// gets what it was refused before.
func trustIn(endpoints []*v1alpha1.ScimEndpoint, user *v1alpha1.ScimUser) rules.Trust {
	ready := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case len(endpoints) > 0 || ready == nil:
	case ready.Reason == v1alpha1.ReasonLinkNotAllowed:
		return rules.Trust{Link: v1alpha1.LinkNever}
	case ready.Reason == v1alpha1.ReasonEmailDomainNotAllowed:
		return rules.Trust{Link: v1alpha1.LinkNever, Domains: []rules.EmailDomains{{}}}
	}
	return trustOf(endpoints)
}

// Disjoint names those of a namespace's endpoints whose spec.emailDomains have no domain in common, so that no
// Person can get any address; none where there is one, or where none is named.
func Disjoint(endpoints []*v1alpha1.ScimEndpoint) []string {
	bounds := trustOf(endpoints).Domains
	if len(bounds) == 0 || slices.ContainsFunc(bounds[0].Domains, func(domain string) bool {
		return !slices.ContainsFunc(bounds, func(bound rules.EmailDomains) bool { return !slices.Contains(bound.Domains, domain) })
	}) {
		return nil
	}
	names := make([]string, len(bounds))
	for i, bound := range bounds {
		names[i] = bound.Endpoint
	}
	return names
}

// foldedDomains gives domains as they are at the end of folded addresses.
func foldedDomains(domains []string) []string {
	folded := make([]string, len(domains))
	for i, domain := range domains {
		_, folded[i], _ = strings.Cut(fold.Email("x@"+domain), "@")
	}
	return folded
}

// SameTrust reports whether two versions of an endpoint, nil for none, let the client do
// the same.
func SameTrust(a, b *v1alpha1.ScimEndpoint) bool {
	var x, y v1alpha1.ScimEndpointSpec
	if a != nil {
		x = a.Spec
	}
	if b != nil {
		y = b.Spec
	}
	return x.LinkExisting == y.LinkExisting && slices.Equal(x.EmailDomains, y.EmailDomains)
}
