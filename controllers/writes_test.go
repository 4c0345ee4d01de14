package controllers_test

import (
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
)

// reconciles is how many reconciles of a controller have ended so far. The tests of
// a process run one after the other and share the metrics.
func reconciles(controller string) int {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	total := 0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == controller {
					total += int(metric.GetCounter().GetValue())
				}
			}
		}
	}
	return total
}

// reconcileCounter tells how many reconciles have ended since it was made: how a step
// ends that writes nothing.
type reconcileCounter map[string]int

func countReconciles(controllers ...string) reconcileCounter {
	GinkgoHelper()
	counter := reconcileCounter{}
	for _, controller := range controllers {
		counter[controller] = reconciles(controller)
	}
	return counter
}

func (c reconcileCounter) waitFor(controller string, more int) {
	GinkgoHelper()
	start, known := c[controller]
	Expect(known).To(BeTrue())
	Eventually(func() int { return reconciles(controller) - start }).Should(BeNumerically(">=", more), "reconciles of %s", controller)
}

// kinds are the writes without the objects' names, sorted.
func kinds(writes []testenv.Write) []string {
	var lines []string
	for _, write := range writes {
		line := write.Verb + " " + write.Resource
		if write.Subresource != "" {
			line += "/" + write.Subresource
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// concerning are the writes of objects that belong to a user.
func concerning(writes []testenv.Write, user *v1alpha1.ScimUser) []testenv.Write {
	return slices.DeleteFunc(slices.Clone(writes), func(write testenv.Write) bool {
		return !strings.Contains(write.Name, user.Name) && write.Name != user.Status.Person.Name
	})
}

var _ = Describe("The number of API writes", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("is three for a new user and for a changed one, and none where nothing changed", func(ctx SpecContext) {
		w.start(ctx, exclusive, func(o *controllers.Options) { o.CountInterval = time.Hour })
		for _, rule := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}
		done := countReconciles("scimuser", "person")
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		// Once for the user and once for the Person, which is an event for both.
		done.waitFor("scimuser", 2)
		done.waitFor("person", 1)
		Expect(kinds(concerning(w.writes(ctx), user))).To(Equal([]string{
			"create automationruleexecutions", "create persons", "patch scimusers/status",
		}))

		before := len(w.writes(ctx))
		done = countReconciles("scimuser", "person")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		eventually(ctx, w, user, isReady())
		done.waitFor("scimuser", 2)
		done.waitFor("person", 1)
		eventually(ctx, w, person, jobTitle("Engineer"))
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{
			"patch persons", "patch scimusers/status", "update automationruleexecutions",
		}))

		before = len(w.writes(ctx))
		done = countReconciles("scimuser")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Enterprise = &v1alpha1.ScimEnterprise{Organization: "Sales"} })
		eventually(ctx, w, user, isReady())
		organization := newOrganization("sales", "Sales")
		organization.Spec.Disabled = true
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{"patch scimusers/status"}))

		before = len(w.writes(ctx))
		Expect(w.Create(ctx, organization)).To(Succeed())
		eventually(ctx, w, organization, isReady())
		done.waitFor("scimuser", 2)
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{"patch organizations/status"}))
	})

	It("is one where nothing is new for the rules, and of the rule alone where an edit changes nothing", func(ctx SpecContext) {
		w.start(ctx, exclusive, func(o *controllers.Options) { o.CountInterval = time.Hour })
		for _, rule := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		run := get(ctx, w, execution("default-user-mapping", user), execution("default-user-mapping", user).Name)

		before, done := len(w.writes(ctx)), countReconciles("scimuser")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.NickName = "Jay" })
		eventually(ctx, w, user, isReady())
		done.waitFor("scimuser", 1)
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{"patch scimusers/status"}))

		before = len(w.writes(ctx))
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Description = "Another one." })
		eventually(ctx, w, rule, And(reprocessed(1), isReady()))
		Expect(slices.Compact(kinds(w.writes(ctx)[before:]))).To(Equal([]string{"patch automationrules/status"}))
		Expect(get(ctx, w, execution(rule.Name, user), run.Name).Status).To(Equal(run.Status))

		By("taking for the cause of the next run what is, and not what was without effect before")
		update(ctx, w, w.personOf(ctx, user), func(p *v1alpha1.Person) { p.Spec.Name = "By hand" })
		run = eventually(ctx, w, run, outcome(v1alpha1.TriggerContextChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		Expect(run.Status.SubjectGeneration).To(Equal(user.Generation))
		Expect(run.Status.RuleGeneration).To(Equal(rule.Generation))
		Expect(run.Status.History).To(HaveLen(1))
	})

	It("is no more for a rule that overrides another one", func(ctx SpecContext) {
		base := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, base, func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", `"all"`) })
		override := locationRule()
		override.Spec.Expressions = nil
		override.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "costCenter", Value: `"mine"`}}
		Expect(w.Create(ctx, override)).To(Succeed())
		w.start(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		for _, rule := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping", override.Name} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}
		done := countReconciles("scimuser", "person")
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		done.waitFor("scimuser", 2)
		person := eventually(ctx, w, w.personOf(ctx, user), isReady())
		Expect(person.Spec.CostCenter).To(Equal("mine"))

		before := len(w.writes(ctx))
		done = countReconciles("scimuser", "person")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		eventually(ctx, w, user, isReady())
		done.waitFor("scimuser", 2)
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{
			"patch persons", "patch scimusers/status", "update automationruleexecutions",
		}), "the rule to which nothing is new has nothing to tell")
		Expect(get(ctx, w, person, person.Name).Spec.CostCenter).To(Equal("mine"))
	})

	It("is one for a number that has another last digit, and none for one that only can be written in another way", func(ctx SpecContext) {
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) {
			r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: "customFields.badge", Value: "customFields.badge"})
		})
		w.start(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		for _, name := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, name), isReady())
		}
		numbers := func(last string) map[string]v1alpha1.JSON {
			return map[string]v1alpha1.JSON{"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields": {
				Raw: []byte(`{"badge":{"ids":[18446744073709551615,12345678901234567890123,1e21,1.0,-0.0,0.1],"id":123456789012345678` + last + `}}`),
			}}
		}
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe", func(u *v1alpha1.ScimUser) { u.Spec.Extensions = numbers("8") }))
		before := len(w.writes(ctx))
		done := countReconciles("scimuser")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Extensions = numbers("9") })
		eventually(ctx, w, user, observed())
		done.waitFor("scimuser", 2) // the change, and what it has written
		Expect(kinds(w.writes(ctx)[before:])).To(Equal([]string{"patch persons", "patch scimusers/status", "update automationruleexecutions"}))
		Expect(string(w.personOf(ctx, user).Spec.CustomFields["badge"].Raw)).To(ContainSubstring("1234567890123456789"))
	})

	It("is none after a restart", func(ctx SpecContext) {
		stop := w.start(ctx, countOften)
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		Expect(w.Create(ctx, newEndpoint("okta"))).To(Succeed())
		group, lost := newGroup("Sales"), newGroup("Nobody knows it")
		Expect(w.Create(ctx, group)).To(Succeed())
		Expect(w.Create(ctx, lost)).To(Succeed())
		eventually(ctx, w, group, isReady())
		eventually(ctx, w, lost, isFalse(v1alpha1.ReasonOrganizationNotFound))
		eventually(ctx, w, newEndpoint("okta"), isReady())
		boss := w.createReady(ctx, w.join(ctx, newUser("boss@example.com", "The Boss"), group))
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe", managedBy(boss.Name)))
		nameless := newUser("nobody@example.com", "")
		Expect(w.Create(ctx, nameless)).To(Succeed())
		eventually(ctx, w, nameless, isFalse(v1alpha1.ReasonPersonMissing))
		for _, linked := range []*v1alpha1.ScimUser{boss, user} {
			eventually(ctx, w, w.personOf(ctx, linked), isReady())
		}
		eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping"), processed(3))
		eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, "default-organization-mapping"), And(processed(2), isReady(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed)))
		eventually(ctx, w, newEndpoint("okta"), counts(3, 2, 2))
		stop()

		before := w.writes(ctx)
		done := countReconciles("scimuser", "scimgroup", "person", "organization", "automationrule", "scimendpoint")
		w.start(ctx, countOften)
		for controller, objects := range map[string]int{
			"scimuser": 3, "scimgroup": 2, "person": 2, "organization": 1, "automationrule": 2, "scimendpoint": 1,
		} {
			done.waitFor(controller, objects)
		}
		Expect(w.writes(ctx)).To(Equal(before))
	})
})

