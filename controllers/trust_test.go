package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("What a ScimEndpoint lets its client do to Persons", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		w.start(ctx)
	})

	It("is bounded by the strictest endpoint as to whom it may link, and follows a change", func(ctx SpecContext) {
		strict, loose := newEndpoint("strict"), newEndpoint("loose")
		strict.Spec.LinkExisting, loose.Spec.LinkExisting = v1alpha1.LinkFormer, v1alpha1.LinkByEmail
		Expect(w.Create(ctx, strict)).To(Succeed())
		Expect(w.Create(ctx, loose)).To(Succeed())
		byHand := newPerson("by-hand", "root@example.com")
		Expect(w.Create(ctx, byHand)).To(Succeed())
		user := newUser("root@example.com", "Mallory")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonLinkNotAllowed))
		Expect(readyMessage(user)).To(And(ContainSubstring("Person by-hand"), ContainSubstring("spec.linkExisting: Former"), Not(ContainSubstring("root@"))))
		Expect(get(ctx, w, byHand, "by-hand").Spec).To(Equal(v1alpha1.PersonSpec{PrimaryEmail: "root@example.com"}))

		By("giving nobody more when an endpoint is deleted")
		spare := newEndpoint("spare")
		spare.Spec.LinkExisting = v1alpha1.LinkNever
		Expect(w.Create(ctx, spare)).To(Succeed())
		eventually(ctx, w, user, WithTransform(readyMessage[*v1alpha1.ScimUser], ContainSubstring("spec.linkExisting: Never")))
		w.gone(ctx, spare)

		By("telling of the link that is made once it may be")
		update(ctx, w, strict, func(e *v1alpha1.ScimEndpoint) { e.Spec.LinkExisting = "" })
		eventually(ctx, w, user, isReady())
		Expect(w.personOf(ctx, user).Name).To(Equal("by-hand"))
		Eventually(w.eventReasons(ctx, "by-hand")).Should(ContainElement(v1alpha1.ReasonPersonLinked))

		By("letting who is hired again have the Person from before")
		update(ctx, w, strict, func(e *v1alpha1.ScimEndpoint) { e.Spec.LinkExisting = v1alpha1.LinkFormer })
		w.gone(ctx, user)
		again := w.createReady(ctx, newUser("root@example.com", "Mallory"))
		Expect(w.personOf(ctx, again).Name).To(Equal("by-hand"))
	})

	It("is bounded by the domains that all endpoints name", func(ctx SpecContext) {
		first, second := newEndpoint("first"), newEndpoint("second")
		first.Spec.EmailDomains = []string{"Example.com", "xn--bcher-kva.example"}
		second.Spec.EmailDomains = []string{"bücher.example", "example.org"}
		Expect(w.Create(ctx, first)).To(Succeed())
		Expect(w.Create(ctx, second)).To(Succeed())
		user := w.createReady(ctx, newUser("jane@bücher.example", "Jane Roe"))
		person := w.personOf(ctx, user)
		outside := newUser("john@example.com", "John Roe")
		Expect(w.Create(ctx, outside)).To(Succeed())
		eventually(ctx, w, outside, isFalse(v1alpha1.ReasonEmailDomainNotAllowed))

		By("keeping the address of who moves out of them, but not the rest")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName, u.Spec.Title = "jane@example.com", "Chef" })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonEmailDomainNotAllowed))
		Expect(get(ctx, w, person, person.Name)).To(And(primaryEmail("jane@bücher.example"), jobTitle("Chef")))

		update(ctx, w, second, func(e *v1alpha1.ScimEndpoint) { e.Spec.EmailDomains = nil })
		eventually(ctx, w, outside, isReady())
		eventually(ctx, w, person, primaryEmail("jane@example.com"))
	})
})
