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

func TestAFieldIsWrittenByTheLastRuleThatSetsIt(t *testing.T) {
	base := compiled(t, namedRule("base", withSet("costCenter", `"all"`), withSet("jobTitle", `"Guide"`), withSet("customFields.x", `1`)))
	middle := compiled(t, namedRule("middle", withSet("jobTitle", `record.jobTitle + " I"`)))
	last := compiled(t, namedRule("last", withSet("costCenter", `"mine"`), withSet("jobTitle", `record.jobTitle + "I"`), withSet("customFields.x", `2`)))
	rules := []*Rule{base, middle, last}
	in := Input{User: activeUser(userID, true)}

	known := linkedJane(func(*v1alpha1.PersonSpec) {})
	result := planned(t, rules, in, &memory{persons: []*v1alpha1.Person{known}})
	want := map[string]struct {
		message string
		changes []string
	}{
		"base":   {"rule base changes nothing; rule last sets costCenter, customFields.x, jobTitle after it", nil},
		"middle": {"rule middle changes nothing; rule last sets jobTitle after it", nil},
		"last":   {"rule last changes jobTitle, costCenter, customFields.x", []string{"jobTitle", "costCenter", "customFields.x"}},
	}
	for _, outcome := range result.Outcomes {
		w := want[outcome.Rule]
		var fields []string
		for _, change := range outcome.Changes {
			fields = append(fields, change.Field)
		}
		if diff := cmp.Diff(w.changes, fields); diff != "" || outcome.Message != w.message {
			t.Errorf("rule %s: %s\n%s", outcome.Rule, outcome.Message, diff)
		}
	}
	after := result.Outcomes[2].After.(*v1alpha1.Person)
	if after.Spec.JobTitle != "Guide II" || after.Spec.CostCenter != "mine" {
		t.Errorf("spec %+v", after.Spec)
	}

	// What the rules say of each other stays, so that nothing is written about it.
	again := planned(t, rules, in, &memory{persons: []*v1alpha1.Person{after}})
	for i, outcome := range again.Outcomes[:2] {
		if outcome.Message != result.Outcomes[i].Message || outcome.Reason != v1alpha1.ReasonNoChange {
			t.Errorf("then %s: %s", outcome.Reason, outcome.Message)
		}
	}
	if again.Outcomes[2].Reason != v1alpha1.ReasonNoChange {
		t.Errorf("the last rule writes again: %+v", again.Outcomes[2])
	}
}

func TestACreatedRecordHasWhatItCannotBeWithout(t *testing.T) {
	creates := compiled(t, namedRule("creates", withSet("jobTitle", `"a"`), withSet("supportID", `"S"`)))
	renames := compiled(t, namedRule("renames", withSet("primaryEmail", `"other@example.com"`), withSet("jobTitle", `"b"`)))
	result := planned(t, []*Rule{creates, renames}, Input{User: activeUser(userID, true)}, &memory{})
	first, second := result.Outcomes[0].After.(*v1alpha1.Person).Spec, result.Outcomes[1].After.(*v1alpha1.Person).Spec
	if first.PrimaryEmail != "jane@example.com" || first.JobTitle != "" || first.SupportID != "S" || first.SourceID != userID {
		t.Errorf("created as %+v", first)
	}
	if second.PrimaryEmail != "other@example.com" || second.JobTitle != "b" || second.SupportID != "S" {
		t.Errorf("ends as %+v", second)
	}
	if want := "rule creates creates the Person; rule renames sets jobTitle after it"; result.Outcomes[0].Message != want {
		t.Errorf("message %q", result.Outcomes[0].Message)
	}
}

func TestTwoRulesThatBuildOneListWriteItOnce(t *testing.T) {
	base := compiled(t, namedRule("base", withSet("otherEmails", `["a@example.com"]`)))
	adds := compiled(t, namedRule("adds", withAdd("otherEmails", `"b@example.com"`)))
	for name, known := range map[string][]string{"none yet": nil, "as it was": {"b@example.com"}, "as it will be": {"a@example.com", "b@example.com"}} {
		t.Run(name, func(t *testing.T) {
			jane := linkedJane(func(p *v1alpha1.PersonSpec) { p.OtherEmails = known })
			result := planned(t, []*Rule{base, adds}, Input{User: activeUser(userID, true)}, &memory{persons: []*v1alpha1.Person{jane}})
			if len(result.Outcomes[0].Changes) > 0 {
				t.Errorf("the first rule writes %v", result.Outcomes[0].Changes)
			}
			want := []string{"a@example.com", "b@example.com"}
			if diff := cmp.Diff(want, result.Outcomes[1].After.(*v1alpha1.Person).Spec.OtherEmails); diff != "" {
				t.Error(diff)
			}
		})
	}
}
