package digest_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/digest"
	"rservice.dev/scim-operator/api/v1alpha1"
)

func whole() *v1alpha1.AutomationRuleExecution {
	return &v1alpha1.AutomationRuleExecution{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "acme", Name: "mapping-jane", UID: "1", ResourceVersion: "7", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}},
			Labels:          map[string]string{v1alpha1.LabelResult: "succeeded"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ScimUser", Name: "jane", UID: "2"}},
		},
		Spec: v1alpha1.AutomationRuleExecutionSpec{
			Rule: "mapping", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: strings.Clone("jane")},
		},
		Status: v1alpha1.AutomationRuleExecutionStatus{
			Trigger: v1alpha1.TriggerCreated, Time: v1alpha1.NewTimestamp(time.Unix(1, 0)), Result: v1alpha1.ResultSucceeded,
			RuleGeneration: 1, SubjectGeneration: 2, RequestID: "secret", Log: []string{"secret"},
			Expressions: []v1alpha1.ExpressionResult{{Name: "email", Value: "secret@example.com"}, {Name: "site"}},
			Condition:   &v1alpha1.ConditionResult{Expression: "secret", Result: metav1.ConditionTrue},
			Record:      &v1alpha1.TargetReference{Kind: v1alpha1.RecordPerson, Name: "person-1"},
			Changes: []v1alpha1.FieldChange{
				{Field: "jobTitle", From: "secret", To: "secret"}, {Field: "disabled", To: "true"}, {Field: "name", From: "(omitted)", To: "(omitted)"},
			},
			Conditions: []metav1.Condition{{
				Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApplied, Message: "changes jobTitle",
			}},
			History: []v1alpha1.ExecutionRun{{Message: "secret"}},
		},
	}
}

func strip(t *testing.T, object any) *v1alpha1.AutomationRuleExecution {
	t.Helper()
	stripped, err := digest.Strip(object)
	if err != nil {
		t.Fatal(err)
	}
	execution, ok := stripped.(*v1alpha1.AutomationRuleExecution)
	if !ok {
		t.Fatalf("an execution has become a %T", stripped)
	}
	return execution
}

func TestACacheKeepsNoValues(t *testing.T) {
	before := whole()
	kept := strip(t, whole())
	data, err := json.Marshal(kept)
	if err != nil || strings.Contains(string(data), "secret") || kept.ManagedFields != nil || kept.Labels != nil {
		t.Errorf("error %v, kept %s", err, data)
	}
	if kept.Spec.Rule != "mapping" || kept.Spec.Subject.Name != "jane" || kept.Name != before.Name || kept.Status.Time != before.Status.Time ||
		!reflect.DeepEqual(kept.Status.Record, before.Status.Record) || kept.Status.Conditions[0].Message != "changes jobTitle" {
		t.Errorf("kept %s", data)
	}
	if want := []v1alpha1.FieldChange{
		{Field: "jobTitle", From: digest.Value, To: digest.Value}, {Field: "disabled", To: "true"}, {Field: "name", From: digest.Omitted, To: digest.Omitted},
	}; !reflect.DeepEqual(kept.Status.Changes, want) {
		t.Errorf("kept of changes %v", kept.Status.Changes)
	}
	again := kept.DeepCopy()
	if strip(t, again); !reflect.DeepEqual(again, kept) {
		t.Errorf("what is stripped once more is %v, not %v", again, kept)
	}
}

func TestADigestTellsRunsApart(t *testing.T) {
	same := digest.Of(&whole().Status)
	if kept := strip(t, whole()); kept.Status.Digest != same {
		t.Error("the cache has another digest than the run")
	}
	disowned := whole()
	disowned.OwnerReferences = nil
	if kept := strip(t, disowned); kept.Status.Digest == same {
		t.Error("of an execution without an owner the cache has the same digest as of others, so no run would give it one")
	}
	for name, change := range map[string]func(*v1alpha1.AutomationRuleExecutionStatus){
		"a value": func(s *v1alpha1.AutomationRuleExecutionStatus) { s.Expressions[0].Value = "other" },
		"a name":  func(s *v1alpha1.AutomationRuleExecutionStatus) { s.Expressions[0].Name = "other" },
		"a value on a name": func(s *v1alpha1.AutomationRuleExecutionStatus) {
			s.Expressions[0].Name, s.Expressions[0].Value = "emailsecret@example.com", ""
		},
		"one expression less": func(s *v1alpha1.AutomationRuleExecutionStatus) { s.Expressions = s.Expressions[1:] },
		"what it gave":        func(s *v1alpha1.AutomationRuleExecutionStatus) { s.Condition.Result = metav1.ConditionFalse },
		"no condition":        func(s *v1alpha1.AutomationRuleExecutionStatus) { s.Condition = nil },
	} {
		other := whole()
		change(&other.Status)
		if digest.Of(&other.Status) == same {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// TestWhatOperatorsBeforeHaveStoredIsNoNews: else the first start after an upgrade would write every execution.
func TestWhatOperatorsBeforeHaveStoredIsNoNews(t *testing.T) {
	before, after := whole().Status, whole().Status
	after.Condition.Expression = ""
	after.Expressions = after.Expressions[:1]
	if digest.Of(&before) != digest.Of(&after) {
		t.Error("the text of a condition that was met, or an expression without a value, makes a difference")
	}
	unmet := whole().Status
	unmet.Condition.Result = metav1.ConditionFalse
	other := whole().Status
	other.Condition.Result, other.Condition.Expression = metav1.ConditionFalse, "other"
	if digest.Of(&unmet) == digest.Of(&other) {
		t.Error("the text of a condition that was not met makes no difference")
	}
}

func TestWhatManyHaveInCommonIsThereOnce(t *testing.T) {
	one, other := strip(t, whole()), strip(t, whole())
	if unsafe.SliceData(one.Status.Changes) != unsafe.SliceData(other.Status.Changes) {
		t.Error("two executions with the same changes have lists of their own")
	}
	if unsafe.StringData(one.Spec.Subject.Name) != unsafe.StringData(one.Name[len("mapping-"):]) {
		t.Error("the subject's name is not the end of the execution's")
	}
}

func TestOtherObjectsLoseTheirManagedFields(t *testing.T) {
	stripped, err := digest.Strip(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}}})
	if secret, ok := stripped.(*corev1.Secret); err != nil || !ok || secret.ManagedFields != nil || secret.Name != "s" {
		t.Errorf("error %v, left %v", err, stripped)
	}
}
