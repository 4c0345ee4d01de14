package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// linkStrictness orders spec.linkExisting; what is left out is the least strict.
var linkStrictness = []v1alpha1.LinkExisting{"", v1alpha1.LinkByEmail, v1alpha1.LinkFormer, v1alpha1.LinkNever}

// trust is what all ScimEndpoints of the namespace let their clients do: of each choice the
// strictest, because no user says which endpoint it came by.
func (d directory) trust(ctx context.Context) (rules.Trust, error) {
	endpoints := &v1alpha1.ScimEndpointList{}
	if err := d.reader.List(ctx, endpoints, client.InNamespace(d.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return rules.Trust{}, fmt.Errorf("list ScimEndpoints: %w", err)
	}
	var trust rules.Trust
	for i := range endpoints.Items {
		spec := &endpoints.Items[i].Spec
		if slices.Index(linkStrictness, spec.LinkExisting) > slices.Index(linkStrictness, trust.Link) {
			trust.Link = spec.LinkExisting
		}
		switch domains := foldedDomains(spec.EmailDomains); {
		case len(domains) == 0:
		case trust.BoundDomains:
			trust.Domains = slices.DeleteFunc(trust.Domains, func(domain string) bool { return !slices.Contains(domains, domain) })
		default:
			trust.BoundDomains, trust.Domains = true, domains
		}
	}
	return trust, nil
}

// foldedDomains gives domains as they are at the end of folded addresses.
func foldedDomains(domains []string) []string {
	folded := make([]string, len(domains))
	for i, domain := range domains {
		_, folded[i], _ = strings.Cut(fold.Email("x@"+domain), "@")
	}
	return folded
}

// sameTrust reports whether two versions of an endpoint, nil for none, let the client do
// the same.
func sameTrust(a, b *v1alpha1.ScimEndpoint) bool {
	var x, y v1alpha1.ScimEndpointSpec
	if a != nil {
		x = a.Spec
	}
	if b != nil {
		y = b.Spec
	}
	return x.LinkExisting == y.LinkExisting && slices.Equal(x.EmailDomains, y.EmailDomains)
}
