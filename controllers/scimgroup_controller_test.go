package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A ScimGroup", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("is linked to the Organization of its name, and its members belong to that", func(ctx SpecContext) {
		Expect(w.Create(ctx, newOrganization("sales", "SALES"))).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe"), group))
		eventually(ctx, w, group, isReady())
		Expect(group.Status.Classification).To(Equal(v1alpha1.ClassificationOrganization))
		Expect(group.Status.Organization).To(Equal(&v1alpha1.RecordReference{Name: "sales"}))
		organization := get(ctx, w, &v1alpha1.Organization{}, "sales")
		Expect(organization.Spec.Name).To(Equal("Sales"), "the name follows the group")
		Expect(organization.Spec.SourceID).To(Equal(group.Name))
		eventually(ctx, w, w.personOf(ctx, user), organizationName("sales"))
	})

	It("waits for its Organization, and goes on with its members when that appears", func(ctx SpecContext) {
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
		Expect(group.Status.Classification).To(Equal(v1alpha1.ClassificationUnclassified))
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe"), group))
		Expect(w.personOf(ctx, user)).To(organizationName(""))

		Expect(w.Create(ctx, newOrganization("sales", "sales"))).To(Succeed())
		eventually(ctx, w, group, isReady())
		eventually(ctx, w, w.personOf(ctx, user), organizationName("sales"))
	})

	It("keeps its Organization when it is renamed, and renames that", func(ctx SpecContext) {
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "Sales EMEA" })
		eventually(ctx, w, group, isReady())
		Expect(group.Status.Organization).To(Equal(&v1alpha1.RecordReference{Name: "sales"}))
		Expect(get(ctx, w, &v1alpha1.Organization{}, "sales").Spec.Name).To(Equal("Sales EMEA"))
	})

	It("is linked to an Organization that is renamed to its name", func(ctx SpecContext) {
		organization := newOrganization("sales", "Verkoop")
		Expect(w.Create(ctx, organization)).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
		update(ctx, w, organization, func(o *v1alpha1.Organization) { o.Spec.Name = "Sales" })
		eventually(ctx, w, group, isReady())
	})

	It("loses the link when its Organization is deleted, and gets the next one of that name", func(ctx SpecContext) {
		organization := newOrganization("sales", "Sales")
		Expect(w.Create(ctx, organization)).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		Expect(w.Delete(ctx, organization)).To(Succeed())
		eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
		Expect(group.Status.Organization).To(BeNil())
		Expect(w.Create(ctx, newOrganization("sales-2", "Sales"))).To(Succeed())
		eventually(ctx, w, group, isReady())
	})

	It("leaves its Organization to another group of that name when it is deleted", func(ctx SpecContext) {
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx)
		first, second := newGroup("Sales"), newGroup("SALES")
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, isReady())
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonConflict))
		Expect(w.Delete(ctx, first)).To(Succeed())
		eventually(ctx, w, second, isReady())
	})

	It("does not make its members belong to a disabled Organization", func(ctx SpecContext) {
		sales, support := newOrganization("sales", "Sales"), newOrganization("support", "Support")
		sales.Spec.Disabled = true
		Expect(w.Create(ctx, sales)).To(Succeed())
		Expect(w.Create(ctx, support)).To(Succeed())
		w.start(ctx)
		first, second := newGroup("Sales"), newGroup("Support")
		for _, group := range []*v1alpha1.ScimGroup{first, second} {
			Expect(w.Create(ctx, group)).To(Succeed())
			eventually(ctx, w, group, isReady())
		}
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe"), first, second))
		person := eventually(ctx, w, w.personOf(ctx, user), organizationName("support"))

		By("using it from when it is enabled")
		update(ctx, w, sales, func(o *v1alpha1.Organization) { o.Spec.Disabled = false })
		eventually(ctx, w, person, organizationName("sales"))
	})

	It("makes an Organization when its rule may create one", func(ctx SpecContext) {
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-organization-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Update.Create = true })
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		Expect(group.Status.Organization.Name).To(HavePrefix("organization-"))
		eventually(ctx, w, get(ctx, w, &v1alpha1.Organization{}, group.Status.Organization.Name), isReady())
	})

	It("is Ready without a link when the condition of its rule is not met", func(ctx SpecContext) {
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-organization-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Condition = `group.groupType == "Organization"` })
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		Expect(group.Status.Classification).To(Equal(v1alpha1.ClassificationUnclassified))
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.GroupType = "Organization" })
		eventually(ctx, w, group, And(isReady(), WithTransform(func(g *v1alpha1.ScimGroup) string {
			return recordName(g.Status.Organization)
		}, Equal("sales"))))
	})
})

var _ = Describe("An Organization that a user names", func() {
	It("is used when it appears, goes before that of a group, and is not used while disabled", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe", inOrganization("Head Office")), group))
		person := eventually(ctx, w, w.personOf(ctx, user), organizationName("sales"))

		head := newOrganization("head", "head office")
		Expect(w.Create(ctx, head)).To(Succeed())
		eventually(ctx, w, person, organizationName("head"))
		update(ctx, w, head, func(o *v1alpha1.Organization) { o.Spec.Disabled = true })
		eventually(ctx, w, person, organizationName("sales"))
	})

	It("is that of last resort of the ScimEndpoint for a new Person", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
		endpoint.Spec.DefaultOrganization = &v1alpha1.RecordReference{Name: "own"}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		Expect(w.Create(ctx, newOrganization("own", "Own"))).To(Succeed())
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		Expect(w.personOf(ctx, user)).To(organizationName("own"))
	})
})
