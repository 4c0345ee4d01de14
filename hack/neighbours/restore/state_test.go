package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
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

// stateOf is what has to be as it was, by kind and name: metadata that is somebody's, spec or data, and status.
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
			state[kind+" "+object.GetName()] = text(essence(object, leaveOut))
		}
	}
	return state
}

// essence leaves out what the API server makes of an object, and what Velero adds.
func essence(object *unstructured.Unstructured, leaveOut []string) map[string]any {
	labels := object.GetLabels()
	maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, "velero.io/") })
	if len(labels) == 0 {
		labels = nil
	}
	var owners []string
	for _, owner := range object.GetOwnerReferences() {
		owners = append(owners, owner.Kind+" "+owner.Name)
	}
	is := map[string]any{
		"labels": labels, "annotations": object.GetAnnotations(), "finalizers": object.GetFinalizers(), "owners": owners,
		"spec": object.Object["spec"], "data": object.Object["data"],
	}
	if status, ok := object.Object["status"].(map[string]any); ok {
		for _, field := range append(leaveOut, "observedGeneration") {
			delete(status, field)
		}
		withoutFields(status["conditions"], "observedGeneration")
		withoutFields(status["tokens"], "lastUsedAt", "lastSource")
		is["status"] = status
	}
	return is
}

// withoutFields leaves fields out of all entries of a list.
func withoutFields(list any, fields ...string) {
	entries, _ := list.([]any)
	for _, entry := range entries {
		if entry, ok := entry.(map[string]any); ok {
			for _, field := range fields {
				delete(entry, field)
			}
		}
	}
}

func text(value any) string {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// withoutStatus is what a restore keeps that leaves statuses out.
func withoutStatus(state map[string]string) map[string]string {
	GinkgoHelper()
	bare := map[string]string{}
	for name, is := range state {
		object := map[string]any{}
		Expect(json.Unmarshal([]byte(is), &object)).To(Succeed())
		delete(object, "status")
		bare[name] = text(object)
	}
	return bare
}

// differences are what is not as it was.
func differences(before, after map[string]string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		switch is, there := after[name]; {
		case !there:
			found = append(found, name+" is gone")
		case is != before[name]:
			found = append(found, name+" (-was +is)\n"+cmp.Diff(before[name], is))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, there := before[name]; !there {
			found = append(found, name+" is new")
		}
	}
	return found
}

// served is what the SCIM server answers, by id: all users and groups, without their versions, which are another cluster's.
func served(ctx context.Context, t *world.Tenant) map[string]string {
	GinkgoHelper()
	resources := map[string]string{}
	for _, path := range []string{"/Users", "/Groups"} {
		for start, total := 1, 1; start <= total; {
			page := t.Expect(ctx, http.StatusOK, http.MethodGet, fmt.Sprintf("%s?startIndex=%d&count=500", path, start), "").Body
			found, ok := page["Resources"].([]any)
			if !ok {
				break // none
			}
			count, ok := page["totalResults"].(float64)
			Expect(ok).To(BeTrue())
			for _, one := range found {
				resource, ok := one.(map[string]any)
				Expect(ok).To(BeTrue())
				about, ok := resource["meta"].(map[string]any)
				Expect(ok).To(BeTrue())
				delete(about, "version")
				resources[fmt.Sprint(resource["id"])] = text(resource)
			}
			start, total = start+len(found), int(count)
		}
	}
	return resources
}
