package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/verdict"
)

func TestRuleIsReadyWhenItHasRunOnAllSubjects(t *testing.T) {
	rule := func(state *v1alpha1.Reprocessing, options ...func(*v1alpha1.AutomationRule)) *v1alpha1.AutomationRule {
		r := &v1alpha1.AutomationRule{
			ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "default"},
			Spec: v1alpha1.AutomationRuleSpec{
				Subject: v1alpha1.SubjectScimUser, Position: new(int32(1)),
				Update: v1alpha1.RuleUpdate{
					Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
					Set: []v1alpha1.FieldAssignment{{Field: "name", Value: "user.displayName"}},
				},
			},
			Status: v1alpha1.AutomationRuleStatus{Reprocessing: state},
		}
		for _, option := range options {
			option(r)
		}
		return r
	}
	disabled := func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true }
	broken := func(r *v1alpha1.AutomationRule) { r.Spec.Update.Set[0].Value = "user.nothing" }
	failing := func(r *v1alpha1.AutomationRule) { r.Status.Failed = 2 }
	some := &v1alpha1.Reprocessing{Total: 5, Processed: 2, Retrying: 1}
	tried := &v1alpha1.Reprocessing{Total: 5, Processed: 2, Retrying: 3}
	all := &v1alpha1.Reprocessing{Total: 5, Processed: 5, FinishedAt: new(v1alpha1.NewTimestamp(time.Unix(1_800_000_000, 0)))}
	for name, test := range map[string]struct {
		rule   *v1alpha1.AutomationRule
		ready  metav1.ConditionStatus
		reason string
	}{
		"some subjects have not been tried":     {rule(some), metav1.ConditionUnknown, v1alpha1.ReasonReprocessing},
		"… of a disabled rule":                  {rule(some, disabled), metav1.ConditionUnknown, v1alpha1.ReasonReprocessing},
		"… of a rule that does not compile":     {rule(some, broken), metav1.ConditionFalse, v1alpha1.ReasonInvalidRule},
		"all were tried, some without success":  {rule(tried), metav1.ConditionTrue, v1alpha1.ReasonReady},
		"all are done":                          {rule(all), metav1.ConditionTrue, v1alpha1.ReasonReady},
		"all are done, and it fails for some":   {rule(all, failing), metav1.ConditionTrue, v1alpha1.ReasonReady},
		"all are done, and it is disabled":      {rule(all, disabled), metav1.ConditionTrue, v1alpha1.ReasonDisabled},
		"nothing is known of a last change":     {rule(nil), metav1.ConditionTrue, v1alpha1.ReasonReady},
		"all are done of one that is not valid": {rule(all, broken), metav1.ConditionFalse, v1alpha1.ReasonInvalidRule},
	} {
		t.Run(name, func(t *testing.T) {
			got := (&ruleReconciler{rules: rulecache.New()}).verdict(test.rule)
			want := map[metav1.ConditionStatus]func(reason, message string) verdict.Verdict{
				metav1.ConditionTrue: verdict.Ready, metav1.ConditionFalse: verdict.Stalled, metav1.ConditionUnknown: verdict.UnderWay,
			}[test.ready](test.reason, got.Message)
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
