package admission

import (
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// refuse says why a rule is not stored. A new rule is Invalid, so that clients show each
// field with its finding. The update of a rule that there is must not be: Flux with
// "force: true" and "kubectl apply --force" take Invalid for a field that cannot be changed
// and delete the rule to make it anew. It is Forbidden, with the same findings.
func refuse(update bool, rule string, failed field.ErrorList) error {
	kind := v1alpha1.GroupVersion.WithKind("AutomationRule").GroupKind()
	invalid := apierrors.NewInvalid(kind, rule, failed)
	if !update {
		return invalid
	}
	status := invalid.ErrStatus
	status.Code, status.Reason = http.StatusForbidden, metav1.StatusReasonForbidden
	lines := make([]string, 0, len(failed))
	for _, f := range failed {
		lines = append(lines, f.Error())
	}
	between := " "
	if len(lines) > 1 {
		between = "\n  "
	}
	status.Message = harmless("the AutomationRule stays as it is:" + between + strings.Join(lines, between))
	return &apierrors.StatusError{ErrStatus: status}
}

// harmless rewrites the words that Flux with "force: true" takes for the permission to
// delete, whatever the code: a rule can hold them in a text that a finding quotes.
func harmless(message string) string {
	return strings.ReplaceAll(message, "immutable", "im-mutable")
}
