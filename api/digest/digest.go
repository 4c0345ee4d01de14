// Package digest makes of an AutomationRuleExecution what the operator keeps of it in memory: enough to count it, and to
// see that a run has nothing to add to it. Whoever changes an execution reads the whole one from the API server.
package digest

import (
	"hash/maphash"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// Omitted is what stands in an execution for a value that is not to be stored.
	Omitted = "(omitted)"
	// Value stands for a value of a change that is not kept.
	Value = "(value)"
)

// seed makes digests tell nothing outside of this process, so that nobody can make two that are equal.
var seed = maphash.MakeSeed()

// Of is the digest of the values and the condition of a run, for comparison in this process.
func Of(status *v1alpha1.AutomationRuleExecutionStatus) uint64 {
	var hash maphash.Hash
	hash.SetSeed(seed)
	add := func(texts ...string) {
		for _, text := range texts {
			_, _ = hash.WriteString(text)
			_ = hash.WriteByte(0xff) // which no text holds
		}
	}
	for _, expression := range status.Expressions {
		if expression.Value != "" { // as operators before have stored it
			add(expression.Name, expression.Value)
		}
	}
	if condition := status.Condition; condition != nil {
		add("", string(condition.Result))
		if condition.Result != metav1.ConditionTrue { // what was met is not stored any more
			add(condition.Expression)
		}
	}
	return hash.Sum64()
}

// Strip is the cache's transform. Of an execution it leaves names, times, generations, why it ended as it did, the
// record, which fields were changed, and the digest of the rest; the API server refuses that as an update, because the
// kind of the subject is not in it. Of any other object it takes the managedFields.
func Strip(object any) (any, error) {
	execution, ok := object.(*v1alpha1.AutomationRuleExecution)
	if !ok {
		return cache.TransformStripManagedFields()(object)
	}
	if execution.Spec.Subject.Kind != "" { // else it is stripped already
		*execution = stripped(execution)
	}
	return execution, nil
}

func stripped(execution *v1alpha1.AutomationRuleExecution) v1alpha1.AutomationRuleExecution {
	status := &execution.Status
	rule, subject := shared(execution.Spec.Rule), execution.Spec.Subject.Name
	if prefix := rule + "-"; execution.Name == prefix+subject {
		subject = execution.Name[len(prefix):] // the same memory
	}
	return v1alpha1.AutomationRuleExecution{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: shared(execution.Namespace), Name: execution.Name, UID: execution.UID,
			ResourceVersion: execution.ResourceVersion, DeletionTimestamp: execution.DeletionTimestamp,
		},
		Spec: v1alpha1.AutomationRuleExecutionSpec{Rule: rule, Subject: v1alpha1.SubjectReference{Name: subject}},
		Status: v1alpha1.AutomationRuleExecutionStatus{
			Conditions: conditionsOf(status), Result: shared(status.Result), Trigger: shared(status.Trigger), Time: status.Time,
			RuleGeneration: status.RuleGeneration, SubjectGeneration: status.SubjectGeneration,
			SubjectRerun: status.SubjectRerun, RuleRerun: shared(status.RuleRerun),
			Record: recordOf(status), Changes: shapeOf(status.Changes), Digest: ofStored(execution),
		},
	}
}

// ofStored is 0, which is that of no run, for an execution without an owner, so that the next run reads it and gives it one.
func ofStored(execution *v1alpha1.AutomationRuleExecution) uint64 {
	if len(execution.OwnerReferences) == 0 {
		return 0
	}
	return Of(&execution.Status)
}

func conditionsOf(status *v1alpha1.AutomationRuleExecutionStatus) []metav1.Condition {
	succeeded := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionSucceeded)
	if succeeded == nil {
		return nil
	}
	return []metav1.Condition{{
		Type: v1alpha1.ConditionSucceeded, Status: shared(succeeded.Status),
		Reason: shared(succeeded.Reason), Message: shared(succeeded.Message),
	}}
}

func recordOf(status *v1alpha1.AutomationRuleExecutionStatus) *v1alpha1.TargetReference {
	if status.Record == nil {
		return nil
	}
	return &v1alpha1.TargetReference{Kind: shared(status.Record.Kind), Name: status.Record.Name}
}
