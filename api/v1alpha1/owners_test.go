package v1alpha1_test

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// owned are the parts of an object, such as f:spec, with what managedFields say of the fields in them.
func owned(obj *unstructured.Unstructured) map[string]map[string]any {
	GinkgoHelper()
	parts := map[string]map[string]any{}
	for _, entry := range obj.GetManagedFields() {
		fields := map[string]map[string]any{}
		Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)).To(Succeed())
		for _, part := range []string{"f:spec", "f:status"} {
			if inside, ok := fields[part]; ok {
				Expect(parts).NotTo(HaveKey(part), "one owner for each part")
				parts[part] = inside
			}
		}
	}
	return parts
}

// Ownership of single fields takes as many bytes as the fields, in etcd and in all that hold the objects.
var _ = DescribeTable("ownership is not kept for each field of what has one writer", func(ctx SpecContext, kind string, spec, status OmegaMatcher) {
	obj := object(kind, namespace(ctx))
	owner := client.FieldOwner("scim-operator")
	Expect(direct.Create(ctx, obj, owner)).To(Succeed())
	conditions := `status.conditions = [{type: Ready, status: "True", reason: Ok, message: ok, lastTransitionTime: "2026-01-02T03:04:05Z"}]`
	if kind == "AutomationRuleExecution" {
		change(obj, conditions)
		Expect(direct.Update(ctx, obj, owner)).To(Succeed())
	} else {
		change(obj, conditions)
		Expect(direct.Status().Update(ctx, obj, owner)).To(Succeed())
	}
	Expect(owned(obj)).To(And(HaveKeyWithValue("f:spec", spec), HaveKeyWithValue("f:status", status)))
},
	Entry("a user", "ScimUser", BeEmpty(), BeEmpty()),
	Entry("an execution", "AutomationRuleExecution", BeEmpty(), BeEmpty()),
	Entry("a person, whose rules own what they set", "Person", Not(BeEmpty()), BeEmpty()),
)

var _ = It("ownership as it was kept of a user's single fields becomes that of the whole with the next write", func(ctx SpecContext) {
	obj := object("ScimUser", namespace(ctx))
	owner := client.FieldOwner("scim-operator")
	Expect(direct.Create(ctx, obj, owner)).To(Succeed())
	obj.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: "scim-operator", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: obj.GetAPIVersion(), FieldsType: "FieldsV1",
		Time: new(metav1.Now()), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{".":{},"f:userName":{},"f:emails":{},"f:active":{}}}`),
	}})
	Expect(direct.Update(ctx, obj, owner)).To(Succeed())
	change(obj, `spec.title = Guide`)
	Expect(direct.Update(ctx, obj, owner)).To(Succeed())
	Expect(owned(obj)).To(HaveKeyWithValue("f:spec", BeEmpty()))
})
