package controllers_test

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	executions "rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/hack/testenv"
)

// told is all that is stored of executions, and of conditions and Events of a namespace, as text.
func (w *world) told(ctx SpecContext) string {
	GinkgoHelper()
	all := ""
	executions, users, groups, endpoints, heard := &v1alpha1.AutomationRuleExecutionList{}, &v1alpha1.ScimUserList{},
		&v1alpha1.ScimGroupList{}, &v1alpha1.ScimEndpointList{}, &eventsv1.EventList{}
	for _, list := range []client.ObjectList{executions, users, groups, endpoints, heard} {
		Expect(w.List(ctx, list)).To(Succeed())
	}
	for i := range users.Items {
		users.Items[i].Spec = v1alpha1.ScimUserSpec{}
	}
	for i := range groups.Items {
		groups.Items[i].Spec = v1alpha1.ScimGroupSpec{}
	}
	for _, list := range []any{executions.Items, users.Items, groups.Items, endpoints.Items, heard.Items} {
		text, err := json.Marshal(list)
		Expect(err).NotTo(HaveOccurred())
		all += string(text)
	}
	return all
}

var _ = Describe("Executions without values", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	omitting := func() *v1alpha1.ScimEndpoint {
		endpoint := newEndpoint("okta")
		endpoint.Spec.ExecutionValues = v1alpha1.ExecutionValuesOmit
		return endpoint
	}
	jane := func() *v1alpha1.ScimUser {
		user := newUser("zaphod@example.com", "Zaphod Beeblebrox")
		user.Spec.Title = "Galactic-President"
		user.Spec.UserType = "VIP"
		return user
	}
	values := []string{"zaphod", "Zaphod", "Beeblebrox", "Galactic", "President", "Paranoid", "Trillian"}
	holdNone := func(ctx SpecContext) {
		GinkgoHelper()
		text := w.told(ctx)
		for _, value := range values {
			Expect(text).NotTo(ContainSubstring(value))
		}
	}

	It("tell fields and outcome", func(ctx SpecContext) {
		Expect(w.Create(ctx, omitting())).To(Succeed())
		Expect(w.Create(ctx, newOrganization("paranoid", "Paranoid Androids"))).To(Succeed())
		stop := w.start(ctx, countOften)
		group := newGroup("Paranoid Androids")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		user := w.createReady(ctx, jane())
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title, u.Spec.DisplayName = "", "Trillian" })
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerSubjectChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		Expect(run.Status.Changes).To(ContainElements(v1alpha1.FieldChange{Field: "name", From: "(omitted)", To: "(omitted)"}))
		Expect(run.Status.Expressions).To(And(ContainElement(v1alpha1.ExpressionResult{Name: "email", Value: "(omitted)"}),
			Not(ContainElement(HaveField("Name", "site")))), "that one has no value")
		Expect(executions.Narrate(run)).To(ContainElements("Expression email: (omitted)", "Change name: (omitted) -> (omitted)"))
		Expect(run.Status.Record.Name).To(Equal(w.personOf(ctx, user).Name))
		holdNone(ctx)

		By("writing nothing when nothing changed")
		eventually(ctx, w, user, isReady())
		for _, rule := range []*v1alpha1.AutomationRule{defaultUserRule(), defaultGroupRule()} {
			eventually(ctx, w, rule, processed(1))
		}
		eventually(ctx, w, newEndpoint("okta"), counts(1, 1, 0))
		stop()
		before := len(w.writes(ctx))
		done := countReconciles("scimuser", "scimgroup")
		w.start(ctx, countOften)
		done.waitFor("scimuser", 1)
		done.waitFor("scimgroup", 1)
		Expect(w.writes(ctx)[before:]).To(BeEmpty())
	})

	It("come of those that have values, and lose nothing else", func(ctx SpecContext) {
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		Expect(w.Create(ctx, newOrganization("paranoid", "Paranoid Androids"))).To(Succeed())
		stop := w.start(ctx, countOften)
		group := newGroup("Paranoid Androids")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		users := []*v1alpha1.ScimUser{w.createReady(ctx, jane()), w.createReady(ctx, newUser("trillian@example.com", "Trillian"))}
		update(ctx, w, users[0], func(u *v1alpha1.ScimUser) { u.Spec.Title = "President" })
		before := eventually(ctx, w, execution("default-user-mapping", users[0]),
			outcome(v1alpha1.TriggerSubjectChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied)).DeepCopy()
		eventually(ctx, w, users[0], isReady())
		Expect(w.told(ctx)).To(ContainSubstring("President"))
		writes := len(w.writes(ctx))

		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.ExecutionValues = v1alpha1.ExecutionValuesOmit })
		Eventually(func(g Gomega) {
			text := w.told(ctx)
			for _, value := range append(values, "trillian") {
				g.Expect(text).NotTo(ContainSubstring(value))
			}
		}).Should(Succeed())
		after := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, before.Name)
		Expect(after.Status.Time).To(Equal(before.Status.Time))
		Expect(after.Status.History).To(Equal(before.Status.History))
		Expect(after.Status.Conditions).To(Equal(before.Status.Conditions))
		Expect(after.Status.Trigger).To(Equal(before.Status.Trigger))
		Expect(after.Status.Changes).To(Equal([]v1alpha1.FieldChange{{Field: "jobTitle", From: "(omitted)", To: "(omitted)"}}))
		stop()
		Expect(ofExecutions(w.writes(ctx)[writes:])).To(HaveLen(3), "each that held values is written once")

		By("leaving them so when the switch is off again, until there is something to tell")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.ExecutionValues = v1alpha1.ExecutionValuesInclude })
		writes = len(w.writes(ctx))
		done := countReconciles("scimuser", "scimgroup")
		w.start(ctx, countOften)
		done.waitFor("scimuser", 2)
		done.waitFor("scimgroup", 1)
		Expect(ofExecutions(w.writes(ctx)[writes:])).To(BeEmpty())
		update(ctx, w, users[0], func(u *v1alpha1.ScimUser) { u.Spec.Title = "Hitch-hiker" })
		Eventually(func() string { return logOf(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, before.Name)) }).
			Should(ContainSubstring("Change jobTitle: President -> Hitch-hiker"))
	})
})

// ofExecutions are the writes of executions.
func ofExecutions(writes []testenv.Write) []testenv.Write {
	var found []testenv.Write
	for _, write := range writes {
		if write.Resource == "automationruleexecutions" {
			found = append(found, write)
		}
	}
	return found
}
