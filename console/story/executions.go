package story

import (
	"cmp"
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/execution"
)

func compareNames(a, b client.Object) int { return strings.Compare(a.GetName(), b.GetName()) }

// compareRules is the order in which rules run.
func compareRules(a, b v1alpha1.AutomationRule) int {
	return cmp.Or(cmp.Compare(positionOf(&a), positionOf(&b)), strings.Compare(a.Name, b.Name))
}

func positionOf(rule *v1alpha1.AutomationRule) int32 {
	if rule.Spec.Position == nil {
		return 0
	}
	return *rule.Spec.Position
}

// tellRules tells what each rule made of the subject. An execution is read by its name, because that is what the API server finds
// without looking at all of them.
func (t *teller) tellRules(ctx context.Context) error {
	source := t.source()
	for i := range t.rules {
		rule := &t.rules[i]
		told := Rule{
			Name: rule.Name, Description: rule.Spec.Description, Position: positionOf(rule), Generation: rule.Generation, Disabled: rule.Spec.Disabled,
		}
		run := &v1alpha1.AutomationRuleExecution{}
		exists, err := t.getLive(ctx, t.namespace, execution.Name(rule.Name, source.GetName()), run)
		if err := t.allowed(err); err != nil {
			return err
		}
		if exists {
			t.executions = append(t.executions, run)
			tellRun(&told, rule, run)
		}
		t.story.Rules = append(t.story.Rules, told)
	}
	return nil
}

// tellRun fills in what an execution says.
func tellRun(told *Rule, rule *v1alpha1.AutomationRule, run *v1alpha1.AutomationRuleExecution) {
	status := &run.Status
	told.Execution, told.Result, told.Trigger, told.Time = run.Name, status.Result, status.Trigger, status.Time.UTC()
	told.RuleGeneration, told.SubjectGeneration, told.RequestID = status.RuleGeneration, status.SubjectGeneration, status.RequestID
	told.Changes, told.Narrative = status.Changes, execution.Narrate(run)
	if succeeded := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionSucceeded); succeeded != nil {
		told.Reason, told.Message = succeeded.Reason, succeeded.Message
	}
	same := status.RuleGeneration == rule.Generation
	if status.Condition != nil {
		told.Condition = &Condition{Expression: status.Condition.Expression, Result: status.Condition.Result}
		if told.Condition.Expression == "" && same {
			told.Condition.Expression = rule.Spec.Condition
		}
	}
	told.Expressions = expressionsOf(rule, status, same)
	told.Runs = append(told.Runs, Run{Time: told.Time, Trigger: told.Trigger, Reason: told.Reason, Message: told.Message})
	for _, earlier := range status.History {
		told.Runs = append(told.Runs, Run{Time: earlier.Time.UTC(), Trigger: earlier.Trigger, Reason: earlier.Reason, Message: earlier.Message})
	}
}

// expressionsOf are the expressions with their values: those of the rule, if it is the one that ran, else those that had a value.
func expressionsOf(rule *v1alpha1.AutomationRule, status *v1alpha1.AutomationRuleExecutionStatus, same bool) []Expression {
	var told []Expression
	if !same {
		for _, e := range status.Expressions {
			told = append(told, Expression{Name: e.Name, Value: e.Value})
		}
		return told
	}
	values := map[string]string{}
	for _, e := range status.Expressions {
		values[e.Name] = e.Value
	}
	for _, e := range rule.Spec.Expressions {
		told = append(told, Expression{Name: e.Name, Source: strings.TrimSpace(e.Value), Value: values[e.Name]})
	}
	return told
}

// failed reports whether a rule failed for the subject.
func (r *Rule) failed() bool { return r.Result == v1alpha1.ResultFailed }
