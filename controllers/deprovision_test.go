package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The worst that can happen here is that somebody who has left stays enabled.
var _ = Describe("The Person of a user who has left", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	theRule := func() *v1alpha1.AutomationRule {
		rule := &v1alpha1.AutomationRule{}
		rule.Name = "default-user-mapping"
		return rule
	}
	deactivated := func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) }
	deleted := func(ctx SpecContext, user *v1alpha1.ScimUser) {
		GinkgoHelper()
		Expect(client.IgnoreNotFound(w.Delete(ctx, user))).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(user), user))
		}).Should(BeTrue())
	}

	DescribeTable("is disabled on deactivation although the mapping does not say so, because",
		func(ctx SpecContext, rules func(ctx SpecContext), leave func(*v1alpha1.ScimUser), reason string) {
			w.start(ctx)
			user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
			person := w.personOf(ctx, user)
			rules(ctx)
			update(ctx, w, user, leave)
			eventually(ctx, w, person, disabled(true))
			eventually(ctx, w, user, isFalse(reason))
			Expect(readyMessage(user)).To(HaveSuffix("The user is inactive, so its Person is disabled all the same."))
			Expect(user.Status.Person).To(Equal(&v1alpha1.RecordReference{Name: person.Name}))
		},
		Entry("an expression fails", func(ctx SpecContext) {
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "jobTitle", "user.emails[0].value") })
		}, deactivated, v1alpha1.ReasonExpressionError),
		Entry("the rule does not compile", func(ctx SpecContext) {
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "jobTitle", "user.titel") })
		}, deactivated, v1alpha1.ReasonInvalidRule),
		Entry("the rule is switched off", func(ctx SpecContext) {
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		}, deactivated, v1alpha1.ReasonNoRules),
		Entry("the rule is deleted", func(ctx SpecContext) {
			Expect(w.Delete(ctx, theRule())).To(Succeed())
		}, deactivated, v1alpha1.ReasonNoRules),
		Entry("the new e-mail address is another Person's", func(ctx SpecContext) {
			Expect(w.Create(ctx, newPerson("john", "john@example.com"))).To(Succeed())
		}, func(u *v1alpha1.ScimUser) {
			u.Spec.Active, u.Spec.UserName = new(false), "john@example.com"
		}, v1alpha1.ReasonPrimaryEmailTaken),
	)

	It("is disabled on deactivation although the rule's condition is no longer met", func(ctx SpecContext) {
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec.Condition = `name != ""` })
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active, u.Spec.DisplayName = new(false), "" })
		eventually(ctx, w, person, disabled(true))
		eventually(ctx, w, user, isReady())

		By("being enabled again by the rule")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active, u.Spec.DisplayName = new(true), "Jane Roe" })
		eventually(ctx, w, person, disabled(false))
	})

	DescribeTable("is disabled although its record is rejected with everything else that the rule sets, as",
		func(ctx SpecContext, refused metav1.StatusReason, reason string) {
			probe := newPerson("probe", "probe@example.com")
			probe.Spec.Location = "Floor 13"
			w.rejectPersons(ctx, `!has(object.spec.location) || object.spec.location != "Floor 13"`, refused, probe)
			w.start(ctx)
			user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
			person := w.personOf(ctx, user)
			update(ctx, w, user, func(u *v1alpha1.ScimUser) {
				u.Spec.Active, u.Spec.Enterprise = new(false), &v1alpha1.ScimEnterprise{Location: "Floor 13"}
			})
			eventually(ctx, w, person, disabled(true))
			eventually(ctx, w, user, WithTransform(readyMessage[*v1alpha1.ScimUser],
				HaveSuffix("The user is inactive, so its Person is disabled all the same.")))
			Expect(meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(reason))
		},
		Entry("invalid", metav1.StatusReasonInvalid, v1alpha1.ReasonInvalidValue),
		Entry("forbidden, which may pass", metav1.StatusReasonForbidden, v1alpha1.ReasonRetrying),
		Entry("too large, which may pass", metav1.StatusReasonRequestEntityTooLarge, v1alpha1.ReasonRetrying),
	)

	It("is disabled although the user cannot be written, which has lost its finalizer", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		stop()
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Finalizers, u.Spec.Active = nil, new(false) })
		w.reject(ctx, "scimusers", "!has(object.metadata.finalizers)", metav1.StatusReasonForbidden, newUser("probe@example.com", "Probe"))
		w.start(ctx)
		eventually(ctx, w, person, disabled(true))
		eventually(ctx, w, user, WithTransform(readyMessage[*v1alpha1.ScimUser], And(
			ContainSubstring("(Forbidden)"), HaveSuffix("The user is inactive, so its Person is disabled all the same."))))
	})

	It("is disabled with every other Person that was linked to the user by hand", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		second := newPerson("second", "second@example.com")
		second.Spec.Source, second.Spec.SourceID = v1alpha1.SourceSCIM, user.Name
		Expect(w.Create(ctx, second)).To(Succeed())
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "jobTitle", "user.emails[0].value") })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonExpressionError))
		update(ctx, w, user, deactivated)
		persons := &v1alpha1.PersonList{}
		Eventually(func(g Gomega) {
			g.Expect(w.List(ctx, persons)).To(Succeed())
			for i := range persons.Items {
				g.Expect(&persons.Items[i]).To(disabled(true))
			}
		}).Should(Succeed())
		Expect(persons.Items).To(HaveLen(2))
	})

	It("stays enabled where a rule that runs says so", func(ctx SpecContext) {
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "disabled", "false") })
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active, u.Spec.Title = new(false), "Alumna" })
		eventually(ctx, w, person, And(jobTitle("Alumna"), disabled(false)))
		eventually(ctx, w, user, isReady())
		eventually(ctx, w, person, disabled(false))
	})

	It("is disabled on deletion although the link to it was lost while nothing was running", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		stop()
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Source, p.Spec.SourceID = "", "" })
		Expect(w.Delete(ctx, user)).To(Succeed())
		w.start(ctx)
		deleted(ctx, user)
		Expect(get(ctx, w, person, person.Name)).To(disabled(true))
	})

	It("is disabled although the user went without its finalizer", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		Expect(w.Delete(ctx, user, client.DryRunAll)).To(Succeed())
		// A process that lost its leadership in the middle of a reconcile may still
		// write the Person of a user who is gone by then.
		deleted(ctx, user)
		eventually(ctx, w, person, disabled(true))
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Disabled = false })
		eventually(ctx, w, person, disabled(true))

		By("being left alone once it is not the SCIM client's any more")
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Disabled, p.Spec.Source, p.Spec.SourceID = false, "", "" })
		done := countReconciles("person")
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.JobTitle = "Contractor" })
		done.waitFor("person", 1)
		Expect(get(ctx, w, person, person.Name)).To(disabled(false))
	})

	It("is disabled when the user is deleted while nothing is running and the finalizer is taken off by hand", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		stop()
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Finalizers = nil })
		deleted(ctx, user)
		w.start(ctx)
		eventually(ctx, w, person, disabled(true))
	})
})
