package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func siteName(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return recordName(spec.Site) }, Equal(is))
}

func classifiedAs(is v1alpha1.Classification) types.GomegaMatcher {
	return WithTransform(func(g *v1alpha1.ScimGroup) v1alpha1.Classification { return g.Status.Classification }, Equal(is))
}

func inSite(name string) func(*v1alpha1.ScimUser) {
	return func(user *v1alpha1.ScimUser) { user.Spec.Enterprise = &v1alpha1.ScimEnterprise{Site: name} }
}

var _ = Describe("A ScimGroup with the name of a Site", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("is linked to it without having an Organization, and its members work there", func(ctx SpecContext) {
		w.start(ctx)
		group := newGroup("Amsterdam")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
		Expect(readyMessage(group)).To(ContainSubstring("no Organization and no Site of this name exists"))
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe"), group))
		Expect(w.personOf(ctx, user)).To(siteName(""))

		By("healing when the Site appears, without a new push")
		Expect(w.Create(ctx, newSite("ams", "AMSTERDAM"))).To(Succeed())
		eventually(ctx, w, group, And(isReady(), classifiedAs(v1alpha1.ClassificationSite)))
		Expect(group.Status.Site).To(Equal(&v1alpha1.RecordReference{Name: "ams"}))
		Expect(group.Status.Organization).To(BeNil())
		Expect(get(ctx, w, &v1alpha1.Site{}, "ams").Spec.Name).To(Equal("Amsterdam"), "the name follows the group")
		eventually(ctx, w, w.personOf(ctx, user), siteName("ams"))
		for _, rule := range []string{"default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}

		By("getting the Organization of its name besides")
		Expect(w.Create(ctx, newOrganization("ams", "Amsterdam"))).To(Succeed())
		eventually(ctx, w, group, And(isReady(), classifiedAs(v1alpha1.ClassificationOrganization)))
		Expect(group.Status.Site).To(Equal(&v1alpha1.RecordReference{Name: "ams"}))
		eventually(ctx, w, w.personOf(ctx, user), And(siteName("ams"), organizationName("ams")))

		By("renaming both")
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = "Rotterdam" })
		eventually(ctx, w, group, isReady())
		Expect(get(ctx, w, &v1alpha1.Site{}, "ams").Spec.Name).To(Equal("Rotterdam"))
		Expect(get(ctx, w, &v1alpha1.Organization{}, "ams").Spec.Name).To(Equal("Rotterdam"))
	})

	It("does not put its members at a disabled Site, and does once that is enabled", func(ctx SpecContext) {
		site := newSite("ams", "Amsterdam")
		site.Spec.Disabled = true
		Expect(w.Create(ctx, site)).To(Succeed())
		w.start(ctx)
		group := newGroup("Amsterdam")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		user := w.createReady(ctx, w.join(ctx, newUser("jane@example.com", "Jane Roe"), group))
		Expect(w.personOf(ctx, user)).To(siteName(""))
		update(ctx, w, site, func(s *v1alpha1.Site) { s.Spec.Disabled = false })
		eventually(ctx, w, w.personOf(ctx, user), siteName("ams"))
	})
})

var _ = Describe("A Site", func() {
	It("that a user names is used when it appears, and missing it is reported when it is deleted", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe", inSite("amsterdam")))
		site := newSite("ams", "Amsterdam")
		Expect(w.Create(ctx, site)).To(Succeed())
		person := eventually(ctx, w, w.personOf(ctx, user), siteName("ams"))
		eventually(ctx, w, site, isReady())
		Expect(w.Delete(ctx, site)).To(Succeed())
		eventually(ctx, w, person, isFalse(v1alpha1.ReasonReferenceNotFound))
		Expect(readyMessage(person)).To(ContainSubstring(`site refers to "ams"`))
		Expect(w.Create(ctx, newSite("ams", "Elsewhere"))).To(Succeed())
		eventually(ctx, w, person, isReady())
	})

	It("has a name of its own", func(ctx SpecContext) {
		w := newWorld(ctx)
		first, second := newSite("first", "Amsterdam"), newSite("second", "AMSTERDAM")
		Expect(w.Create(ctx, first)).To(Succeed())
		Expect(w.Create(ctx, second)).To(Succeed())
		w.start(ctx)
		eventually(ctx, w, first, isFalse(v1alpha1.ReasonDuplicateName))
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonDuplicateName))
		update(ctx, w, second, func(s *v1alpha1.Site) { s.Spec.Name = "Rotterdam" })
		eventually(ctx, w, first, isReady())
		eventually(ctx, w, second, isReady())
	})
})
