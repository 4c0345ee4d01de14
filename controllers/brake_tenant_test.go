package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A namespace with two ScimEndpoints", Label("race"), func() {
	It("is bounded and told of by the first one by name", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		first, second := limitedTo(1), newEndpoint("second")
		first.Name = "first"
		Expect(w.Create(ctx, first)).To(Succeed())
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, first, isReady())
		eventually(ctx, w, second, isReady())
		w.deactivate(ctx, w.createUsers(ctx, 3)...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2})
		eventually(ctx, w, first, holds(2))
		Expect(get(ctx, w, second, "second").Status.Held).To(BeNil())

		By("the next one when the first one goes")
		Expect(w.Delete(ctx, first)).To(Succeed())
		eventually(ctx, w, second, holds(2))
		w.release(ctx, second)
		w.eventuallyCounts(ctx, census{disabled: 3})
	})
})

var _ = Describe("A hold that somebody ends by hand", func() {
	It("is over for the Person that is disabled, and for no other", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		endpoint := limitedTo(1)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.deactivate(ctx, w.createUsers(ctx, 3)...)
		eventually(ctx, w, endpoint, holds(2))
		person := w.personOf(ctx, get(ctx, w, &v1alpha1.ScimUser{}, endpoint.Status.Held.First[0]))
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Disabled = true })
		w.eventuallyCounts(ctx, census{disabled: 2, enabled: 1, held: 1})
		eventually(ctx, w, endpoint, holds(1))
	})
})
