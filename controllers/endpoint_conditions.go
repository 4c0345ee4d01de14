package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// tellWhile makes the endpoint's status have a condition while there is a reason for it. An Event says when it begins, and
// when its reason becomes another one.
func (r *endpointReconciler) tellWhile(endpoint *v1alpha1.ScimEndpoint, report *verdict.Report, condition, reason, message string) {
	conditions := &endpoint.Status.Conditions
	if reason == "" {
		meta.RemoveStatusCondition(conditions, condition)
		return
	}
	before := meta.FindStatusCondition(*conditions, condition)
	if before == nil || before.Reason != reason {
		report.Announce(func() {
			r.status.Event(endpoint, nil, corev1.EventTypeWarning, condition, "%s", verdict.Truncate(message))
		})
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason, Message: message,
		ObservedGeneration: endpoint.Generation, LastTransitionTime: metav1.NewTime(r.status.Now()),
	})
}

// limitsReduced says what the endpoint asks for and does not get, "" when it gets all.
func (r *endpointReconciler) limitsReduced(endpoint *v1alpha1.ScimEndpoint) (reason, message string) {
	_, over := r.bounds.Limits(endpoint.Spec.Limits)
	if len(over) == 0 {
		return "", ""
	}
	return v1alpha1.ReasonAboveOperatorLimits, strings.Join(over, " ") +
		" That is what the operator's flags allow: ask for no more, or have whoever runs the operator raise them."
}
