package execution

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestWhoIsErasedIsNamedNowhere goes through all that an execution of somebody else can say: a message names the user
// that had an address before.
func TestWhoIsErasedIsNamedNowhere(t *testing.T) {
	const jane = "user-of-jane"
	taken := "the Person with this primaryEmail is linked to another ScimUser, " + jane + "; deactivate one"
	for name, status := range map[string]v1alpha1.AutomationRuleExecutionStatus{
		"an expression":  {Expressions: []v1alpha1.ExpressionResult{{Name: "manager", Value: jane}}},
		"a change":       {Changes: []v1alpha1.FieldChange{{Field: "manager", From: jane}}},
		"the message":    {Conditions: []metav1.Condition{{Type: v1alpha1.ConditionSucceeded, Reason: v1alpha1.ReasonPrimaryEmailTaken, Message: taken}}},
		"an earlier one": {History: []v1alpha1.ExecutionRun{{Reason: v1alpha1.ReasonPrimaryEmailTaken, Message: taken}}},
		"nothing at all": {History: []v1alpha1.ExecutionRun{{Message: "rule changes name"}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := &v1alpha1.AutomationRuleExecution{Status: status}
			before.Status.Log = Narrate(before) // as operators before have written it
			erased, found := EraseValues(before, func(text string) bool { return strings.Contains(text, jane) })
			if found != (name != "nothing at all") {
				t.Fatalf("found %t", found)
			}
			if data, err := json.Marshal(erased); err != nil || strings.Contains(string(data), jane) {
				t.Errorf("error %v, still named in %s", err, data)
			}
		})
	}
}
