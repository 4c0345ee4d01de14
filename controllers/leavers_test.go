package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A Person whose user is inactive", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		w.start(ctx)
	})
	persons := func(ctx SpecContext) []v1alpha1.Person {
		GinkgoHelper()
		list := &v1alpha1.PersonList{}
		Expect(w.List(ctx, list)).To(Succeed())
		return list.Items
	}
	// As the SCIM server writes it.
	leave := func(u *v1alpha1.ScimUser) {
		u.Spec.LastActive = u.Spec.Identity()
		u.Spec.UserName, u.Spec.Active = "zz_"+u.Spec.UserName, new(false)
	}

	It("makes no other for it once it is another one's and deleted, whatever the status said in between", func(ctx SpecContext) {
		first := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, first)
		update(ctx, w, first, leave)
		eventually(ctx, w, person, disabled(true))
		second := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		eventually(ctx, w, first, ready(metav1.ConditionTrue, v1alpha1.ReasonPersonTakenOver))
		Expect(first.Status.FormerPerson).To(Equal(&v1alpha1.RecordReference{Name: person.Name}))
		Expect(first.Status.Person).To(BeNil())

		rule := defaultUserRule()
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		eventually(ctx, w, first, isFalse(v1alpha1.ReasonNoRules))
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonNoRules))
		Expect(w.Delete(ctx, person)).To(Succeed())
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = false })
		eventually(ctx, w, second, isReady())
		eventually(ctx, w, first, ready(metav1.ConditionTrue, v1alpha1.ReasonPersonTakenOver))
		Expect(persons(ctx)).To(HaveLen(1))

		By("making one for whoever is in use")
		update(ctx, w, first, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, first, isReady())
		Expect(first.Status.FormerPerson).To(BeNil())
		Expect(persons(ctx)).To(HaveLen(2))
	})

	It("gets its link back when somebody takes that off by hand", func(ctx SpecContext) {
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, user, leave)
		eventually(ctx, w, person, disabled(true))
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Source, p.Spec.SourceID = "", "" })
		eventually(ctx, w, person, And(sourceID(user.Name), primaryEmail("jane@example.com"), disabled(true)))
		Expect(persons(ctx)).To(HaveLen(1))
	})

	It("follows what is corrected before anybody has started, so that nobody else finds it", func(ctx SpecContext) {
		early := newUser("typo@example.com", "Jane Roe", func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		w.createReady(ctx, early)
		person := w.personOf(ctx, early)
		update(ctx, w, early, func(u *v1alpha1.ScimUser) { u.Spec.UserName = "jane@example.com" })
		eventually(ctx, w, person, primaryEmail("jane@example.com"))
		other := w.createReady(ctx, newUser("typo@example.com", "Ty Po"))
		Expect(w.personOf(ctx, other).UID).NotTo(Equal(person.UID))

		By("keeping it once she has started")
		update(ctx, w, early, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, person, disabled(false))
		update(ctx, w, early, leave)
		eventually(ctx, w, person, disabled(true))
		eventually(ctx, w, early, observed())
		Expect(w.personOf(ctx, early)).To(primaryEmail("jane@example.com"))
	})
})