var _ = Describe("A write that fails for a passing cause", func() {
	It("is shown as Retrying and repeated", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		allow := w.forbid(ctx, "persons")
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, WithTransform(readyMessage[*v1alpha1.ScimUser], ContainSubstring("Forbidden")))
		Expect(user.Status.ObservedGeneration).To(BeZero(), "the user has not been processed yet")
		allow()
		eventually(ctx, w, user, isReady())
	})
})

var _ = Describe("A write that never gets through because of what somebody else made", func() {
	It("is shown as Retrying after a few tries, and goes on when that is gone", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		user, other := newUser("jane@example.com", "Jane Roe"), newUser("john@example.com", "John Roe")
		inTheWay := execution("default-user-mapping", user)
		inTheWay.Spec = v1alpha1.AutomationRuleExecutionSpec{
			Rule: "default-user-mapping", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: other.Name},
		}
		inTheWay.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNoChange,
			Message: "by hand", LastTransitionTime: metav1.Now(),
		}}
		Expect(w.Create(ctx, inTheWay)).To(Succeed())
		w.start(ctx)
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonRetrying))
		Expect(w.Delete(ctx, inTheWay)).To(Succeed())
		eventually(ctx, w, user, isReady())
	})
})

var _ = Describe("Two operators at work at the same time", Label("race"), func() {
	It("make one Person for each e-mail address and lose nothing", func(ctx SpecContext) {
		const count = 20
		w := newWorldWithRules(ctx)
		one := func(o *controllers.Options) { o.Concurrency = 4 }
		w.start(ctx, one)
		w.start(ctx, one)
		for range count {
			user := newUser("", "Jane Roe")
			user.Spec.UserName = user.Name + "@example.com"
			Expect(w.Create(ctx, user)).To(Succeed())
		}
		Eventually(func(g Gomega) {
			users, persons := &v1alpha1.ScimUserList{}, &v1alpha1.PersonList{}
			g.Expect(w.List(ctx, users)).To(Succeed())
			g.Expect(w.List(ctx, persons)).To(Succeed())
			g.Expect(persons.Items).To(HaveLen(count))
			for i := range users.Items {
				g.Expect(&users.Items[i]).To(isReady())
			}
		}).Should(Succeed())
		executions := &v1alpha1.AutomationRuleExecutionList{}
		Expect(w.List(ctx, executions, client.MatchingFields{"status.result": string(v1alpha1.ResultSucceeded)})).To(Succeed())
		Expect(executions.Items).To(HaveLen(count))
	})
})
