package invariants

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Kept is what a restore has to keep of an object: metadata that is somebody's, spec or data, and status. It leaves out what the
// API server makes of the object, what Velero adds, and fields of the status that tell of the operator's own work since.
func Kept(object *unstructured.Unstructured, leaveOut ...string) map[string]any {
	object = object.DeepCopy()
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

// Text is a value as Differences compares and shows it.
func Text(value any) string {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Differences are what is not as it was, of texts by what they are of.
func Differences(before, after map[string]string) []string {
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

// Served are all users and groups as the SCIM server tells them, by path, without their versions, which are another cluster's after
// a restore. get is the body that a path below the base URL is answered with.
func Served(get func(path string) map[string]any) (map[string]string, error) {
	served := map[string]string{}
	for _, path := range []string{"/Users", "/Groups"} {
		for start, total := 1, 1; start <= total; {
			page := get(fmt.Sprintf("%s?startIndex=%d&count=500", path, start))
			count, ok := page["totalResults"].(float64)
			if !ok {
				return nil, fmt.Errorf("%s: no number of results in %v", path, page)
			}
			found, _ := page["Resources"].([]any)
			if len(found) == 0 && start <= int(count) {
				return nil, fmt.Errorf("%s: %d results, and none from the %d. on", path, int(count), start)
			}
			for _, one := range found {
				resource, _ := one.(map[string]any)
				about, ok := resource["meta"].(map[string]any)
				if !ok {
					return nil, fmt.Errorf("%s: no meta in %v", path, one)
				}
				delete(about, "version")
				served[fmt.Sprintf("%s/%v", path, resource["id"])] = Text(resource)
			}
			start, total = start+len(found), int(count)
		}
	}
	return served, nil
}
