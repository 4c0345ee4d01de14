package issuers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// crowd is so many endpoints of a namespace, which trust the fixture's issuer.
func (f *fixture) crowd(namespace string, n int, change func(int, *v1alpha1.ScimEndpoint)) []*v1alpha1.ScimEndpoint {
	var endpoints []*v1alpha1.ScimEndpoint
	for i := range n {
		endpoints = append(endpoints, endpointFor(f.issuer, namespace, func(e *v1alpha1.ScimEndpoint) {
			e.Name = fmt.Sprint("endpoint-", i)
			e.UID = types.UID(namespace + "/" + e.Name)
			change(i, e)
		}))
	}
	return endpoints
}

func wants(claim, value string) func(*v1alpha1.ScimEndpoint) {
	return withClaimRules(v1alpha1.ClaimValidationRule{Claim: claim, RequiredValue: value})
}

func TestEndpointsWhoseRulesWantOtherValuesAreNoCrowd(t *testing.T) {
	f := newFixture(t, wants("tid", "acme"))
	strangers := f.crowd("mallory", 10*maxCandidates, func(i int, e *v1alpha1.ScimEndpoint) { wants("tid", fmt.Sprint(i))(e) })
	token := func(tid any) string { return f.good(func(c map[string]any) { c["tid"] = tid }) }
	identity, refused := f.bearer(t, token("acme"), append(strangers, f.endpoint)...)
	if refused != nil || identity.Endpoint != f.endpoint {
		t.Fatalf("identity %+v, refused %+v", identity, refused)
	}
	identity, refused = f.bearer(t, token("7"), append(strangers, f.endpoint)...)
	if refused != nil || identity.Endpoint != strangers[7] {
		t.Errorf("identity %+v, refused %+v", identity, refused)
	}
	for name, none := range map[string]string{"another value": token("nobody"), "a number": token(7), "no claim": f.good()} {
		_, refused = f.bearer(t, none, append(strangers, f.endpoint)...)
		refused.must(t, v1alpha1.RefusalClaims, "of several namespaces")
		if len(refused.Told) != 0 || strings.Contains(refused.Message, subject) {
			t.Errorf("%s: told %+v, %q", name, refused.Told, refused.Message)
		}
	}

	t.Run("as assertions, too", func(t *testing.T) {
		others := f.crowd("mallory", 2*maxCandidates, func(_ int, e *v1alpha1.ScimEndpoint) {
			e.Spec.Authentication.Clients[0].Assertions[0].Subject = "other"
		})
		identity, err := f.Assertion(t.Context(), token("acme"), clientID, append(others, f.endpoint))
		if err != nil || identity.Endpoint != f.endpoint {
			t.Errorf("identity %+v, error %v", identity, err)
		}
	})
}

func TestACrowdIsToldOfInEachNamespace(t *testing.T) {
	f := newFixture(t)
	strangers := f.crowd("mallory", 10*maxCandidates, func(int, *v1alpha1.ScimEndpoint) {})
	_, refused := f.bearer(t, f.good(), append(strangers, f.endpoint)...)
	refused.must(t, v1alpha1.RefusalAmbiguous, "requiredValue: <sub>")
	told := map[string]int{}
	for _, each := range refused.Told {
		told[each.Endpoint.Namespace]++
		if !each.Discreet || strings.Contains(each.Message+each.Remedy, subject) {
			t.Errorf("whose token it was is told: %+v", each)
		}
	}
	if told["acme"] != 1 || len(refused.Told) != maxCandidates {
		t.Errorf("told %v", told)
	}
}

// Else an endpoint of somebody who copies issuer and audience would get the tokens while the other one's rules cannot be asked.
func TestATokenIsNobodysWhileOneThatMayTakeItCannotBeAsked(t *testing.T) {
	f := newFixture(t, withClaimRules(v1alpha1.ClaimValidationRule{Expression: "claims.sub != ''"}))
	squatter := endpointFor(f.issuer, "mallory")
	tests := map[string]struct {
		endpoint *v1alpha1.ScimEndpoint
		hinder   func(*v1alpha1.ScimEndpoint)
	}{
		"its expressions have taken their time": {f.endpoint, func(e *v1alpha1.ScimEndpoint) {
			for range 100 { // as much as is let go again in a quarter of an hour, however slow the machine is
				f.configured(e).elements[0].tenant.worked(time.Hour)
			}
		}},
		"it has a fault": {endpointFor(f.issuer, "globex", withClaimRules(v1alpha1.ClaimValidationRule{Expression: "claims.sub = 'x'"})),
			func(*v1alpha1.ScimEndpoint) {}},
		"beside an element that knows the token": {endpointFor(f.issuer, "hooli", withClaimRules(v1alpha1.ClaimValidationRule{Expression: "claims.sub = 'x'"}),
			func(e *v1alpha1.ScimEndpoint) {
				other := e.Spec.Authentication.JWT[0].DeepCopy()
				other.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Expression: "claims.sub == 'x'"}}
				e.Spec.Authentication.JWT = append(e.Spec.Authentication.JWT, *other)
			}), func(*v1alpha1.ScimEndpoint) {}},
		"there is no room for its keys": {endpointFor(f.issuer, "initech"), func(e *v1alpha1.ScimEndpoint) {
			element := f.configured(e).elements[0]
			element.set, element.full = nil, "there are too many"
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.hinder(tt.endpoint)
			_, refused := f.bearer(t, f.good(), squatter, tt.endpoint)
			refused.must(t, v1alpha1.RefusalAmbiguous, "could not be found out")
			if len(refused.Told) != 2 {
				t.Errorf("told %+v", refused.Told)
			}
			for _, told := range refused.Told {
				if !told.Discreet || strings.Contains(told.Message, subject) {
					t.Errorf("whose token it was is told: %+v", told)
				}
			}
			other := endpointFor(f.issuer, "umbrella", wants("sub", "other"))
			if identity, refused := f.bearer(t, f.good(), squatter, other); refused != nil || identity.Endpoint != squatter {
				t.Errorf("identity %+v, refused %+v", identity, refused)
			}
		})
	}
}
