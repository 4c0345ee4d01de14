package execution

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
)

// TestTheLargestExecutionFitsIntoEtcd has as many values as a rule can make, as long as
// they can be, of what takes the most bytes.
func TestTheLargestExecutionFitsIntoEtcd(t *testing.T) {
	for name, char := range map[string]string{"escaped": "<", "of four bytes": "😀"} {
		t.Run(name, func(t *testing.T) {
			value := strings.Repeat(char, rules.MaxResultLength)
			outcome := rules.Outcome{Rule: "rule", Reason: v1alpha1.ReasonApplied, Message: strings.Repeat(char, rules.MaxMessageLength)}
			for i := range rules.MaxExpressions {
				outcome.Expressions = append(outcome.Expressions, v1alpha1.ExpressionResult{Name: fmt.Sprint("e", i), Value: value})
			}
			for i := range rules.MaxFields {
				outcome.Changes = append(outcome.Changes, v1alpha1.FieldChange{Field: fmt.Sprint("customFields.c", i), From: value, To: value})
			}
			rule := &v1alpha1.AutomationRule{Spec: v1alpha1.AutomationRuleSpec{Condition: value}}
			log := &Log{
				Book:    Book{Clock: clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0)), Kind: v1alpha1.SubjectScimUser},
				subject: &v1alpha1.ScimUser{}, rules: rulecache.Set{Sources: map[string]rulecache.Source{"rule": {Rule: rule}}},
			}
			execution := log.newExecution("rule")
			log.fill(execution, outcome, nil, v1alpha1.TriggerCreated)
			for range maxHistory {
				execution.Status.History = appendHistory(execution)
			}
			data, err := json.Marshal(execution)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 3<<19 {
				t.Errorf("%d bytes", len(data))
			}
			if len(outcome.Expressions[0].Value) != len(value) {
				t.Error("the outcome of the plan was changed")
			}
		})
	}
}
