package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A run that somebody asks for", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	annotate := func(ctx SpecContext, object client.Object, value string) {
		GinkgoHelper()
		update(ctx, w, object, func(o client.Object) { o.SetAnnotations(map[string]string{v1alpha1.AnnotationRerun: value}) })
	}
	userRerun := func(is string) types.GomegaMatcher {
		return WithTransform(func(u *v1alpha1.ScimUser) string { return u.Status.LastRerun }, Equal(is))
	}

	ruleRerun := func(is string) types.GomegaMatcher {
		return WithTransform(func(r *v1alpha1.AutomationRule) string { return r.Status.LastRerun }, Equal(is))
	}
	noted := func(value string) types.GomegaMatcher {
		return WithTransform(func(object client.Object) string {
			switch typed := object.(type) {
			case *v1alpha1.ScimUser:
				return typed.Status.RequestedRerun
			case *v1alpha1.ScimGroup:
				return typed.Status.RequestedRerun
			case *v1alpha1.AutomationRule:
				return typed.Status.RequestedRerun
			}
			return ""
		}, Equal(value))
	}

	It("on a user is shown though it changes nothing, once for each value", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		annotate(ctx, user, "monday")
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerRequested, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange))
		Expect(run.Status.SubjectRerun).To(Equal("monday"))
		Expect(run.Status.History).To(HaveLen(1))
		eventually(ctx, w, user, userRerun("monday"))
		Expect(get(ctx, w, &v1alpha1.Person{}, person.Name).ResourceVersion).To(Equal(person.ResourceVersion))

		By("doing nothing more, after a restart either")
		stop()
		before := concerning(w.writes(ctx), user)
		done := countReconciles("scimuser")
		w.start(ctx)
		done.waitFor("scimuser", 1)
		Expect(concerning(w.writes(ctx), user)).To(Equal(before))

		By("running again for another value, and not when the annotation goes and comes back")
		annotate(ctx, user, "tuesday")
		eventually(ctx, w, user, userRerun("tuesday"))
		Expect(get(ctx, w, run, run.Name).Status.History).To(HaveLen(2))
		before = concerning(w.writes(ctx), user)
		done = countReconciles("scimuser")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Annotations = nil })
		annotate(ctx, user, "tuesday")
		done.waitFor("scimuser", 1)
		Expect(concerning(w.writes(ctx), user)).To(Equal(before))
	})

	It("is shown once though the operator ends before it has noted on the user that it is done", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		annotate(ctx, user, "monday")
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerRequested, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange))
		eventually(ctx, w, user, userRerun("monday"))
		stop()
		user.Status.LastRerun = ""
		Expect(w.Status().Update(ctx, user)).To(Succeed())
		w.start(ctx)
		eventually(ctx, w, user, userRerun("monday"))
		Expect(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, run.Name).Status).To(Equal(run.Status))
	})

	It("is made though the annotation is taken off as soon as it was seen, and the operator ends", func(ctx SpecContext) {
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		stop := w.start(ctx)
		user, group := w.createReady(ctx, newUser("jane@example.com", "Jane Roe")), newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		allow := w.forbid(ctx, "automationruleexecutions")
		for _, subject := range []client.Object{user, group} {
			annotate(ctx, subject, "monday")
			eventually(ctx, w, subject, noted("monday"))
			update(ctx, w, subject, func(o client.Object) { o.SetAnnotations(nil) })
		}
		stop()
		allow()
		w.start(ctx)
		for rule, subject := range map[string]client.Object{"default-user-mapping": user, "default-organization-mapping": group} {
			eventually(ctx, w, &v1alpha1.AutomationRuleExecution{ObjectMeta: metav1.ObjectMeta{Name: rule + "-" + subject.GetName()}},
				outcome(v1alpha1.TriggerRequested, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange))
		}
		eventually(ctx, w, user, userRerun("monday"))
	})

	It("on a group runs its rules", func(ctx SpecContext) {
		w.start(ctx)
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		annotate(ctx, group, "now")
		eventually(ctx, w, execution("default-organization-mapping", group),
			WithTransform(func(e *v1alpha1.AutomationRuleExecution) v1alpha1.Trigger { return e.Status.Trigger }, Equal(v1alpha1.TriggerRequested)))
		eventually(ctx, w, group, WithTransform(func(g *v1alpha1.ScimGroup) string { return g.Status.LastRerun }, Equal("now")))
	})

	It("of a rule reaches all its subjects though the annotation is taken off as soon as it was seen", func(ctx SpecContext) {
		const users = 60
		stop := w.start(ctx)
		w.createUsers(ctx, users)
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		eventually(ctx, w, rule, isReady())
		requested := func() (names []string) {
			GinkgoHelper()
			found := &v1alpha1.AutomationRuleExecutionList{}
			Expect(w.List(ctx, found, client.MatchingFields{"spec.rule": rule.Name})).To(Succeed())
			for i := range found.Items {
				if run := found.Items[i].Status; run.Trigger == v1alpha1.TriggerRequested && run.RuleRerun == rule.Status.RequestedRerun {
					names = append(names, found.Items[i].Name)
				}
			}
			return names
		}
		ask := func(value string) {
			GinkgoHelper()
			annotate(ctx, rule, value)
			eventually(ctx, w, rule, noted(value))
			update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.SetAnnotations(nil) })
		}
		ask("monday")
		eventually(ctx, w, rule, And(isReady(), ruleRerun("monday")))
		Expect(requested()).To(HaveLen(users))

		By("also when the operator ends before any of them has run")
		allow := w.forbid(ctx, "automationruleexecutions")
		ask("tuesday")
		stop()
		Expect(requested()).To(BeEmpty())
		allow()
		w.start(ctx)
		eventually(ctx, w, rule, And(isReady(), ruleRerun("tuesday")))
		Expect(requested()).To(HaveLen(users))

		By("not again for the same value")
		before, done := len(w.writes(ctx)), countReconciles("automationrule")
		annotate(ctx, rule, "tuesday")
		done.waitFor("automationrule", 1)
		// The rule's own counts may still come.
		Expect(ofExecutions(w.writes(ctx)[before:])).To(BeEmpty())
	})

	It("on a rule runs that rule for all its subjects, and the rule says when that is done", func(ctx SpecContext) {
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		w.start(ctx, countOften)
		var users []*v1alpha1.ScimUser
		for _, name := range []string{"jane", "john"} {
			user := newUser(name+"@example.com", name)
			user.Spec.NickName = "3"
			users = append(users, w.createReady(ctx, user))
		}
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "location")
		annotate(ctx, rule, "1")
		for _, user := range users {
			eventually(ctx, w, execution("location", user), outcome(v1alpha1.TriggerRequested, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange))
			Expect(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+user.Name)).To(
				outcome(v1alpha1.TriggerCreated, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		}
		eventually(ctx, w, rule, ruleRerun("1"))
	})
})
