package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// omittedText stands in an execution for a value that is not to be stored. No digest does:
// most values are names, titles, yes or no, which a digest tells to whoever guesses them.
const omittedText = "(omitted)"

// omitsValues reports whether executions of a namespace hold no values. Where one of its
// endpoints says so they do not, because no user says which endpoint it came by.
func omitsValues(ctx context.Context, reader client.Reader, namespace string) (bool, error) {
	endpoints := &v1alpha1.ScimEndpointList{}
	if err := reader.List(ctx, endpoints, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list ScimEndpoints: %w", err)
	}
	return slices.ContainsFunc(endpoints.Items, func(e v1alpha1.ScimEndpoint) bool { return omitting(&e) }), nil
}

func omitting(endpoint *v1alpha1.ScimEndpoint) bool {
	return endpoint != nil && endpoint.Spec.ExecutionValues == v1alpha1.ExecutionValuesOmit
}

// omitValues leaves in the status of an execution only whether there were values. It
// reports whether there was anything to leave out.
func omitValues(status *v1alpha1.AutomationRuleExecutionStatus) (changed bool) {
	omit := func(value *string) {
		if *value != "" && *value != omittedText {
			*value, changed = omittedText, true
		}
	}
	for i := range status.Expressions {
		omit(&status.Expressions[i].Value)
	}
	for i := range status.Changes {
		omit(&status.Changes[i].From)
		omit(&status.Changes[i].To)
	}
	return changed
}

// withoutValues returns an execution that holds no values: itself, or a copy whose log is
// told anew. What happened, when and why stays, so that nothing but the values is lost.
func withoutValues(execution *v1alpha1.AutomationRuleExecution) *v1alpha1.AutomationRuleExecution {
	clean := execution.DeepCopy()
	if !omitValues(&clean.Status) {
		return execution
	}
	clean.Status.Log = narrate(clean)
	return clean
}

// sameExpressions reports whether expressions had the same values. Of one that was left out
// only that there was one is known: whether that was the same, what became of the record tells.
func sameExpressions(before, after []v1alpha1.ExpressionResult) bool {
	return slices.EqualFunc(before, after, func(b, a v1alpha1.ExpressionResult) bool {
		return b.Name == a.Name && (b.Value == a.Value || b.Value == omittedText && a.Value != "")
	})
}

// erasedText stands in an execution for a value that named somebody who was erased.
const erasedText = "(erased)"

// EraseValues returns a copy of an execution without the values that name somebody, and
// whether there are any. It is for executions of other subjects.
func EraseValues(execution *v1alpha1.AutomationRuleExecution, names func(value string) bool) (*v1alpha1.AutomationRuleExecution, bool) {
	var all []string
	for _, e := range execution.Status.Expressions {
		all = append(all, e.Value)
	}
	for _, c := range execution.Status.Changes {
		all = append(all, c.From, c.To)
	}
	if !slices.ContainsFunc(all, names) {
		return nil, false
	}
	erased := execution.DeepCopy()
	erase := func(value *string) {
		if names(*value) {
			*value = erasedText
		}
	}
	for i := range erased.Status.Expressions {
		erase(&erased.Status.Expressions[i].Value)
	}
	for i := range erased.Status.Changes {
		erase(&erased.Status.Changes[i].From)
		erase(&erased.Status.Changes[i].To)
	}
	erased.Status.Log = narrate(erased)
	return erased, true
}
