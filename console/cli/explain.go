package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// explain says of an error what to do about it, where the API server does not.
func explain(err error) string {
	if unreached, ok := errors.AsType[*url.Error](err); ok {
		at := unreached.URL
		if parsed, err := url.Parse(unreached.URL); err == nil {
			at = parsed.Host
		}
		return fmt.Sprintf("cannot reach the API server at %s: %v. Which cluster is meant says the kubeconfig (--kubeconfig, KUBECONFIG) with its context (--context).", at, unreached.Err)
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = fold.Printable(line)
	}
	text := strings.Join(lines, "\n  ")
	switch {
	case meta.IsNoMatchError(err) || isMissingKind(err):
		return text + "\nThe cluster does not know this kind: the operator's definitions are not installed there (config/install.md), or it is another cluster than you mean (--context)."
	case apierrors.IsForbidden(err):
		if role := roleFor(err); role != "" {
			return text + fmt.Sprintf("\nClusterRole %s has this right: ask for a RoleBinding to it in the namespace (config/secure.md).", role)
		}
	case apierrors.IsUnauthorized(err):
		return text + "\nThe cluster does not know who you are: log in again."
	}
	return text
}

// isMissingKind reports whether the API server has no such kind, which it answers with 404 without naming an object.
func isMissingKind(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == ""
}

// roleFor is the smallest of the roles in config/roles that has the right that the API server missed. It is "" where a
// policy refused, or where no role has it.
func roleFor(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	details := status.Status().Details
	if details == nil || status.Status().Reason != metav1.StatusReasonForbidden {
		return ""
	}
	_, missing, found := strings.Cut(status.Status().Message, "cannot ")
	verb, _, _ := strings.Cut(missing, " ")
	if !found {
		return "" // an admission policy, which says why in its own words
	}
	switch {
	case details.Group == v1alpha1.GroupVersion.Group:
		return roleOf(verb, details.Kind)
	case details.Kind == "secrets":
		return "scim-account-owner"
	case details.Kind == "events" && reads(verb):
		return "scim-viewer"
	}
	return ""
}

// roleOf is the role for a verb on one of the project's resources.
func roleOf(verb, resource string) string {
	switch {
	case reads(verb):
		return "scim-viewer"
	case resource == "automationrules" || resource == "organizations" || resource == "sites":
		return "scim-editor"
	case (resource == "scimusers" || resource == "scimgroups") && (verb == "patch" || verb == "update"):
		return "scim-editor"
	case resource == "scimendpoints" || resource == "persons" || resource == "scimusers" || resource == "scimgroups":
		return "scim-account-owner"
	}
	return ""
}

func reads(verb string) bool { return verb == "get" || verb == "list" || verb == "watch" }
