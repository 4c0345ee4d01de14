package store

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("when a resource was created", func() {
	const id = "0193f5c0-0000-7000-8000-000000000001"
	created := func(r scim.Resource) any { return r.Complex("meta")["created"] }
	modified := func(r scim.Resource) any { return r.Complex("meta")["lastModified"] }

	It("is written down at once, and is the time of the last change until there is one", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		for _, rt := range []*scim.ResourceType{scim.User, scim.Group} {
			r := user("babs@example.com")
			if rt == scim.Group {
				r = group("Engineering")
			}
			made, err := s.Create(within(ctx), tenant, rt, r)
			Expect(err).NotTo(HaveOccurred())
			Expect(modified(made)).To(Equal(created(made)))
			later, err := s.Update(within(ctx), tenant, rt, made.ID(), "", set("externalId", "7"))
			Expect(err).NotTo(HaveOccurred())
			Expect(created(later.Resource)).To(Equal(created(made)), "and a change leaves it as it is")
			Expect(modified(later.Resource)).NotTo(Equal(created(made)))
		}
		stored := &v1alpha1.ScimUserList{}
		Expect(direct.List(ctx, stored, client.InNamespace(tenant))).To(Succeed())
		for _, u := range stored.Items {
			Expect(u.Spec.ProvisionedAt.Time).To(BeTemporally("~", time.Now(), testenv.Patience))
		}
	})

	It("survives a restore, which makes the object anew", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		restored := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id}, Spec: v1alpha1.ScimUserSpec{
			UserName: "babs@example.com", ProvisionedAt: v1alpha1.NewTimestamp(time.Date(2024, 1, 2, 3, 4, 5, 6000, time.UTC)),
			LastModified: v1alpha1.NewTimestamp(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)),
		}}
		Expect(direct.Create(ctx, restored)).To(Succeed())
		r, err := replica(ctx, tenant, patient).Get(within(ctx), tenant, scim.User, id, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(created(r)).To(Equal("2024-01-02T03:04:05.000006Z"))
		Expect(modified(r)).To(Equal("2025-01-02T03:04:05Z"))
	})

	It("is in the version after a restore, of which the generations begin anew", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		before := v1alpha1.NewTimestamp(time.Now().Add(-time.Hour))
		for kind, restored := range map[*scim.ResourceType]client.Object{
			scim.User: &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{
				UserName: "babs@example.com", ProvisionedAt: before, LastModified: before,
			}},
			scim.Group: &v1alpha1.ScimGroup{Spec: v1alpha1.ScimGroupSpec{
				DisplayName: "Tour Guides", ProvisionedAt: before, LastModified: before,
			}},
		} {
			restored.SetNamespace(tenant)
			restored.SetName(id)
			Expect(direct.Create(ctx, restored)).To(Succeed())
			Expect(restored.GetGeneration()).To(BeEquivalentTo(1))
			_, err := s.Update(within(ctx), tenant, kind, id, `W/"1"`, set("externalId", "other"))
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
			updated, err := s.Update(within(ctx), tenant, kind, id, version(restored), set("externalId", "other"))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
		}
	})

	It("is that of the object where it was stored before there was a field for it, which the next change fills", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		old := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id}, Spec: v1alpha1.ScimUserSpec{
			UserName: "babs@example.com", LastModified: v1alpha1.NewTimestamp(time.Now()),
		}}
		Expect(direct.Create(ctx, old)).To(Succeed())
		s := replica(ctx, tenant, patient)
		want := old.CreationTimestamp.UTC().Format(time.RFC3339)
		r, err := s.Get(within(ctx), tenant, scim.User, id, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(created(r)).To(Equal(want))
		Expect(modified(r)).To(Equal(want))
		updated, err := s.Update(within(ctx), tenant, scim.User, id, "", set("title", "Dr."))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeTrue())
		Expect(created(updated.Resource)).To(Equal(want))
		Expect(direct.Get(ctx, key(tenant, id), old)).To(Succeed())
		Expect(old.Spec.ProvisionedAt.Time).To(BeTemporally("==", old.CreationTimestamp.Time))
	})
})
