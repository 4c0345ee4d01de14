package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
	"rservice.dev/scim-operator/scimserver/scim"
)

// setDefault sets the default of spec.active in the definition of ScimUser, or with nil removes it.
func setDefault(ctx context.Context, c client.Client, value any) {
	GinkgoHelper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	active := []string{"schema", "openAPIV3Schema", "properties", "spec", "properties", "active", "default"}
	Eventually(func(g Gomega) { // the API server writes it, too
		g.Expect(c.Get(ctx, client.ObjectKey{Name: "scimusers.provisioning.rservice.dev"}, crd)).To(Succeed())
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		g.Expect(err).NotTo(HaveOccurred())
		for _, version := range versions {
			if value == nil {
				unstructured.RemoveNestedField(version.(map[string]any), active...)
			} else {
				g.Expect(unstructured.SetNestedField(version.(map[string]any), value, active...)).To(Succeed())
			}
		}
		g.Expect(unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")).To(Succeed())
		g.Expect(c.Update(ctx, crd)).To(Succeed())
	}).Should(Succeed())
}

var _ = Describe("a user who was stored before active always was", func() {
	It("is active for everybody, without a write", func(ctx SpecContext) {
		// Whoever changes a definition changes it for all who use the control plane, and ends their watches.
		own, err := testenv.StartOwn()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(own.Stop)
		tenant := own.Namespace(ctx, GinkgoT())
		s := replicaIn(ctx, own, tenant, patient)
		admin := suite.Client(own.Config)
		setDefault(ctx, admin, nil)
		id := ""
		Eventually(func(g Gomega) {
			id = uuid.Must(uuid.NewV7()).String()
			silent := &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id},
				Spec:       v1alpha1.ScimUserSpec{UserName: id, LastModified: v1alpha1.NewTimestamp(time.Now())},
			}
			g.Expect(admin.Create(ctx, silent)).To(Succeed())
			g.Expect(silent.Spec.Active).To(BeNil())
		}).Should(Succeed())
		read, err := s.Get(within(ctx), tenant, scim.User, id, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(read).To(HaveKeyWithValue("active", true))

		setDefault(ctx, admin, true)
		Eventually(func(g Gomega) {
			user := &v1alpha1.ScimUser{}
			g.Expect(s.live.Get(ctx, key(tenant, id), user)).To(Succeed())
			g.Expect(user.Spec.Active).To(HaveValue(BeTrue()))
			g.Expect(user.Generation).To(BeEquivalentTo(1))
		}).Should(Succeed())
		var list v1alpha1.ScimUserList
		Expect(s.live.List(ctx, &list, client.InNamespace(tenant), client.MatchingFields{"spec.active": "true", "spec.userName": id})).To(Succeed())
		Expect(list.Items).To(HaveLen(1))
	})
})
