package trust

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Rival is another endpoint that would take tokens of this one's.
type Rival struct {
	Endpoint *v1alpha1.ScimEndpoint
	// Element is the index in this endpoint's jwt, of the issuer and audience that both have.
	Element          int
	Issuer, Audience string
}

// maxRivals bounds how many other endpoints are looked at for one audience.
const maxRivals = 1000

// Rivals returns the other endpoints, of all namespaces, that take tokens which this one takes, too: those with an issuer
// and an audience of its own, unless rules of both want one claim to have different values. Whether expressions keep
// them apart cannot be told from them. The index finds them.
func Rivals(ctx context.Context, reader client.Reader, endpoint *v1alpha1.ScimEndpoint) ([]Rival, error) {
	var rivals []Rival
	for i := range endpoint.Spec.Authentication.JWT {
		element := &endpoint.Spec.Authentication.JWT[i]
		for _, audience := range element.Issuer.Audiences {
			others, err := list(ctx, reader, audienceKey(element.Issuer.URL, audience), maxRivals)
			if err != nil {
				return nil, err
			}
			for _, other := range others {
				if other.UID != endpoint.UID && takes(other, element, audience) {
					rivals = append(rivals, Rival{Endpoint: other, Element: i, Issuer: element.Issuer.URL, Audience: audience})
				}
			}
		}
	}
	return rivals, nil
}

// takes reports whether an endpoint may take a token for this audience that the element takes.
func takes(endpoint *v1alpha1.ScimEndpoint, element *v1alpha1.JWTAuthenticator, audience string) bool {
	return slices.ContainsFunc(endpoint.Spec.Authentication.JWT, func(other v1alpha1.JWTAuthenticator) bool {
		return other.Issuer.URL == element.Issuer.URL && slices.Contains(other.Issuer.Audiences, audience) && !apart(&other, element)
	})
}

// apart reports whether no token meets the rules of both.
func apart(a, b *v1alpha1.JWTAuthenticator) bool {
	return slices.ContainsFunc(a.ClaimValidationRules, func(x v1alpha1.ClaimValidationRule) bool {
		return x.Claim != "" && slices.ContainsFunc(b.ClaimValidationRules, func(y v1alpha1.ClaimValidationRule) bool {
			return x.Claim == y.Claim && x.RequiredValue != y.RequiredValue
		})
	})
}
