package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestAFieldThatEndsAsItBeganIsNotWritten(t *testing.T) {
	base := compiled(t, changed(withSet("costCenter", `"all"`), withSet("jobTitle", "user.title")))
	override := compiled(t, changed(withSet("costCenter", `"mine"`), withSet("customFields.x", `"1"`)))
	linked := person("jane", v1alpha1.PersonSpec{
		PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: userID, CostCenter: "mine", JobTitle: "Guide",
		CustomFields: map[string]v1alpha1.JSON{"x": {Raw: []byte(`"1"`)}},
	})
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: "Guide"})}
	for _, outcome := range planned(t, []*Rule{base, override}, in, &memory{persons: []*v1alpha1.Person{linked}}).Outcomes {
		if outcome.Reason != v1alpha1.ReasonNoChange || len(outcome.Changes) > 0 || !cmp.Equal(outcome.Before, outcome.After) {
			t.Errorf("rule %s writes for ever: %+v", outcome.Rule, outcome)
		}
	}

	in.User.Spec.Title = "Chief"
	outcomes := planned(t, []*Rule{base, override}, in, &memory{persons: []*v1alpha1.Person{linked}}).Outcomes
	want := []v1alpha1.FieldChange{{Field: "jobTitle", From: "Guide", To: "Chief"}}
	if diff := cmp.Diff(want, outcomes[0].Changes); diff != "" || outcomes[0].Reason != v1alpha1.ReasonApplied {
		t.Errorf("reason %s, changes (-want +got):\n%s", outcomes[0].Reason, diff)
	}
	if outcomes[1].Reason != v1alpha1.ReasonNoChange || outcomes[1].After.(*v1alpha1.Person).Spec.CostCenter != "mine" {
		t.Errorf("second outcome %+v", outcomes[1])
	}

	linked.Spec.CostCenter = "old"
	outcomes = planned(t, []*Rule{base, override}, in, &memory{persons: []*v1alpha1.Person{linked}}).Outcomes
	if got := outcomes[1].After.(*v1alpha1.Person).Spec.CostCenter; got != "mine" || outcomes[1].Reason != v1alpha1.ReasonApplied {
		t.Errorf("the last rule's word must hold, got %q", got)
	}
}
