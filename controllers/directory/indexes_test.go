package directory

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestWhatHasNoValueIsInNoIndex: else 100,000 Persons without a user would share one key, or one bucket with values.
func TestWhatHasNoValueIsInNoIndex(t *testing.T) {
	objects := []client.Object{
		&v1alpha1.Person{}, &v1alpha1.Organization{}, &v1alpha1.Site{}, &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{},
		&v1alpha1.AutomationRuleExecution{},
	}
	for _, index := range allIndexes() {
		for _, object := range objects {
			if keys := index.Keys(object); len(keys) > 0 {
				t.Errorf("an empty %T is under %q of index %s", object, keys, index.Name)
			}
		}
	}
}
