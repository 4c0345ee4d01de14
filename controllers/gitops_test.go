package controllers_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// versionsOf collects what a rule says from a generation on, version after version, until it
// is Current. What it says while subjects are processed is left out, as nobody can tell
// whether there is time for that; TestRuleIsReadyWhenItHasRunOnAllSubjects looks at it.
func (w *world) versionsOf(ctx context.Context, name string, generation int64) func() []string {
	GinkgoHelper()
	watcher, err := client.NewWithWatch(env.Config, client.Options{Scheme: w.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	events, err := watcher.Watch(ctx, &v1alpha1.AutomationRuleList{}, client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	return func() []string {
		GinkgoHelper()
		var seen []string
		for {
			var event watch.Event
			Eventually(events.ResultChan()).Should(Receive(&event))
			rule, ok := event.Object.(*v1alpha1.AutomationRule)
			Expect(ok).To(BeTrue(), "%v", event)
			if rule.Generation < generation {
				continue
			}
			found := health(rule)
			said := fmt.Sprintf("%s, Ready %s", found, readyOf(rule))
			if readyOf(rule) == "Unknown Reprocessing" {
				Expect(found).To(Equal(kstatus.InProgressStatus))
				continue
			}
			if len(seen) == 0 || seen[len(seen)-1] != said {
				seen = append(seen, said)
			}
			if found == kstatus.CurrentStatus {
				executions := &v1alpha1.AutomationRuleExecutionList{}
				Expect(w.List(ctx, executions, client.MatchingFields{"spec.rule": name})).To(Succeed())
				return append(seen, fmt.Sprintf("%d executions, %d processed", len(executions.Items), rule.Status.Processed))
			}
		}
	}
}

func readyOf(rule *v1alpha1.AutomationRule) string {
	for _, condition := range rule.Status.Conditions {
		if condition.Type == v1alpha1.ConditionReady {
			return fmt.Sprintf("%s %s", condition.Status, condition.Reason)
		}
	}
	return "missing"
}

var _ = Describe("GitOps tools", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	wait := func(ctx SpecContext, kind, name string) {
		GinkgoHelper()
		Expect(w.kubectl(ctx, "wait", kind, name, "--for=condition=Ready", "--timeout=0")).To(ContainSubstring("condition met"))
	}

	It("wait for a rule until all subjects are processed", func(ctx SpecContext) {
		const users = 60
		w.start(ctx, func(o *controllers.Options) { o.Concurrency = 1 })
		w.createUsers(ctx, users)
		rule := locationRule()
		rule.Spec.Expressions[0].Value = `"1"`
		rule.Spec.Update.Set[0].Value = "floor"

		By("when it is new")
		seen := w.versionsOf(ctx, rule.Name, 1)
		Expect(w.Create(ctx, rule)).To(Succeed())
		Expect(seen()).To(Equal([]string{
			"InProgress, Ready Unknown Pending", "Current, Ready True Ready", "60 executions, 60 processed",
		}))
		wait(ctx, "automationrule", rule.Name)

		By("when it changes")
		seen = w.versionsOf(ctx, rule.Name, 2)
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Expressions[0].Value = `"2"` })
		Expect(seen()).To(Equal([]string{
			"InProgress, Ready True Ready", "Current, Ready True Ready", "60 executions, 60 processed",
		}), "the first one tells of an older generation")

		By("when it is disabled")
		seen = w.versionsOf(ctx, rule.Name, 3)
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		Expect(seen()).To(Equal([]string{
			"InProgress, Ready True Ready", "Current, Ready True Disabled", "0 executions, 0 processed",
		}))
	})

	It("have a rule at once where there are no subjects", func(ctx SpecContext) {
		seen := w.versionsOf(ctx, "default-user-mapping", 1)
		w.start(ctx)
		Expect(seen()).To(Equal([]string{"InProgress, Ready Unknown Pending", "Current, Ready True Ready", "0 executions, 0 processed"}))
	})

	It("do not wait for what is wrong with subjects", func(ctx SpecContext) {
		w.start(ctx, countOften)
		lost := newGroup("Nowhere")
		Expect(w.Create(ctx, lost)).To(Succeed())
		eventually(ctx, w, lost, isFalse(v1alpha1.ReasonOrganizationNotFound))
		rule := eventually(ctx, w, &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-organization-mapping"}},
			And(isReady(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed)))
		Expect(health(rule)).To(Equal(kstatus.CurrentStatus))
		wait(ctx, "automationrule", rule.Name)
		Expect(w.kubectl(ctx, "get", "automationrule", rule.Name)).To(MatchRegexp(`READY +REASON +HEALTHY[^\n]+\n\S+ +ScimGroup +\d+ +True +Ready +False`))

		By("a rule that changes again meanwhile")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec.Description = "Another one." })
		Expect(health(eventually(ctx, w, rule, And(isReady(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed))))).
			To(Equal(kstatus.CurrentStatus))
	})

	It("do not wait for subjects that cannot be written, once each was tried", func(ctx SpecContext) {
		w.start(ctx, countOften)
		user := w.createUsers(ctx, 2)[0]
		allow := w.forbid(ctx, "persons")
		rule := defaultUserRule()
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", `"CC"`) })
		eventually(ctx, w, rule, And(isReady(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsRetrying)))
		Expect(rule.Status.Reprocessing.Retrying).To(Equal(int64(2)))
		Expect(rule.Status.Reprocessing.FinishedAt).To(BeNil(), "a process that starts now has to try them all again")
		Expect(rule.Status.Effect.Summary).To(BeEmpty(), "what it changes is known when all are done")
		Expect(health(rule)).To(Equal(kstatus.CurrentStatus))
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonRetrying))
		allow()
		eventually(ctx, w, rule, And(isReady(), reprocessed(2), subjects(metav1.ConditionTrue, v1alpha1.ReasonNoneFailed),
			effect("did change 2 of 2 persons: costCenter 2")))
	})

	It("take a rule that does not compile for failed, and one that is repaired for in progress", func(ctx SpecContext) {
		w.start(ctx, countOften)
		w.createUsers(ctx, 1)
		rule := defaultUserRule()
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { setValue(r, "jobTitle", "user.titel") })
		Expect(health(eventually(ctx, w, rule, isFalse(v1alpha1.ReasonInvalidRule)))).To(Equal(kstatus.FailedStatus))
		seen := w.versionsOf(ctx, rule.Name, 3)
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		Expect(seen()).To(HaveExactElements(
			"InProgress, Ready False InvalidRule", "Current, Ready True Ready", "1 executions, 1 processed"))
	})

	It("have a ScimEndpoint without rules, which come later from another folder", func(ctx SpecContext) {
		Expect(w.Delete(ctx, defaultUserRule())).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, ready(metav1.ConditionTrue, v1alpha1.ReasonNoRules))
		Expect(health(endpoint)).To(Equal(kstatus.CurrentStatus))
		wait(ctx, "scimendpoint", endpoint.Name)
	})

	It("wait for what an object refers to, and do not give it up", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.DefaultOrganization = &v1alpha1.RecordReference{Name: "sales"}
		person := newPerson("jane", "jane@example.com")
		person.Spec.Organization = &v1alpha1.RecordReference{Name: "sales"}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		Expect(w.Create(ctx, person)).To(Succeed())
		Expect(health(eventually(ctx, w, endpoint, isFalse(v1alpha1.ReasonReferenceNotFound)))).To(Equal(kstatus.InProgressStatus))
		Expect(health(eventually(ctx, w, person, isFalse(v1alpha1.ReasonReferenceNotFound)))).To(Equal(kstatus.InProgressStatus))
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		Expect(health(eventually(ctx, w, endpoint, isReady()))).To(Equal(kstatus.CurrentStatus))
		Expect(health(eventually(ctx, w, person, isReady()))).To(Equal(kstatus.CurrentStatus))
	})

	It("find a script for every kind that is in Git", func() {
		scripts, err := healthScripts()
		Expect(err).NotTo(HaveOccurred())
		for _, kind := range []string{"AutomationRule", "Organization", "Person", "ScimEndpoint", "Site"} {
			Expect(scripts).To(HaveKeyWithValue("resource.customizations.health.provisioning.rservice.dev_"+kind,
				scripts["resource.customizations.health.provisioning.rservice.dev_AutomationRule"]))
			definition := map[string]any{}
			files, err := filepath.Glob(filepath.Join("..", "config", "crd", "bases", "*"))
			Expect(err).NotTo(HaveOccurred())
			var kinds []string
			for _, file := range files {
				data, err := os.ReadFile(file)
				Expect(err).NotTo(HaveOccurred())
				Expect(yaml.Unmarshal(data, &definition)).To(Succeed())
				kinds = append(kinds, fmt.Sprint(definition["spec"].(map[string]any)["names"].(map[string]any)["kind"]))
			}
			Expect(kinds).To(ContainElement(kind))
		}
	})
})
