package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// maxHistory is the most earlier runs that an execution keeps.
const maxHistory = 5

// Values of LabelResult.
const (
	resultSucceeded = "succeeded"
	resultFailed    = "failed"
	resultSkipped   = "skipped"
)

// executionLog keeps the AutomationRuleExecutions of one subject.
type executionLog struct {
	client  client.Client
	clock   clock.PassiveClock
	subject client.Object
	kind    v1alpha1.SubjectKind
	// existing are the cache's own objects, by rule.
	existing map[string]*v1alpha1.AutomationRuleExecution
}

// openExecutionLog reads the executions of a subject.
func openExecutionLog(ctx context.Context, c client.Client, clk clock.PassiveClock, subject client.Object, kind v1alpha1.SubjectKind) (*executionLog, error) {
	list := &v1alpha1.AutomationRuleExecutionList{}
	err := c.List(ctx, list, client.InNamespace(subject.GetNamespace()),
		client.MatchingFields{executionBySubject: subject.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list AutomationRuleExecutions: %w", err)
	}
	existing := map[string]*v1alpha1.AutomationRuleExecution{}
	for i := range list.Items {
		existing[list.Items[i].Spec.Rule] = &list.Items[i]
	}
	return &executionLog{client: c, clock: clk, subject: subject, kind: kind, existing: existing}, nil
}

// record writes what a rule did, unless the execution says so already. current is
// the subject's record after the rule, nil if it has none.
func (l *executionLog) record(ctx context.Context, outcome rules.Outcome, current rules.Record) error {
	previous := l.existing[outcome.Rule]
	if previous == nil {
		execution := l.newExecution(outcome.Rule)
		l.fill(execution, outcome, current, v1alpha1.TriggerCreated)
		return failedTo("create execution", l.client.Create(ctx, execution))
	}
	next := previous.DeepCopy()
	l.fill(next, outcome, current, l.trigger(previous, outcome))
	if sameRun(previous, next) {
		return nil
	}
	next.Status.History = appendHistory(previous)
	return failedTo("update execution", l.client.Update(ctx, next))
}

func (l *executionLog) newExecution(rule string) *v1alpha1.AutomationRuleExecution {
	return &v1alpha1.AutomationRuleExecution{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: l.subject.GetNamespace(),
			Name:      rule + "-" + l.subject.GetName(),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: string(l.kind),
				Name: l.subject.GetName(), UID: l.subject.GetUID(), Controller: new(true),
			}},
		},
		Spec: v1alpha1.AutomationRuleExecutionSpec{
			Rule: rule, Subject: v1alpha1.SubjectReference{Kind: l.kind, Name: l.subject.GetName()},
		},
	}
}

// fill writes an outcome into an execution.
func (l *executionLog) fill(execution *v1alpha1.AutomationRuleExecution, outcome rules.Outcome, current rules.Record, trigger v1alpha1.Trigger) {
	now := l.clock.Now()
	succeeded, result := resultOf(outcome)
	execution.Labels = map[string]string{
		v1alpha1.LabelRule: outcome.Rule, v1alpha1.LabelSubjectKind: string(l.kind), v1alpha1.LabelResult: result,
	}
	status := &execution.Status
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionSucceeded, Status: succeeded, Reason: outcome.Reason,
		Message: truncate(outcome.Message), LastTransitionTime: metav1.NewTime(now),
	})
	status.Trigger = trigger
	status.Time = metav1.NewMicroTime(now)
	status.RuleGeneration = outcome.Generation
	status.SubjectGeneration = l.subject.GetGeneration()
	status.Expressions = outcome.Expressions
	status.Record = nil
	if current != nil {
		status.Record = &v1alpha1.TargetReference{Kind: outcome.Kind, Name: current.GetName()}
	}
	if outcome.Reason == v1alpha1.ReasonApplied {
		status.Changes = outcome.Changes
	}
}

func resultOf(outcome rules.Outcome) (metav1.ConditionStatus, string) {
	switch {
	case outcome.Failed():
		return metav1.ConditionFalse, resultFailed
	case outcome.Reason == v1alpha1.ReasonConditionNotMet:
		return metav1.ConditionUnknown, resultSkipped
	}
	return metav1.ConditionTrue, resultSucceeded
}

func (l *executionLog) trigger(previous *v1alpha1.AutomationRuleExecution, outcome rules.Outcome) v1alpha1.Trigger {
	switch {
	case previous.Status.SubjectGeneration != l.subject.GetGeneration():
		return v1alpha1.TriggerSubjectChanged
	case previous.Status.RuleGeneration != outcome.Generation:
		return v1alpha1.TriggerRuleChanged
	}
	return v1alpha1.TriggerContextChanged
}

// sameRun reports whether a new run has nothing to tell: the same inputs with the
// same result. A run that changed something always has; a run that finds what an
// earlier one has applied has not.
func sameRun(previous, next *v1alpha1.AutomationRuleExecution) bool {
	before, after := succeededCondition(previous), succeededCondition(next)
	sameReason := before.Reason == after.Reason && before.Message == after.Message
	if after.Reason == v1alpha1.ReasonNoChange && before.Reason == v1alpha1.ReasonApplied {
		sameReason = true
	}
	return sameReason && after.Reason != v1alpha1.ReasonApplied &&
		previous.Status.RuleGeneration == next.Status.RuleGeneration &&
		previous.Status.SubjectGeneration == next.Status.SubjectGeneration &&
		equality.Semantic.DeepEqual(previous.Status.Record, next.Status.Record) &&
		equality.Semantic.DeepEqual(previous.Status.Expressions, next.Status.Expressions)
}

func succeededCondition(execution *v1alpha1.AutomationRuleExecution) metav1.Condition {
	if condition := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionSucceeded); condition != nil {
		return *condition
	}
	return metav1.Condition{}
}

// appendHistory returns the history with the run that is now the last one before.
func appendHistory(previous *v1alpha1.AutomationRuleExecution) []v1alpha1.ExecutionRun {
	condition := succeededCondition(previous)
	if condition.Reason == "" {
		return previous.Status.History
	}
	history := []v1alpha1.ExecutionRun{{
		Time: previous.Status.Time, Trigger: previous.Status.Trigger, Reason: condition.Reason, Message: condition.Message,
	}}
	history = append(history, previous.Status.History...)
	return history[:min(len(history), maxHistory)]
}

// prune removes the executions of rules that are gone or disabled.
func (l *executionLog) prune(ctx context.Context, set ruleSet) error {
	for _, name := range slices.Sorted(maps.Keys(l.existing)) {
		if set.has(name) {
			continue
		}
		if err := l.client.Delete(ctx, l.existing[name].DeepCopy()); client.IgnoreNotFound(err) != nil {
			return failedTo("delete execution of a rule that is gone", err)
		}
	}
	return nil
}
