package issuers

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestAnIssuerThatHadNoRoomIsTakenWhenThereIsSome(t *testing.T) {
	f := newFixture(t)
	of := func(name string, issuers ...int) *v1alpha1.ScimEndpoint {
		return endpointFor(f.issuer, "acme", func(e *v1alpha1.ScimEndpoint) {
			e.Name, e.UID = name, types.UID(name)
			one := e.Spec.Authentication.JWT[0]
			e.Spec.Authentication.JWT = nil
			for _, n := range issuers {
				one.Issuer.URL = fmt.Sprintf("%s/%d", f.issuer.URL, n)
				e.Spec.Authentication.JWT = append(e.Spec.Authentication.JWT, one)
			}
		})
	}
	full := func(endpoint *v1alpha1.ScimEndpoint) (full int) {
		for _, e := range f.configured(endpoint).elements {
			if e.fault != "" || (e.full == "") != (e.set != nil) {
				t.Errorf("%s: element %d has fault %q, full %q, keys: %t", endpoint.Name, e.index, e.fault, e.full, e.set != nil)
			}
			if e.full != "" {
				full++
			}
		}
		return full
	}
	var most []*v1alpha1.ScimEndpoint
	for n := range maxSetsPerNamespace {
		most = append(most, of(fmt.Sprint(n), n))
		if full(most[n]) != 0 {
			t.Fatalf("no room for issuer %d", n)
		}
	}
	edited := changed(most[0], func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].Issuer.URL += "/edited" })
	if full(edited) != 0 {
		t.Error("there is no room for the issuer that an edit puts in the place of another one")
	}
	waiting := of("waiting", 1, 100, 101)
	if got := full(waiting); got != 2 {
		t.Fatalf("%d issuers have no room, want 2", got)
	}
	before := f.configured(waiting)
	f.forget(most[2].UID)
	if got := full(waiting); got != 1 {
		t.Errorf("%d issuers have no room after one has gone, want 1", got)
	}
	if before.elements[1].full == "" && before.elements[2].full == "" {
		t.Error("what requests have in hand was changed")
	}
	most[3] = changed(most[3], func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT = nil })
	full(most[3])
	if got := full(waiting); got != 0 {
		t.Errorf("%d issuers have no room after another one has gone, want none", got)
	}
	f.forget(waiting.UID)
	for _, endpoint := range most {
		f.forget(endpoint.UID)
	}
	if len(f.sets) != 0 || len(f.tenants) != 0 {
		t.Errorf("%d sets and %d tenants are left", len(f.sets), len(f.tenants))
	}
}
