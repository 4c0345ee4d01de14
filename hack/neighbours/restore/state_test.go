package restore

import (
	"context"
	"encoding/json"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/e2e/world"
)

// kept are the kinds of which a restore keeps everything, and what of their status is not looked at because it tells of the
// operator's own work since.
var kept = map[string][]string{
	"ScimUser": nil, "ScimGroup": nil, "ScimGroupPage": nil, "Person": nil, "Organization": nil, "Site": nil,
	"AutomationRule": {"conditions", "reprocessing", "executions", "effect", "processed", "changed", "failed", "failures"},
	"ScimEndpoint":   {"conditions", "users", "groups", "errors", "lastRequestAt"},
	"Secret":         nil,
}

// stateOf is what has to be as it was, by kind and name.
func stateOf(ctx context.Context, w *world.World, namespace string) map[string]string {
	GinkgoHelper()
	state := map[string]string{}
	for kind, leaveOut := range kept {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if kind == "Secret" {
			list.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "SecretList"})
		}
		Expect(w.Client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		for i := range list.Items {
			object := &list.Items[i]
			state[kind+" "+object.GetName()] = invariants.Text(invariants.Kept(object, leaveOut...))
		}
	}
	return state
}

// withoutStatus is what a restore keeps that leaves statuses out.
func withoutStatus(state map[string]string) map[string]string {
	GinkgoHelper()
	bare := map[string]string{}
	for name, is := range state {
		object := map[string]any{}
		Expect(json.Unmarshal([]byte(is), &object)).To(Succeed())
		delete(object, "status")
		bare[name] = invariants.Text(object)
	}
	return bare
}

// served is what the SCIM server answers.
func served(ctx context.Context, t *world.Tenant) map[string]string {
	GinkgoHelper()
	all, err := invariants.Served(func(path string) map[string]any { return t.Expect(ctx, http.StatusOK, http.MethodGet, path, "").Body })
	Expect(err).NotTo(HaveOccurred())
	return all
}
