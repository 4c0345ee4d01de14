package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A protected Person", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		w.start(ctx)
	})
	protect := func(p *v1alpha1.Person) {
		p.Annotations = map[string]string{v1alpha1.AnnotationProtected: "true"}
	}
	release := func(p *v1alpha1.Person) { delete(p.Annotations, v1alpha1.AnnotationProtected) }
	unchanged := func(ctx SpecContext, before *v1alpha1.Person) {
		GinkgoHelper()
		got := get(ctx, w, &v1alpha1.Person{}, before.Name)
		Expect(got.Spec).To(Equal(before.Spec))
	}

	It("is not linked to who is pushed with its address, until it is released", func(ctx SpecContext) {
		account := newPerson("break-glass", "root@example.com")
		protect(account)
		Expect(w.Create(ctx, account)).To(Succeed())
		user := newUser("root@example.com", "Mallory")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonProtected))
		Expect(readyMessage(user)).To(ContainSubstring("Person break-glass is protected"))
		Expect(user.Status.Person).To(BeNil())

		By("whatever becomes of that user")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, user, observed())
		unchanged(ctx, account)

		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		update(ctx, w, account, release)
		eventually(ctx, w, user, isReady())
		Expect(w.personOf(ctx, user).Name).To(Equal("break-glass"))
	})

	It("is said to stay enabled though its user has left and no rule runs into it", func(ctx SpecContext) {
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, person, protect)
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonProtected))
		update(ctx, w, defaultUserRule(), func(r *v1alpha1.AutomationRule) { r.Spec.Condition = "user.active" })
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, user, And(isFalse(v1alpha1.ReasonPersonProtected),
			WithTransform(readyMessage[*v1alpha1.ScimUser], ContainSubstring("is protected and stays enabled"))))
	})

	It("is left as it is though its user changes, leaves and is deleted", func(ctx SpecContext) {
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, person, protect)
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonProtected))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title, u.Spec.Active = "Chef", new(false) })
		eventually(ctx, w, user, And(isFalse(v1alpha1.ReasonPersonProtected),
			observed()))
		Expect(readyMessage(user)).NotTo(ContainSubstring("disabled all the same"))
		unchanged(ctx, person)
		w.gone(ctx, user)
		unchanged(ctx, person)

		By("saying so on the Person and in a metric")
		eventually(ctx, w, person, isFalse(v1alpha1.ReasonPersonProtected))
		Expect(readyMessage(person)).To(ContainSubstring("Its user is gone"))
		waiting := metric("scim_subjects_not_ready", w.namespace, "Person", v1alpha1.ReasonPersonProtected)
		Eventually(waiting).Should(Equal(1.0))

		By("disabling it once it is released")
		update(ctx, w, person, release)
		eventually(ctx, w, person, And(disabled(true), isReady()))
		Eventually(waiting).Should(BeNumerically("<=", 0))
	})
})
