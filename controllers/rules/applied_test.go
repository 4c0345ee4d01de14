package rules

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// appliedBy makes a record one of which a manager applied fields, server-side.
func appliedBy(manager string, record Record, fields ...string) {
	spec := `{"f:` + strings.Join(fields, `":{},"f:`) + `":{}}`
	record.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:spec":` + spec + `}`),
	}})
}

// rememberedBy makes a record one that kubectl applied, client-side.
func rememberedBy(record Record, spec string) {
	record.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": fmt.Sprintf(`{"spec":%s}`, spec)})
}

func withForce(r *v1alpha1.AutomationRule) {
	for i := range r.Spec.Update.Set {
		r.Spec.Update.Set[i].Force = true
	}
}

func withForcedUpdate(r *v1alpha1.AutomationRule) { r.Spec.Update.Force = true }

func TestWhatOthersAppliedIsLeftAlone(t *testing.T) {
	set := []ruleChange{withSet("jobTitle", "user.title"), withSet("location", `"Here"`)}
	const changes, keeps = "rule rule changes location", "; it keeps jobTitle, because field manager flux applied it"
	for name, c := range map[string]struct {
		rule    *v1alpha1.AutomationRule
		applied func(*v1alpha1.Person)
		message string
	}{
		"by server-side apply": {changed(set...), func(p *v1alpha1.Person) { appliedBy("flux", p, "jobTitle", "primaryEmail") }, changes + keeps},
		"by client-side apply": {
			changed(set...), func(p *v1alpha1.Person) { rememberedBy(p, `{"jobTitle":"Chef"}`) },
			changes + "; it keeps jobTitle, because field manager kubectl-client-side-apply applied it",
		},
		"but for an entry with force":   {changed(append(set, withForce)...), func(p *v1alpha1.Person) { appliedBy("flux", p, "jobTitle") }, "rule rule changes jobTitle, location"},
		"but for an update with force":  {changed(append(set, withForcedUpdate)...), func(p *v1alpha1.Person) { appliedBy("flux", p, "jobTitle") }, "rule rule changes jobTitle, location"},
		"but for the link":              {changed(set...), func(p *v1alpha1.Person) { appliedBy("flux", p, "source", "sourceID"); p.Spec.Source = "" }, "rule rule changes jobTitle, location, source"},
		"also by clear":                 {changed(set[1], func(r *v1alpha1.AutomationRule) { r.Spec.Update.Clear = []string{"jobTitle"} }), func(p *v1alpha1.Person) { appliedBy("flux", p, "jobTitle") }, changes + keeps},
		"without a word, where it fits": {changed(set...), func(p *v1alpha1.Person) { appliedBy("flux", p, "jobTitle"); p.Spec.JobTitle = "Cook" }, changes},
	} {
		t.Run(name, func(t *testing.T) {
			known := linkedJane(func(p *v1alpha1.PersonSpec) { p.JobTitle = "Chef" })
			c.applied(known)
			in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: "Cook"})}
			outcome := planned(t, []*Rule{compiled(t, c.rule)}, in, &memory{persons: []*v1alpha1.Person{known}}).Outcomes[0]
			if outcome.Message != c.message || outcome.Reason != v1alpha1.ReasonApplied {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}

// TestNobodyStaysInUseWhoHasLeft goes through who applied what about "disabled".
func TestNobodyStaysInUseWhoHasLeft(t *testing.T) {
	rule := compiled(t, changed(withSet("disabled", "!user.active")))
	server := func(p *v1alpha1.Person) { appliedBy("flux", p, "disabled") }
	client := func(value string) func(*v1alpha1.Person) {
		return func(p *v1alpha1.Person) { rememberedBy(p, `{"disabled":`+value+`}`) }
	}
	const keeps = "rule rule changes nothing; it keeps disabled, because field manager "
	for name, c := range map[string]struct {
		active, disabled bool
		applied          func(*v1alpha1.Person)
		want             bool
		message          string
	}{
		"who leaves": {false, false, server, true,
			"rule rule changes disabled; it sets disabled, because the user is inactive, though field manager flux applied it"},
		"who leaves, of client-side apply": {false, false, client("false"), true,
			"rule rule changes disabled; it sets disabled, because the user is inactive, though field manager kubectl-client-side-apply applied it"},
		"who is back, as was applied":      {true, true, client("false"), false, "rule rule changes disabled"},
		"who is back and is applied so":    {true, true, client("true"), true, keeps + "kubectl-client-side-apply applied it"},
		"whom Git disables":                {true, true, server, true, keeps + "flux applied it"},
		"who has left":                     {false, true, server, true, "the Person already is as rule rule wants it"},
		"who has left, as was applied not": {false, true, client("false"), true, "the Person already is as rule rule wants it"},
	} {
		t.Run(name, func(t *testing.T) {
			known := linkedJane(func(p *v1alpha1.PersonSpec) { p.Disabled = c.disabled })
			c.applied(known)
			result := planned(t, []*Rule{rule}, Input{User: activeUser(userID, c.active)}, &memory{persons: []*v1alpha1.Person{known}})
			outcome := result.Outcomes[0]
			if got := outcome.After.(*v1alpha1.Person).Spec.Disabled; got != c.want || outcome.Message != c.message {
				t.Errorf("disabled %t: %s", got, outcome.Message)
			}
			if !Assigned(result.Outcomes, FieldDisabled) {
				t.Error("the rule has decided")
			}
		})
	}
}
