package userindex

import (
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/buckets"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestWhoeverIsFoundIsInTheIndex for each way of finding, of users whose names and addresses differ in all ways.
func TestWhoeverIsFoundIsInTheIndex(t *testing.T) {
	emails := func(values ...string) (all []v1alpha1.ScimValue) {
		for _, value := range values {
			all = append(all, v1alpha1.ScimValue{Value: value})
		}
		return all
	}
	last := &v1alpha1.ScimIdentity{UserName: "Jane@Before.example", Emails: emails("also@before.example")}
	for name, spec := range map[string]v1alpha1.ScimUserSpec{
		"nothing":               {},
		"a name":                {UserName: " Jane "},
		"all one":               {UserName: "Jane@Example.com", ExternalID: "jane@example.com", Emails: emails("jane@example.com", "")},
		"all different":         {UserName: "jane", ExternalID: "00u1", Emails: emails("Jane@example.com", "JANE@xn--bcher-kva.example")},
		"renamed when inactive": {UserName: "00u1", Active: new(false), LastActive: last, Emails: emails("gone@example.com")},
	} {
		user := &v1alpha1.ScimUser{Spec: spec}
		in := Index().Keys(user)
		for way, by := range map[string]By{"UserName": UserName, "ExternalID": ExternalID, "Addresses": Addresses, "EmailCandidates": EmailCandidates} {
			for _, key := range buckets.Many.Of(func(client.Object) []string { return by(user) })(user) {
				if !slices.Contains(in, key) {
					t.Errorf("a user with %s is found by %s and is not in the index", name, way)
				}
			}
		}
	}
	if found := Addresses(&v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: "Jane", Emails: emails("J@x", "", "jane")}}); !slices.Equal(found, []string{"jane", "j@x"}) {
		t.Errorf("addresses are %q", found)
	}
}
