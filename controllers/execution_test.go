package controllers_test

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	executions "rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// outcome matches an execution by its trigger, result and reason.
func outcome(trigger v1alpha1.Trigger, result v1alpha1.ExecutionResult, reason string) types.GomegaMatcher {
	words := func(t v1alpha1.Trigger, r v1alpha1.ExecutionResult, reason string) string {
		return strings.Join([]string{string(t), string(r), reason}, " ")
	}
	return WithTransform(func(e *v1alpha1.AutomationRuleExecution) string {
		return words(e.Status.Trigger, e.Status.Result, e.Status.Conditions[0].Reason)
	}, Equal(words(trigger, result, reason)))
}

func logOf(e *v1alpha1.AutomationRuleExecution) string {
	return strings.Join(executions.Narrate(e), "\n")
}

var _ = Describe("An AutomationRuleExecution", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("tells a run, with the request that caused it", func(ctx SpecContext) {
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Annotations = map[string]string{v1alpha1.AnnotationRequestID: "request-1", v1alpha1.AnnotationTokenID: "token-1"} // by an operator before
		user.Spec.Title = "Engineer"
		w.createReady(ctx, user)
		Expect(get(ctx, w, execution("default-user-mapping", user), "default-user-mapping-"+user.Name).Status.RequestID).To(Equal("request-1"))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) {
			v1alpha1.SetLastRequest(u, v1alpha1.LastRequest{RequestID: "request-2"})
			u.Spec.Title = "Director"
		})
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerSubjectChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		Expect(run.Status.RequestID).To(Equal("request-2"))
		Expect(run.Status.Condition).To(Equal(&v1alpha1.ConditionResult{Result: metav1.ConditionTrue}))
		Expect(executions.Narrate(run)).To(ContainElements(
			"Rule default-user-mapping, generation 1, on ScimUser "+user.Name+", generation 2 of request request-2.",
			"Expression name: Jane Roe",
			"Condition: True",
			"Record: Person "+w.personOf(ctx, user).Name,
			"Change jobTitle: Engineer -> Director",
			"Result: succeeded, Applied: rule default-user-mapping changes jobTitle",
		))
		Expect(run.Status.Log).To(BeEmpty(), "what the other fields say is not stored twice")
		Expect(w.kubectl(ctx, "describe", "are", run.Name)).To(And(
			MatchRegexp(`Changes:\n +Field: +jobTitle\n +From: +Engineer\n +To: +Director\n`),
			MatchRegexp(`Condition:\n +Result: +True\n`),
			MatchRegexp(`Name: +name\n +Value: +Jane Roe\n`),
			MatchRegexp(`Trigger: +SubjectChanged\n`)))
		Expect(run.Status.History).To(HaveLen(1))
		Expect(run.Status.History[0].Trigger).To(Equal(v1alpha1.TriggerCreated))
		Expect(run.Status.History[0].Reason).To(Equal(v1alpha1.ReasonApplied))
	})

	It("tells which condition was not met, and changes only of this run", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		update(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping"), func(r *v1alpha1.AutomationRule) {
			r.Spec.Condition = `email != "jane@example.com"`
		})
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerRuleChanged, v1alpha1.ResultSkipped, v1alpha1.ReasonConditionNotMet))
		Expect(run.Status.Condition.Result).To(Equal(metav1.ConditionFalse))
		Expect(run.Status.Changes).To(BeEmpty())
		Expect(logOf(run)).To(ContainSubstring(`Condition: False: email != "jane@example.com"`))
	})

	It("hides what may be a secret", func(ctx SpecContext) {
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) {
			r.Spec.Expressions = append(r.Spec.Expressions,
				v1alpha1.NamedExpression{Name: "doorToken", Value: "string(customFields.door)"},
				v1alpha1.NamedExpression{Name: "derived", Value: `"x-" + doorToken`},
				v1alpha1.NamedExpression{Name: "all", Value: `customFields`})
			setValue(r, "location", "derived")
			r.Spec.Update.Set = append(r.Spec.Update.Set,
				v1alpha1.FieldAssignment{Field: "customFields.clientSecret", Value: "customFields.door"},
				v1alpha1.FieldAssignment{Field: "customFields.shoe", Value: "customFields.shoe"})
		})
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.Extensions = map[string]v1alpha1.JSON{
			"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields": {Raw: []byte(`{"door":"xyzzy","shoe":"forty","apiKey":"xyzzy"}`)},
		}
		w.createReady(ctx, user)
		person := w.personOf(ctx, user)
		Expect(person.Spec.Location).To(Equal("x-xyzzy"), "the record holds it all the same")
		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+user.Name)
		Expect(run.Status.Expressions).To(ContainElements(
			v1alpha1.ExpressionResult{Name: "doorToken", Value: "(hidden)"},
			v1alpha1.ExpressionResult{Name: "derived", Value: "(hidden)"},
			v1alpha1.ExpressionResult{Name: "all", Value: "(hidden)"}))
		Expect(run.Status.Changes).To(ContainElements(
			v1alpha1.FieldChange{Field: "location", To: "(hidden)"},
			v1alpha1.FieldChange{Field: "customFields.clientSecret", To: "(hidden)"},
			v1alpha1.FieldChange{Field: "customFields.shoe", To: `"forty"`}))
		Expect(logOf(run)).NotTo(ContainSubstring("xyzzy"))
	})

	It("says InvalidRule while its rule does not compile", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { setValue(r, "jobTitle", "user.titel") })
		run := eventually(ctx, w, execution("default-user-mapping", user),
			outcome(v1alpha1.TriggerRuleChanged, v1alpha1.ResultFailed, v1alpha1.ReasonInvalidRule))
		Expect(run.Status.Conditions[0].Message).To(And(ContainSubstring("line 1, column 5"), ContainSubstring("user.title")))
		Expect(run.Status.RuleGeneration).To(Equal(rule.Generation))
		Expect(run.Status.Record).To(BeNil())
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		eventually(ctx, w, run, outcome(v1alpha1.TriggerRuleChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange))
	})

	It("loses the log that an operator before has written, with the next run that has something to tell", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+user.Name)
		stop()
		update(ctx, w, run, func(e *v1alpha1.AutomationRuleExecution) { e.Status.Log = executions.Narrate(e) })
		done := countReconciles("scimuser")
		w.start(ctx)
		done.waitFor("scimuser", 1)
		Expect(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, run.Name).Status).To(Equal(run.Status))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		now := eventually(ctx, w, execution("default-user-mapping", user), outcome(v1alpha1.TriggerSubjectChanged, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		Expect(now.Status.Log).To(BeEmpty())
		Expect(now.Status.History).To(HaveLen(1))
	})

	It("gets its owner back, which a restore by Velero leaves out", func(ctx SpecContext) {
		stop := w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+user.Name)
		owners := run.OwnerReferences
		Expect(owners).To(HaveLen(1))
		stop()
		update(ctx, w, run, func(e *v1alpha1.AutomationRuleExecution) { e.OwnerReferences = nil })
		w.start(ctx)
		before := run.DeepCopy()
		now := eventually(ctx, w, run, HaveField("OwnerReferences", owners))
		Expect(now.Status).To(Equal(before.Status))
	})

	It("is made anew when it is deleted while its rule runs", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		for _, run := range []*v1alpha1.AutomationRuleExecution{execution("default-user-mapping", user), execution("default-organization-mapping", group)} {
			deleted := get(ctx, w, run, run.Name).UID
			Expect(w.Delete(ctx, run)).To(Succeed())
			eventually(ctx, w, run, And(HaveField("UID", Not(Equal(deleted))), outcome(v1alpha1.TriggerCreated, v1alpha1.ResultSucceeded, v1alpha1.ReasonNoChange)))
		}
	})

	It("cannot be written as the cache holds it", func(ctx SpecContext) {
		mgr := suite.NewManager(w.config(), []string{w.namespace})
		w.run(ctx, mgr)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		held := execution("default-user-mapping", user)
		held.Namespace = w.namespace
		Expect(mgr.GetClient().Get(ctx, client.ObjectKeyFromObject(held), held)).To(Succeed())
		Expect(held.Status.Digest).NotTo(BeZero())
		Expect(held.Status.Expressions).To(BeEmpty())
		Expect(w.Update(ctx, held)).To(Satisfy(apierrors.IsInvalid))
	})

	It("is selected by its result, and sorts the failed ones first", func(ctx SpecContext) {
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		w.start(ctx)
		good, bad := newUser("jane@example.com", "Jane Roe"), newUser("john@example.com", "John Roe")
		good.Spec.NickName, bad.Spec.NickName = "3", "third"
		Expect(w.Create(ctx, good)).To(Succeed())
		Expect(w.Create(ctx, bad)).To(Succeed())
		eventually(ctx, w, execution("location", good), outcome(v1alpha1.TriggerCreated, v1alpha1.ResultSucceeded, v1alpha1.ReasonApplied))
		failed := eventually(ctx, w, execution("location", bad), outcome(v1alpha1.TriggerCreated, v1alpha1.ResultFailed, v1alpha1.ReasonExpressionError))
		found := &v1alpha1.AutomationRuleExecutionList{}
		Expect(w.List(ctx, found, client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("status.result", "failed")})).To(Succeed())
		Expect(found.Items).To(HaveLen(1))
		Expect(found.Items[0].Name).To(Equal(failed.Name))
		table := w.kubectl(ctx, "get", "are", "--sort-by=.status.result")
		lines := strings.Split(strings.TrimSpace(table), "\n")
		Expect(strings.Fields(lines[0])[:4]).To(Equal([]string{"NAME", "RESULT", "RULE", "SUBJECT"}))
		Expect(strings.Fields(lines[1])[:2]).To(Equal([]string{failed.Name, "failed"}))
		Expect(w.kubectl(ctx, "describe", "are", failed.Name)).To(ContainSubstring(
			`rule location: expression "floor"`))
	})
})

