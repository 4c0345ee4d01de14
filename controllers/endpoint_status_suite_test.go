package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// counts matches an endpoint with these numbers.
func counts(users, groups, errors int) types.GomegaMatcher {
	return WithTransform(func(e *v1alpha1.ScimEndpoint) string {
		return fmt.Sprint(e.Status.Users, " ", e.Status.Groups, " ", e.Status.Errors)
	}, Equal(fmt.Sprint(users, " ", groups, " ", errors)))
}

var _ = Describe("The status of a ScimEndpoint", Label("race"), func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("counts users, groups and what is wrong with them", func(ctx SpecContext) {
		w.start(ctx, countOften)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), counts(0, 0, 0)))
		nameless := newUser("nobody@example.com", "")
		Expect(w.Create(ctx, nameless)).To(Succeed())
		Expect(w.Create(ctx, newGroup("Nobody knows it"))).To(Succeed())
		w.createUsers(ctx, 3)
		eventually(ctx, w, endpoint, counts(4, 1, 2))
		update(ctx, w, nameless, func(u *v1alpha1.ScimUser) { u.Spec.DisplayName = "Somebody" })
		eventually(ctx, w, endpoint, counts(4, 1, 1))
		Expect(w.Delete(ctx, nameless)).To(Succeed())
		eventually(ctx, w, endpoint, counts(3, 1, 1))
	})

	It("is written once for many users, and not at all when nothing changes", func(ctx SpecContext) {
		endpointWrites := func() int {
			count := 0
			for _, write := range w.writes(ctx) {
				if write.Resource == "scimendpoints" {
					count++
				}
			}
			return count
		}
		stop := w.start(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		before := endpointWrites()
		users := w.createUsers(ctx, 20)
		// Events of the token's Secret and of the endpoint itself that come late have it looked at once more, and then it counts.
		few := before + len(users)/4
		Expect(endpointWrites()).To(BeNumerically("<=", few), "the count may wait")
		stop()

		stop = w.start(ctx)
		eventually(ctx, w, endpoint, counts(20, 0, 0))
		settled := endpointWrites()
		Expect(settled).To(BeNumerically("<=", few+1))
		done := countReconciles("scimuser", "scimendpoint")
		update(ctx, w, users[0], func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		done.waitFor("scimuser", 1)
		stop()
		w.start(ctx)
		done.waitFor("scimendpoint", 1)
		Expect(endpointWrites()).To(Equal(settled))
	})

	It("keeps the last use of a token through a rotation", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		used := v1alpha1.NewTimestamp(time.Now())
		old := endpoint.Status.Tokens[0].ID
		updateStatus(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) {
			e.Status.Tokens[0].LastUsedAt, e.Status.LastRequestAt = &used, &used
		})
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		eventually(ctx, w, endpoint, WithTransform(func(e *v1alpha1.ScimEndpoint) int { return len(e.Status.Tokens) }, Equal(2)))
		Expect(endpoint.Status.Tokens[1].ID).To(Equal(old))
		Expect(endpoint.Status.Tokens[1].LastUsedAt.Time).To(BeTemporally("==", used.Time))
		Expect(endpoint.Status.Tokens[0].LastUsedAt).To(BeNil(), "nobody has the new one yet")
		Expect(endpoint.Status.LastRequestAt.Time).To(BeTemporally("==", used.Time))
	})
})
