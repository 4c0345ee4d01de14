package execution

import (
	"context"
	"iter"
	"slices"

	"rservice.dev/scim-operator/api/digest"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

// omittedText stands in an execution for a value that is not to be stored. No digest does:
// most values are names, titles, yes or no, which a digest tells to whoever guesses them.
const omittedText = digest.Omitted

// omitsIn reports whether executions of a namespace hold no values. Where one of its
// endpoints says so they do not, because no user says which endpoint it came by.
func omitsIn(ctx context.Context, view directory.View) (bool, error) {
	endpoints, err := view.Endpoints(ctx)
	return slices.ContainsFunc(endpoints, OmitsValues), err
}

// OmitsValues reports whether an endpoint, nil for none, says that executions hold no values.
func OmitsValues(endpoint *v1alpha1.ScimEndpoint) bool {
	return endpoint != nil && endpoint.Spec.ExecutionValues == v1alpha1.ExecutionValuesOmit
}

// omitValues leaves in the status of an execution only whether there were values. It
// reports whether there was anything to leave out.
func omitValues(status *v1alpha1.AutomationRuleExecutionStatus) (changed bool) {
	for value := range values(status) {
		if *value != "" && *value != omittedText {
			*value, changed = omittedText, true
		}
	}
	return changed
}

// values are those that a status of an execution holds, in its fields.
func values(status *v1alpha1.AutomationRuleExecutionStatus) iter.Seq[*string] {
	return func(yield func(*string) bool) {
		for i := range status.Expressions {
			if !yield(&status.Expressions[i].Value) {
				return
			}
		}
		for i := range status.Changes {
			if !yield(&status.Changes[i].From) || !yield(&status.Changes[i].To) {
				return
			}
		}
	}
}

// holdsValues reports whether there is anything for omitValues to leave out.
func holdsValues(status *v1alpha1.AutomationRuleExecutionStatus) bool {
	for value := range values(status) {
		if *value != "" && *value != omittedText {
			return true
		}
	}
	return false
}

// withoutValues returns an execution that holds no values: itself, or a copy. What happened,
// when and why stays, so that nothing but the values is lost.
func withoutValues(execution *v1alpha1.AutomationRuleExecution) *v1alpha1.AutomationRuleExecution {
	clean := execution.DeepCopy()
	if !omitValues(&clean.Status) {
		return execution
	}
	clean.Status.Log = nil // of old ones, which told values
	return clean
}

// sameExpressions reports whether expressions had the same values. Of one that was left out
// only that there was one is known: whether that was the same, what became of the record tells. Operators before have
// stored those without a value, too.
func sameExpressions(before, after []v1alpha1.ExpressionResult) bool {
	return slices.EqualFunc(withValues(before), withValues(after), func(b, a v1alpha1.ExpressionResult) bool {
		return b.Name == a.Name && (b.Value == a.Value || b.Value == omittedText && a.Value != "")
	})
}

// erasedText stands in an execution for a value that named somebody who was erased.
const erasedText = "(erased)"

// EraseValues returns a copy of an execution without the values and messages that name somebody,
// and whether there are any. It is for executions of other subjects.
func EraseValues(execution *v1alpha1.AutomationRuleExecution, names func(text string) bool) (*v1alpha1.AutomationRuleExecution, bool) {
	erased, found := execution.DeepCopy(), false
	erase := func(text *string) {
		if names(*text) {
			*text, found = erasedText, true
		}
	}
	status := &erased.Status
	for value := range values(status) {
		erase(value)
	}
	for i := range status.Conditions {
		erase(&status.Conditions[i].Message)
	}
	for i := range status.History {
		erase(&status.History[i].Message)
	}
	if !found {
		return nil, false
	}
	status.Log = nil // of old ones, which told values
	return erased, true
}