var _ = Describe("The status of an AutomationRule", func() {
	It("counts whose record the rule changed", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx, countOften)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		w.createReady(ctx, newUser("john@example.com", "John Roe"))
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		changed := func(count int64) types.GomegaMatcher {
			return WithTransform(func(r *v1alpha1.AutomationRule) int64 { return r.Status.Changed }, Equal(count))
		}
		eventually(ctx, w, rule, And(processed(2), changed(2)))
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) {
			setValue(r, "costCenter", `user.userName == "jane@example.com" ? "CC" : ""`)
		})
		eventually(ctx, w, w.personOf(ctx, user), personSpec(func(spec v1alpha1.PersonSpec) string { return spec.CostCenter }, Equal("CC")))
		eventually(ctx, w, rule, And(processed(2), changed(1)))
	})
})

// kubectl runs kubectl in the world's namespace and returns what it prints.
func (w *world) kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	out, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	binaries, err := assets.Ensure(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	args = append([]string{"--kubeconfig", env.Kubeconfig, "--namespace", w.namespace}, args...)
	command := exec.CommandContext(ctx, filepath.Join(binaries, "kubectl"), args...)
	command.Stdout, command.Stderr = out, io.MultiWriter(stderr, GinkgoWriter)
	Expect(command.Run()).To(Succeed(), stderr.String())
	return out.String()
}
