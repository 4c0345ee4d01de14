package controllers_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

var _ = Describe("A user who is back", func() {
	It("is so in its status before its Person is enabled, or to disable that again would not count", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, exclusive)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		w.deactivate(ctx, user)
		eventually(ctx, w, user, HaveField("Status.DeprovisionedAt", Not(BeNil())))
		eventually(ctx, w, person, disabled(true))

		before := len(w.writes(ctx))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, person, disabled(false))
		eventually(ctx, w, user, And(observed(), HaveField("Status.DeprovisionedAt", BeNil())))
		writes := w.writes(ctx)[before:]
		of := func(resource, subresource string) int {
			return slices.IndexFunc(writes, func(w testenv.Write) bool {
				return w.Resource == resource && w.Subresource == subresource && w.Succeeded()
			})
		}
		Expect(of("scimusers", "status")).To(BeNumerically("<", of("persons", "")))
	})
})
