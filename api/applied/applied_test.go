package applied_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func entry(manager string, operation metav1.ManagedFieldsOperationType, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, APIVersion: "provisioning.rservice.dev/v1alpha1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(fields), Subresource: subresource, Time: &metav1.Time{},
	}
}

func TestFieldsAreThoseThatSomebodyApplied(t *testing.T) {
	const (
		apply    = metav1.ManagedFieldsOperationApply
		update   = metav1.ManagedFieldsOperationUpdate
		name     = `{"f:spec":{"f:name":{}}}`
		remember = `{"f:metadata":{"f:annotations":{".":{},"f:` + lastApplied + `":{}}},"f:spec":{"f:remarks":{}}}`
	)
	for test, c := range map[string]struct {
		entries    []metav1.ManagedFieldsEntry
		annotation string
		want       map[string]applied.Owner
		// kept is how many entries a cache keeps.
		kept int
	}{
		"nothing": {},
		"only what was applied": {
			[]metav1.ManagedFieldsEntry{entry("flux", apply, "", `{"f:metadata":{"f:labels":{}},"f:spec":{".":{},"f:name":{},"f:manager":{"f:name":{}}}}`), entry("edit", update, "", name)},
			"", map[string]applied.Owner{"name": {Manager: "flux"}, "manager": {Manager: "flux"}}, 1,
		},
		"each custom field by itself": {
			[]metav1.ManagedFieldsEntry{entry("flux", apply, "", `{"f:spec":{"f:customFields":{".":{},"f:badge":{"f:deep":{}}}}}`)},
			"", map[string]applied.Owner{"customFields.badge": {Manager: "flux"}}, 1,
		},
		"not what rules and others write": {
			[]metav1.ManagedFieldsEntry{
				entry("automationrule/default", apply, "", name), entry("automationrule/default", update, "", name),
				entry("flux", apply, "status", name), entry("flux", apply, "", `{"f:metadata":{"f:labels":{"f:a":{}}}}`), entry("broken", apply, "", `{`),
			}, "", nil, 0,
		},
		"what kubectl remembers, whoever wrote it last": {
			[]metav1.ManagedFieldsEntry{entry("automationrule/default", update, "", name), entry("argocd-controller", update, "", remember)},
			`{"spec":{"name":"Sales","disabled":false,"parent":null,"customFields":{"badge":1}}}`,
			map[string]applied.Owner{
				"name": {"argocd-controller", `"Sales"`}, "disabled": {"argocd-controller", "false"}, "customFields.badge": {Manager: "argocd-controller"},
			}, 1,
		},
		"what kubectl remembers, of an unknown writer": {
			nil, `{"spec":{"name":"Sales"}}`, map[string]applied.Owner{"name": {"kubectl-client-side-apply", `"Sales"`}}, 0,
		},
		"a memory that is none": {
			[]metav1.ManagedFieldsEntry{entry("kubectl-client-side-apply", update, "", remember)}, `{"spec":[]}`, nil, 1,
		},
		"both ways": {
			[]metav1.ManagedFieldsEntry{entry("flux", apply, "", `{"f:metadata":{"f:annotations":{"f:`+lastApplied+`":{}}},"f:spec":{"f:name":{}}}`)},
			`{"spec":{"name":"Sales","remarks":""}}`, map[string]applied.Owner{"name": {Manager: "flux"}, "remarks": {"flux", `""`}}, 1,
		},
	} {
		t.Run(test, func(t *testing.T) {
			record := &v1alpha1.Person{}
			record.ManagedFields = c.entries
			if c.annotation != "" {
				record.Annotations = map[string]string{lastApplied: c.annotation}
			}
			if diff := cmp.Diff(c.want, applied.Fields(record)); diff != "" {
				t.Error(diff)
			}
			for range 2 { // the second time there is nothing left to shorten
				if _, err := applied.Strip(record); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, applied.Fields(record)); diff != "" || len(record.ManagedFields) != c.kept {
					t.Errorf("%d entries in the cache\n%s", len(record.ManagedFields), diff)
				}
			}
			before := record.ManagedFields
			if _, err := applied.Strip(record); err != nil || len(before) > 0 && &before[0] != &record.ManagedFields[0] {
				t.Error("an object that needs no change was written to")
			}
		})
	}
}

func TestStripLeavesAloneWhatIsNoObject(t *testing.T) {
	gone := cache.DeletedFinalStateUnknown{Key: "a/b"}
	if got, err := applied.Strip(gone); err != nil || got != any(gone) {
		t.Errorf("%v, %v", got, err)
	}
}
