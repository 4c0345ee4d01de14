package controllers_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A Person", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx) })

	It("with the e-mail address of another one is reported on both, until one of them changes", func(ctx SpecContext) {
		w.start(ctx)
		first, second := newPerson("first", "jane@example.com"), newPerson("second", "JANE@example.com")
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, isReady())
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonDuplicatePrimaryEmail))
		eventually(ctx, w, first, isFalse(v1alpha1.ReasonDuplicatePrimaryEmail))
		Expect(readyMessage(first)).To(And(ContainSubstring("second"), Not(ContainSubstring("@"))))
		update(ctx, w, second, func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = "joan@example.com" })
		eventually(ctx, w, first, isReady())
		eventually(ctx, w, second, isReady())
		Expect(readyMessage(first)).NotTo(BeEmpty(), "it says that what was wrong is mended")
		Expect(kinds(w.writes(ctx))).To(Equal(slices.Repeat([]string{"patch persons/status"}, 4)), "one write when it goes wrong, one when it is mended")
	})

	It("that refers to a missing record says which, until that exists", func(ctx SpecContext) {
		w.start(ctx)
		person := newPerson("jane", "jane@example.com")
		person.Spec.Organization = &v1alpha1.RecordReference{Name: "sales"}
		person.Spec.Manager = &v1alpha1.RecordReference{Name: "boss"}
		Expect(w.Create(ctx, person)).To(Succeed())
		eventually(ctx, w, person, isFalse(v1alpha1.ReasonReferenceNotFound))
		Expect(readyMessage(person)).To(And(ContainSubstring(`organization refers to "sales"`), ContainSubstring(`manager refers to "boss"`)))
		boss := newPerson("boss", "boss@example.com")
		Expect(w.Create(ctx, boss)).To(Succeed())
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		eventually(ctx, w, person, isReady())
		Expect(w.Delete(ctx, boss)).To(Succeed())
		eventually(ctx, w, person, isFalse(v1alpha1.ReasonReferenceNotFound))
	})
})

var _ = Describe("An Organization", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx) })

	It("with the name of another one is reported on both, until one of them is deleted", func(ctx SpecContext) {
		w.start(ctx)
		first, second := newOrganization("first", "Sales"), newOrganization("second", "SALES")
		Expect(w.Create(ctx, first)).To(Succeed())
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, first, isFalse(v1alpha1.ReasonDuplicateName))
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonDuplicateName))
		Expect(w.Delete(ctx, first)).To(Succeed())
		eventually(ctx, w, second, isReady())
	})

	It("that refers to a missing record says which, until that exists", func(ctx SpecContext) {
		w.start(ctx)
		organization := newOrganization("sales", "Sales")
		organization.Spec.Parent = &v1alpha1.RecordReference{Name: "head"}
		organization.Spec.Manager = &v1alpha1.RecordReference{Name: "boss"}
		Expect(w.Create(ctx, organization)).To(Succeed())
		eventually(ctx, w, organization, isFalse(v1alpha1.ReasonReferenceNotFound))
		Expect(readyMessage(organization)).To(And(ContainSubstring(`parent refers to "head"`), ContainSubstring(`manager refers to "boss"`)))
		Expect(w.Create(ctx, newOrganization("head", "Head Office"))).To(Succeed())
		Expect(w.Create(ctx, newPerson("boss", "boss@example.com"))).To(Succeed())
		eventually(ctx, w, organization, isReady())
	})
})

var _ = Describe("The conditions of a record", func() {
	It("stay true of a changed record without a write, as kubectl wait reads them", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := eventually(ctx, w, w.personOf(ctx, user), isReady())
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		eventually(ctx, w, person, And(jobTitle("Engineer"), isReady()))
		for _, condition := range person.Status.Conditions {
			Expect(condition.ObservedGeneration).To(Or(BeZero(), Equal(person.Generation)), condition.Type)
		}
	})
})
