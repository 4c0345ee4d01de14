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

	It("is nothing while several endpoints have no domain in common, which each of them says", func(ctx SpecContext) {
		first, second, free := newEndpoint("first"), newEndpoint("second"), newEndpoint("free")
		first.Spec.EmailDomains, second.Spec.EmailDomains = []string{"example.com"}, []string{"example.org"}
		for _, endpoint := range []*v1alpha1.ScimEndpoint{first, second, free} {
			Expect(w.Create(ctx, endpoint)).To(Succeed())
		}
		for _, endpoint := range []*v1alpha1.ScimEndpoint{first, second} {
			eventually(ctx, w, endpoint, isFalse(v1alpha1.ReasonEmailDomainsDisjoint))
			Expect(readyMessage(endpoint)).To(ContainSubstring("ScimEndpoints first, second"))
		}
		eventually(ctx, w, free, isReady())
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonEmailDomainNotAllowed))
		Expect(readyMessage(user)).To(ContainSubstring("of ScimEndpoint second"))

		update(ctx, w, second, func(e *v1alpha1.ScimEndpoint) { e.Spec.EmailDomains = []string{"example.org", "EXAMPLE.com"} })
		eventually(ctx, w, first, isReady())
		eventually(ctx, w, second, isReady())
		eventually(ctx, w, user, isReady())
	})

	It("is no more without an endpoint than it was before, and the same after it is made anew", func(ctx SpecContext) {
		former := w.createReady(ctx, newUser("former@example.com", "Former"))
		person := w.personOf(ctx, former)
		w.gone(ctx, former)
		strict := func() *v1alpha1.ScimEndpoint {
			endpoint := newEndpoint("okta")
			endpoint.Spec.LinkExisting, endpoint.Spec.EmailDomains = v1alpha1.LinkFormer, []string{"example.com"}
			return endpoint
		}
		Expect(w.Create(ctx, strict())).To(Succeed())
		byHand := newPerson("by-hand", "root@example.com")
		Expect(w.Create(ctx, byHand)).To(Succeed())
		links, outside := newUser("root@example.com", "Mallory"), newUser("root@example.net", "Mallory")
		Expect(w.Create(ctx, links)).To(Succeed())
		Expect(w.Create(ctx, outside)).To(Succeed())
		refused := func() {
			GinkgoHelper()
			eventually(ctx, w, links, And(isFalse(v1alpha1.ReasonLinkNotAllowed), observed()))
			eventually(ctx, w, outside, And(isFalse(v1alpha1.ReasonEmailDomainNotAllowed), observed()))
			Expect(get(ctx, w, byHand, "by-hand").Spec.SourceID).To(BeEmpty())
		}
		refused()

		w.gone(ctx, strict())
		for _, user := range []*v1alpha1.ScimUser{links, outside} {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Chef" })
		}
		refused()
		Expect(readyMessage(links)).To(ContainSubstring("there is no ScimEndpoint in the namespace"))
		Expect(readyMessage(outside)).To(ContainSubstring("there is no ScimEndpoint in the namespace"))

		Expect(w.Create(ctx, strict())).To(Succeed())
		eventually(ctx, w, links, WithTransform(readyMessage[*v1alpha1.ScimUser], ContainSubstring("of ScimEndpoint okta")))
		refused()
		again := w.createReady(ctx, newUser("former@example.com", "Former"))
		Expect(w.personOf(ctx, again).Name).To(Equal(person.Name), "it was this endpoint's before, whichever object that is")
	})

	It("takes a Person of another system for one made by hand", func(ctx SpecContext) {
		strict := newEndpoint("okta")
		strict.Spec.LinkExisting = v1alpha1.LinkFormer
		Expect(w.Create(ctx, strict)).To(Succeed())
		foreign := newPerson("foreign", "jane@example.com")
		foreign.Spec.Source, foreign.Spec.SourceID = "HR", "4711"
		Expect(w.Create(ctx, foreign)).To(Succeed())
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonLinkNotAllowed))
		Expect(get(ctx, w, foreign, "foreign").Spec).To(HaveField("SourceID", "4711"))

		update(ctx, w, strict, func(e *v1alpha1.ScimEndpoint) { e.Spec.LinkExisting = v1alpha1.LinkByEmail })
		eventually(ctx, w, user, isReady())
		Expect(w.personOf(ctx, user)).To(And(HaveField("Name", "foreign"), sourceID(user.Name),
			HaveField("Annotations", And(HaveKeyWithValue(v1alpha1.AnnotationAdopted, user.Name), Not(HaveKey(v1alpha1.AnnotationFormerSources))))))
		Eventually(w.eventReasons(ctx, "foreign")).Should(ContainElement(v1alpha1.ReasonPersonLinked))
	})
})

var _ = Describe("A link to a Person made by hand", func() {
	It("is told of by the next process if the one that made it ended before it could", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		linked := newPerson("by-hand", "jane@example.com")
		linked.Spec.Name, linked.Spec.Source, linked.Spec.SourceID = "Jane Roe", v1alpha1.SourceSCIM, user.Name
		linked.Annotations = map[string]string{v1alpha1.AnnotationAdopted: user.Name}
		Expect(w.Create(ctx, linked)).To(Succeed())
		stop := w.start(ctx)
		w.createReady(ctx, user)
		Eventually(w.eventReasons(ctx, "by-hand")).Should(ConsistOf(v1alpha1.ReasonPersonLinked))

		By("which it does once")
		stop()
		w.start(ctx)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Chef" })
		eventually(ctx, w, linked, jobTitle("Chef"))
		Expect(w.eventReasons(ctx, "by-hand")()).To(ConsistOf(v1alpha1.ReasonPersonLinked))
	})
})
