package execution

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestARunIsToldInSentences(t *testing.T) {
	execution := &v1alpha1.AutomationRuleExecution{
		Spec: v1alpha1.AutomationRuleExecutionSpec{
			Rule: "mapping", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: "jane"},
		},
		Status: v1alpha1.AutomationRuleExecutionStatus{
			Trigger: v1alpha1.TriggerSubjectChanged, Time: v1alpha1.NewTimestamp(time.Date(2026, 11, 25, 2, 35, 42, 7, time.UTC)),
			Result: v1alpha1.ResultSucceeded, RuleGeneration: 1, SubjectGeneration: 2, RequestID: "request-2",
			Expressions: []v1alpha1.ExpressionResult{{Name: "email", Value: "jane@example.com"}, {Name: "site"}},
			Condition:   &v1alpha1.ConditionResult{Expression: "email != \"\"\n  && true", Result: metav1.ConditionTrue},
			Record:      &v1alpha1.TargetReference{Kind: v1alpha1.RecordPerson, Name: "person-1"},
			Changes:     []v1alpha1.FieldChange{{Field: "jobTitle", From: "Engineer", To: "Director"}},
			Conditions: []metav1.Condition{{
				Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApplied, Message: "rule mapping changes jobTitle",
			}},
		},
	}
	want := []string{
		"2026-11-25T02:35:42Z: SubjectChanged: the client changed the subject.",
		"Rule mapping, generation 1, on ScimUser jane, generation 2 of request request-2.",
		"Expression email: jane@example.com",
		"Expression site: (none)",
		`Condition: True: email != "" && true`,
		"Record: Person person-1",
		"Change jobTitle: Engineer -> Director",
		"Result: succeeded, Applied: rule mapping changes jobTitle",
	}
	if told := Narrate(execution); !slices.Equal(told, want) {
		t.Errorf("told\n%q\nwant\n%q", told, want)
	}
}
