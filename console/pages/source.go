package pages

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// sourceOf is a rule as YAML as somebody would keep it in Git.
func sourceOf(rule *v1alpha1.AutomationRule) (string, error) {
	source := struct {
		APIVersion string                      `json:"apiVersion"`
		Kind       string                      `json:"kind"`
		Metadata   map[string]string           `json:"metadata"`
		Spec       v1alpha1.AutomationRuleSpec `json:"spec"`
	}{v1alpha1.GroupVersion.String(), "AutomationRule", map[string]string{"name": rule.Name}, rule.Spec}
	text, err := yaml.Marshal(source)
	if err != nil {
		return "", fmt.Errorf("write rule %s as YAML: %w", rule.Name, err)
	}
	return string(text), nil
}

// managersOf are the field managers that have written an object's spec.
func managersOf(object metav1.Object) []string {
	var managers []string
	for _, entry := range object.GetManagedFields() {
		if entry.Subresource == "" && !slices.Contains(managers, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	return managers
}
