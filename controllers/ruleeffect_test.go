package controllers_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// effect matches a rule whose present version has changed this.
func effect(summary string) types.GomegaMatcher {
	return WithTransform(func(r *v1alpha1.AutomationRule) string {
		if r.Status.Effect == nil || r.Status.Effect.Generation != r.Generation {
			return ""
		}
		return r.Status.Effect.Summary
	}, Equal(summary))
}

// findings matches a rule with these findings.
func findings(expected ...string) types.GomegaMatcher {
	return WithTransform(func(r *v1alpha1.AutomationRule) []string { return r.Status.Findings }, HaveExactElements(expected))
}

// notes are the texts of the Events about an object with a reason.
func (w *world) notes(ctx SpecContext, name, reason string) func() []string {
	return func() []string {
		events := &eventsv1.EventList{}
		Expect(w.List(ctx, events)).To(Succeed())
		var notes []string
		for i := range events.Items {
			if event := &events.Items[i]; event.Regarding.Name == name && event.Reason == reason {
				notes = append(notes, event.Note)
			}
		}
		return notes
	}
}

var _ = Describe("What a rule has changed", func() {
	var w *world
	var rule *v1alpha1.AutomationRule
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		rule = ruleThatSets("agents", 20, v1alpha1.FieldAssignment{Field: "costCenter", Value: `"Agents"`})
		rule.Spec.Condition = `user.nickName == "agent"`
	})
	// createAgents makes four users, of whom two are agents.
	createAgents := func(ctx SpecContext) []*v1alpha1.ScimUser {
		GinkgoHelper()
		var users []*v1alpha1.ScimUser
		for i, name := range []string{"agent", "agent", "", ""} {
			user := newUser(fmt.Sprintf("user-%d@example.com", i), "Jane Roe")
			user.Spec.NickName = name
			users = append(users, w.createReady(ctx, user))
		}
		return users
	}

	It("is told in its status and in an Event, once", func(ctx SpecContext) {
		w.start(ctx, countOften)
		users := createAgents(ctx)
		Expect(w.Create(ctx, rule)).To(Succeed())
		eventually(ctx, w, rule, effect("did change 2 of 4 persons: costCenter 2"))
		Eventually(w.notes(ctx, "agents", "RecordsChanged")).Should(Equal([]string{"Generation 1 of the rule did change 2 of 4 persons: costCenter 2."}))

		By("counting whom it disables, and for whom it fails")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) {
			r.Spec.Condition = ""
			r.Spec.Expressions = []v1alpha1.NamedExpression{{Name: "known", Value: `{"agent": "A"}[user.nickName]`}}
			r.Spec.Update.Set = []v1alpha1.FieldAssignment{
				{Field: "costCenter", Value: "known"}, {Field: "disabled", Value: `user.userName.startsWith("user-1")`},
			}
		})
		eventually(ctx, w, rule, effect("did change 2 of 4 persons: costCenter 2; disable 1; fail for 2 users: ExpressionError 2"))

		By("counting what other rules do where it does no more")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		eventually(ctx, w, rule, effect("did change 1 of 4 persons; enable 1"))

		By("leaving it at that when clients push")
		update(ctx, w, users[0], func(u *v1alpha1.ScimUser) { u.Spec.Title = "Chief" })
		eventually(ctx, w, w.personOf(ctx, users[0]), personSpec(func(s v1alpha1.PersonSpec) string { return s.JobTitle }, Equal("Chief")))
		eventually(ctx, w, rule, effect("did change 1 of 4 persons; enable 1"))
		Eventually(w.notes(ctx, "agents", "RecordsChanged")).Should(HaveLen(3))
	})

	It("does not say enabled of whom it has disabled, where values are omitted", func(ctx SpecContext) {
		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "okta"}}
		endpoint.Spec.ExecutionValues = v1alpha1.ExecutionValuesOmit
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.start(ctx, countOften)
		createAgents(ctx)
		rule.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "disabled", Value: "true"}}
		Expect(w.Create(ctx, rule)).To(Succeed())
		eventually(ctx, w, rule, effect("did change 2 of 4 persons: disabled 2"))
	})

	It("is new Persons, and nothing where there is nobody", func(ctx SpecContext) {
		base := defaultUserRule()
		Expect(w.Delete(ctx, base)).To(Succeed())
		w.start(ctx, countOften)
		Expect(w.Create(ctx, rule)).To(Succeed())
		eventually(ctx, w, rule, effect("did change nothing of 0 users"))
		for i := range 3 {
			Expect(w.Create(ctx, newUser(fmt.Sprintf("user-%d@example.com", i), "Jane Roe"))).To(Succeed())
		}
		eventually(ctx, w, rule, processed(3))
		Expect(w.Create(ctx, base)).To(Succeed())
		eventually(ctx, w, base, effect("did create 3 persons"))
		Expect(w.notes(ctx, "agents", "RecordsChanged")()).To(BeEmpty())
	})

	It("is the same after a restart in between", func(ctx SpecContext) {
		stop := w.start(ctx, countOften)
		createAgents(ctx)
		Expect(w.Create(ctx, rule)).To(Succeed())
		eventually(ctx, w, rule, effect("did change 2 of 4 persons: costCenter 2"))
		stop()
		rule.Status.Reprocessing.FinishedAt, rule.Status.Reprocessing.Processed, rule.Status.Effect.Summary = nil, 3, ""
		Expect(w.Status().Update(ctx, rule)).To(Succeed())
		w.start(ctx, countOften)
		eventually(ctx, w, rule, And(reprocessed(4), effect("did change 2 of 4 persons: costCenter 2")))
	})
})

var _ = Describe("What is probably a mistake in a rule", func() {
	It("is told in the status of all rules that it concerns, and in an Event, until it is repaired", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		first := ruleThatSets("first", 20, v1alpha1.FieldAssignment{Field: "customFields.desk", Value: `"1"`})
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, And(isReady(), findings()))
		second := ruleThatSets("second", 20, v1alpha1.FieldAssignment{Field: "customFields.desk", Value: `"2"`})
		second.Spec.Expressions = []v1alpha1.NamedExpression{{Name: "unused", Value: "user.title"}}
		Expect(w.Create(ctx, second)).To(Succeed())
		const clash = "rule second, set customFields.desk: rule first sets this field at the same position 20, " +
			"and the names alone decide that this one wins; give them different positions"
		const unused = `rule second, expression "unused": nothing uses the expression`
		eventually(ctx, w, first, And(isReady(), findings(clash)))
		eventually(ctx, w, second, And(isReady(), findings(unused, clash)))
		Eventually(w.notes(ctx, "first", "DoubtfulRule")).Should(Equal([]string{"Probably a mistake: " + clash + "."}))
		Eventually(w.notes(ctx, "second", "DoubtfulRule")).Should(HaveExactElements(ContainSubstring("Others are in status.findings.")))

		By("forgetting it when another rule is changed")
		update(ctx, w, first, func(r *v1alpha1.AutomationRule) {
			r.Spec.Position = new(int32(10))
			r.Spec.Update.Set[0].Field = "customFields.floor"
		})
		eventually(ctx, w, second, findings(unused))
		eventually(ctx, w, first, findings())
		update(ctx, w, second, func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		eventually(ctx, w, second, findings())
	})
})
