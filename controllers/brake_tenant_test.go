package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A namespace with two ScimEndpoints", Label("race"), func() {
	It("is bounded by the strictest one and told of by the first one by name", func(ctx SpecContext) {
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

		By("not letting go for another one that sorts before it and is switched off")
		off := newEndpoint("a")
		off.Spec.Safety.Disabled = true
		Expect(w.Create(ctx, off)).To(Succeed())
		eventually(ctx, w, off, And(isReady(), holds(2), weakened("")))
		eventually(ctx, w, first, WithTransform(func(e *v1alpha1.ScimEndpoint) *v1alpha1.HeldPersons { return e.Status.Held }, BeNil()))
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2})
		Expect(w.Delete(ctx, off)).To(Succeed())
		eventually(ctx, w, first, holds(2))

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

var _ = Describe("A hold of the day's window", func() {
	It("says so to whoever has raised the other one only", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		endpoint := newEndpoint("okta")
		endpoint.Spec.Safety = v1alpha1.ScimEndpointSafety{
			MaxDisablePercent: new(int32(100)), MinDisableCount: new(int32(100)), MaxPercentPerDay: new(int32(0)), MinCountPerDay: new(int32(1)),
		}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.deactivate(ctx, w.createUsers(ctx, 3)...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2})
		eventually(ctx, w, endpoint, holds(2))
		Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionHeld).Message).To(And(
			ContainSubstring("Least is left now by minCountPerDay 1 within a day."), Not(ContainSubstring("maxDisablePercent"))))
	})
})

// weakened matches an endpoint whose condition BrakeWeakened has a reason, "" for none.
func weakened(reason string) types.GomegaMatcher {
	return WithTransform(func(e *v1alpha1.ScimEndpoint) string {
		condition := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionBrakeWeakened)
		if condition == nil || condition.Status != metav1.ConditionTrue {
			return ""
		}
		return condition.Reason
	}, Equal(reason))
}

var _ = Describe("What weakens the safety brake", func() {
	It("is told by a condition, Events and a metric, while it lasts", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.createUsers(ctx, 12)
		eventually(ctx, w, endpoint, And(isReady(), weakened("")))
		metricIs := func(value float64) {
			GinkgoHelper()
			Eventually(metric("scim_brake_weakened", w.namespace)).Should(Equal(value))
		}
		metricIs(0)
		safety := func(is v1alpha1.ScimEndpointSafety, reason string, value float64) {
			GinkgoHelper()
			update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Safety = is })
			eventually(ctx, w, endpoint, And(isReady(), weakened(reason)))
			metricIs(value)
		}
		safety(v1alpha1.ScimEndpointSafety{Disabled: true}, v1alpha1.ReasonSwitchedOff, 1)
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement(v1alpha1.ConditionBrakeWeakened))
		safety(v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(100))}, v1alpha1.ReasonLimitsRaised, 1)
		Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionBrakeWeakened).Message).To(ContainSubstring("12 of 12 Persons within an hour"))
		safety(v1alpha1.ScimEndpointSafety{}, "", 0)
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement("BrakeRestored"))

		By("ending with the endpoint, after which the defaults hold")
		safety(v1alpha1.ScimEndpointSafety{Disabled: true}, v1alpha1.ReasonSwitchedOff, 1)
		Expect(w.Delete(ctx, endpoint)).To(Succeed())
		metricIs(0)
	})
})
