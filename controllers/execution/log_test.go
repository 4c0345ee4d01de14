package execution

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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

// TestWhoHasSeenAnOlderExecutionDoesNotOverwriteIt is for a process that has lost its leadership: it plans on what its
// cache holds, and reads the whole execution as the next leader has written it.
func TestWhoHasSeenAnOlderExecutionDoesNotOverwriteIt(t *testing.T) {
	rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "rule"}}
	subject := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "jane"}}
	for name, now := range map[string]string{"as it was": "7", "written since": "8"} {
		t.Run(name, func(t *testing.T) {
			written := false
			c := interceptor.NewClient(nil, interceptor.Funcs{
				Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, into client.Object, options ...client.GetOption) error {
					o := &client.GetOptions{}
					for _, option := range options {
						option.ApplyToGet(o)
					}
					if o.Raw == nil || o.Raw.ResourceVersion != "7" {
						t.Errorf("what is read can be older than what was seen: %v", o.Raw)
					}
					into.SetResourceVersion(now)
					return nil
				},
				Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
					written = true
					return nil
				},
			})
			log := &Log{
				Book:    Book{Client: c, Live: c, Clock: clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0)), Kind: v1alpha1.SubjectScimUser},
				subject: subject, rules: rulecache.Set{Sources: map[string]rulecache.Source{"rule": {Rule: rule}}},
			}
			seen := log.newExecution("rule")
			seen.ResourceVersion = "7"
			log.existing = map[string]*v1alpha1.AutomationRuleExecution{"rule": seen}
			err := log.Record(t.Context(), rules.Outcome{Rule: "rule", Reason: v1alpha1.ReasonApplied, Message: "new"}, nil)
			if fresh := now == "7"; written != fresh || (err == nil) != fresh {
				t.Errorf("written %t, error %v", written, err)
			}
		})
	}
}

// TestAnOlderExecutionHasTheSameValues is about what operators before have stored: the text of a condition that was met, and
// expressions without a value.
func TestAnOlderExecutionHasTheSameValues(t *testing.T) {
	condition := func(result metav1.ConditionStatus, text string) *v1alpha1.ConditionResult {
		return &v1alpha1.ConditionResult{Expression: text, Result: result}
	}
	of := func(condition *v1alpha1.ConditionResult, expressions ...v1alpha1.ExpressionResult) *v1alpha1.AutomationRuleExecution {
		return &v1alpha1.AutomationRuleExecution{Status: v1alpha1.AutomationRuleExecutionStatus{Condition: condition, Expressions: expressions}}
	}
	name, site := v1alpha1.ExpressionResult{Name: "name", Value: "Jane"}, v1alpha1.ExpressionResult{Name: "site"}
	now := of(condition(metav1.ConditionTrue, ""), name)
	for text, tt := range map[string]struct {
		before *v1alpha1.AutomationRuleExecution
		want   bool
	}{
		"written now":                    {now, true},
		"written by an operator before":  {of(condition(metav1.ConditionTrue, "true"), site, name), true},
		"a condition that was not met":   {of(condition(metav1.ConditionFalse, "true"), name), false},
		"no condition":                   {of(nil, name), false},
		"an expression that had a value": {of(condition(metav1.ConditionTrue, ""), name, v1alpha1.ExpressionResult{Name: "site", Value: "x"}), false},
	} {
		if got := sameValues(tt.before, now); got != tt.want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// TestANewRecordsLinkIsNotToldAgain while that of a record which a rule found is told.
func TestANewRecordsLinkIsNotToldAgain(t *testing.T) {
	log := &Log{subject: &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "jane"}}}
	changes := []v1alpha1.FieldChange{{Field: "name", To: "Jane"}, {Field: "source", To: v1alpha1.SourceSCIM}, {Field: "sourceID", To: "jane"}, {Field: "location", To: "jane"}}
	told := func(create bool) (fields []string) {
		for _, change := range log.told(rules.Outcome{Create: create, Changes: changes}) {
			fields = append(fields, change.Field)
		}
		return fields
	}
	if got := strings.Join(told(true), " "); got != "name location" {
		t.Errorf("of a new record: %s", got)
	}
	if got := strings.Join(told(false), " "); got != "name source sourceID location" {
		t.Errorf("of one that was found: %s", got)
	}
}
