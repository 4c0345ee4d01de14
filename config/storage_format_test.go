package config

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("manifests of a version that does not know where members are kept", func() {
	const refusal = "restore the backup made before"
	update := func(ctx SpecContext, obj *unstructured.Unstructured, change func()) error {
		return retry.RetryOnConflict(retry.DefaultRetry, func() error {
			if err := admin.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
				return err
			}
			change()
			return admin.Update(ctx, obj, client.DryRunAll)
		})
	}
	object := func(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
		obj := &unstructured.Unstructured{}
		obj.SetAPIVersion(apiVersion)
		obj.SetKind(kind)
		obj.SetNamespace(namespace)
		obj.SetName(name)
		return obj
	}

	It("are refused for the definition of groups", func(ctx SpecContext) {
		crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "scimgroups.provisioning.rservice.dev")
		Eventually(func() error {
			return update(ctx, crd, func() {
				versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
				Expect(err).NotTo(HaveOccurred())
				version, ok := versions[0].(map[string]any)
				Expect(ok).To(BeTrue())
				spec := []string{"schema", "openAPIV3Schema", "properties", "spec"}
				unstructured.RemoveNestedField(version, append(slices.Clone(spec), "properties", "members")...)
				unstructured.RemoveNestedField(version, append(slices.Clone(spec), "x-kubernetes-validations")...)
				Expect(unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")).To(Succeed())
			})
		}).Should(MatchError(ContainSubstring(refusal)))
		Expect(update(ctx, crd, func() { crd.SetAnnotations(map[string]string{"example.com/changed": "yes"}) })).To(Succeed())
	})

	It("are refused for the operator's Deployment, and for no other", func(ctx SpecContext) {
		const format = "provisioning.rservice.dev/storage-format"
		for name, noted := range map[string]bool{"storage-format": true, "of-somebody-else": false} {
			deployment := object("apps/v1", "Deployment", "default", name)
			labels := map[string]any{"app": name}
			Expect(unstructured.SetNestedMap(deployment.Object, labels, "spec", "selector", "matchLabels")).To(Succeed())
			Expect(unstructured.SetNestedMap(deployment.Object, labels, "spec", "template", "metadata", "labels")).To(Succeed())
			Expect(unstructured.SetNestedSlice(deployment.Object, []any{map[string]any{"name": "main", "image": "example.com/main"}}, "spec", "template", "spec", "containers")).To(Succeed())
			if noted {
				deployment.SetAnnotations(map[string]string{format: "2"})
			}
			Expect(admin.Create(ctx, deployment)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, deployment)).To(Succeed()) })
			without := func() error { return update(ctx, deployment, func() { deployment.SetAnnotations(nil) }) }
			if noted {
				Eventually(without).Should(MatchError(ContainSubstring(refusal)))
			} else {
				Expect(without()).To(Succeed())
			}
			Expect(update(ctx, deployment, func() { deployment.SetLabels(map[string]string{"changed": "yes"}) })).To(Succeed())
		}
	})
})
