package store

import (
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Before active was always stored, an object could lack it.
func TestAUserOfWhomNobodySaidSoIsActive(t *testing.T) {
	silent := v1alpha1.ScimUserSpec{UserName: "a"}
	r, err := (*maker)(nil).userAttributes(&silent)
	if err != nil || r["active"] != true {
		t.Fatalf("active is %v (%v), want true", r["active"], err)
	}
	again := *silent.DeepCopy()
	if err := setUserAttributes(&again, r); err != nil || again.Active == nil || !*again.Active {
		t.Fatalf("stored as %v (%v), want true", again.Active, err)
	}
	if !sameUser(&silent, &again) {
		t.Error("to say of a user what counts already is a change")
	}
	again.Active = new(false)
	if sameUser(&silent, &again) || sameUser(&again, &silent) {
		t.Error("a deactivation is no change")
	}
	if err := setUserAttributes(&again, scim.Resource{"userName": "a", "active": false}); err != nil || again.IsActive() {
		t.Errorf("a deactivated user is stored as active: %v", err)
	}
}
