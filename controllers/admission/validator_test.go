package admission_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const contractors = `
metadata: {name: contractors}
spec:
  subject: ScimUser
  position: 20
  condition: 'user.userType == "Contractor" && isEmail(user.userName)'
  update:
    kind: Person
    match: {primaryEmail: user.userName}
    set:
      - {field: jobTitle, value: '?user.title == "" ? "" : user.title + " (contractor)"'}
`

// ruleFrom makes the contractors' rule with some of its text replaced.
func ruleFrom(replacements ...string) *v1alpha1.AutomationRule {
	GinkgoHelper()
	rule := &v1alpha1.AutomationRule{}
	Expect(yaml.UnmarshalStrict([]byte(strings.NewReplacer(replacements...).Replace(contractors)), rule)).To(Succeed())
	return rule
}

func defaultRule() *v1alpha1.AutomationRule {
	GinkgoHelper()
	rule := &v1alpha1.AutomationRule{}
	load("rules", "default-user-mapping.yaml", rule)
	return rule
}

func newUser(i int, userType string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
		Spec: v1alpha1.ScimUserSpec{
			UserName: fmt.Sprintf("user-%d@example.com", i), DisplayName: fmt.Sprintf("User %d", i), Title: "Engineer",
			UserType: userType, Active: new(true), LastModified: v1alpha1.NewTimestamp(time.Now()),
		},
	}
}

// served waits until the webhook answers, so that a broken rule is refused by it, and knows the namespace, so that
// it can say what a rule does there.
func (w *world) served(ctx SpecContext) {
	GinkgoHelper()
	Eventually(func() string {
		err := w.Create(ctx, ruleFrom("user.title +", "user.titel +"), client.DryRunAll)
		if err == nil {
			return "accepted"
		}
		return err.Error()
	}).Should(ContainSubstring("undefined field"))
	w.take()
	Eventually(func() ([]string, error) {
		err := w.Create(ctx, ruleFrom("name: contractors", "name: served", "subject:", "disabled: true\n  subject:"), client.DryRunAll)
		return w.take(), err
	}).ShouldNot(ContainElement(ContainSubstring("cannot be said now")))
}

// withPersons waits until users have Persons.
func (w *world) withPersons(ctx SpecContext, users ...*v1alpha1.ScimUser) {
	GinkgoHelper()
	for _, user := range users {
		Expect(w.Create(ctx, user)).To(Succeed())
	}
	Eventually(func() (int, error) {
		persons := &v1alpha1.PersonList{}
		err := w.List(ctx, persons)
		return len(persons.Items), err
	}).Should(Equal(len(users)))
}

// refusal is the list of what the webhook says of a new rule that it refuses.
func refusal(err error) []string {
	GinkgoHelper()
	Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
	return causes(err)
}

// causes are the findings that an error has for clients.
func causes(err error) []string {
	GinkgoHelper()
	status := &apierrors.StatusError{}
	Expect(errors.As(err, &status)).To(BeTrue())
	var causes []string
	for _, cause := range status.ErrStatus.Details.Causes {
		causes = append(causes, cause.Field+": "+cause.Message)
	}
	return causes
}

var _ = Describe("a broken rule", func() {
	It("is refused with every problem, its place, the text and a hint", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)

		err := w.Create(ctx, ruleFrom("user.title +", "user.titel +", "user.userType", "user.usertype", "jobTitle", "jobTitel"))
		Expect(refusal(err)).To(Equal([]string{
			`spec.condition: Invalid value: "user.usertype == \"Contractor\" && isEmail(user.userName)": ` +
				`condition, line 1, column 5: undefined field 'usertype'; did you mean user.userType?`,
			`spec.update.set[0]: Invalid value: "jobTitel: ?user.title == \"\" ? \"\" : user.titel + \" (contractor)\"": ` +
				`set[0] jobTitel: kind Person has no such field; did you mean jobTitle?`,
		}))

		By("refusing one that costs too much, with the limit")
		err = w.Create(ctx, ruleFrom("user.title + \" (contractor)\"", "string(groups.map(a, groups.map(b, a.id + b.id).size()).size())"))
		Expect(refusal(err)).To(HaveExactElements(And(ContainSubstring("could cost"), ContainSubstring("the limit of 10000000"))))

		By("letting it be switched off, and not on again")
		broken := ruleFrom("user.title +", "user.titel +", "subject:", "disabled: true\n  subject:")
		Expect(w.Create(ctx, broken)).To(Succeed())
		Expect(w.take()).To(HaveExactElements(ContainSubstring("undefined field 'titel'; did you mean user.title?")))
		on := broken.DeepCopy()
		on.Spec.Disabled = false
		Expect(causes(w.Patch(ctx, on, client.MergeFrom(broken)))).To(HaveLen(1))
	})

	It("that was stored without the webhook shows the same finding, and can be labelled and deleted", func(ctx SpecContext) {
		w := newWorld(ctx)
		configuration := w.unconfigure(ctx)
		broken := ruleFrom("user.title +", "user.titel +")
		Expect(w.Create(ctx, broken)).To(Succeed())
		w.start(ctx, w.options())
		Eventually(func() (string, error) {
			err := w.Get(ctx, client.ObjectKeyFromObject(broken), broken)
			return messageOf(broken, v1alpha1.ConditionStalled), err
		}).Should(Equal("set[0] jobTitle, line 1, column 30: undefined field 'titel'; did you mean user.title?"))

		configuration.ResourceVersion = ""
		w.createForTest(ctx, configuration)
		w.served(ctx)
		broken.Labels = map[string]string{"a": "label"}
		Eventually(func() error {
			if err := w.Get(ctx, client.ObjectKeyFromObject(broken), broken); err != nil {
				return err
			}
			broken.Labels = map[string]string{"a": "label"}
			return w.Update(ctx, broken)
		}).Should(Succeed())
		Expect(w.Delete(ctx, broken)).To(Succeed())
	})
})

var _ = Describe("an example", func() {
	const examples = `user.title + " (contractor)"'}
  examples:
    - name: A contractor's title says so
      input:
        user: {userName: jane@example.com, userType: Contractor, title: Engineer}
        record: {primaryEmail: jane@example.com}
      expected: {record: {jobTitle: Engineer (contractor)}}
    - name: An employee keeps the title
      input:
        user: {userName: jane@example.com, userType: Employee, title: Engineer}
      expected: {outcome: ConditionNotMet}
`
	It("that comes true lets the rule pass, and one that does not refuses it with the difference", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)
		Expect(w.Create(ctx, ruleFrom(`user.title + " (contractor)"'}`, examples))).To(Succeed())

		Expect(refusal(w.Create(ctx, ruleFrom("name: contractors", "name: wrong", `user.title + " (contractor)"'}`,
			strings.Replace(examples, `user.title + " (contractor)"`, `user.title + " (external)"`, 1))))).To(Equal([]string{
			`spec.examples[0]: Invalid value: "A contractor's title says so": record.jobTitle: expected "Engineer (contractor)", got "Engineer (external)"`,
		}))
		Expect(refusal(w.Create(ctx, ruleFrom("name: contractors", "name: misspelt", `user.title + " (contractor)"'}`,
			strings.Replace(examples, "userType: Employee", "usrType: Employee", 1))))).To(Equal([]string{
			`spec.examples[1]: Invalid value: "An employee keeps the title": input: user: unknown field "usrType"`,
		}))
	})

	It("that does not come true stalls a rule that was stored without the webhook", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.unconfigure(ctx)
		rule := ruleFrom(`user.title + " (contractor)"'}`, strings.Replace(examples, "Engineer (contractor)", "Boss", 1))
		Expect(w.Create(ctx, rule)).To(Succeed())
		w.start(ctx, w.options())
		Eventually(func() (string, error) {
			err := w.Get(ctx, client.ObjectKeyFromObject(rule), rule)
			return messageOf(rule, v1alpha1.ConditionStalled), err
		}).Should(Equal(`example "A contractor's title says so": record.jobTitle: expected "Boss", got "Engineer (contractor)"`))
	})
})

// planned is how many subjects were planned to count what rules change.
func planned() float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() == "scim_rule_preview_subjects_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	Fail("there is no such metric")
	return 0
}

var _ = Describe("a change of a rule", func() {
	It("is answered with a count of what it would do, and does that", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)
		Expect(w.Create(ctx, defaultRule())).To(Succeed())
		Expect(w.take()).To(BeEmpty())
		var users []*v1alpha1.ScimUser
		for i := range 12 {
			users = append(users, newUser(i, []string{"Contractor", "Employee", "Employee"}[i%3]))
		}
		w.withPersons(ctx, users...)

		rule := ruleFrom()
		tryOut := func() []string {
			w.take()
			Expect(w.Create(ctx, rule.DeepCopy(), client.DryRunAll)).To(Succeed())
			return w.take()
		}
		Eventually(tryOut).Should(Equal([]string{"would change 4 of 12 persons: jobTitle 4"}))
		Eventually(func() float64 {
			before := planned()
			tryOut()
			return planned() - before
		}).Should(BeZero(), "it is counted each time")
		Expect(w.Create(ctx, rule)).To(Succeed())
		Expect(w.take()).To(HaveExactElements(HaveSuffix("will change 4 of 12 persons: jobTitle 4")))
		w.eventuallyTitled(ctx, "Engineer (contractor)", 4)

		By("counting whom a change disables, and who fails")
		w.change(ctx, rule, func(spec *v1alpha1.AutomationRuleSpec) {
			spec.Update.Set = append(spec.Update.Set, v1alpha1.FieldAssignment{Field: "disabled", Value: `user.userName < "user-2"`})
			spec.Update.Set[0].Value = `user.userName.startsWith("user-9") ? user.extensions.missing : user.title`
		}, client.DryRunAll)
		Expect(w.take()).To(HaveExactElements(
			"would change 4 of 12 persons: jobTitle 4; disable 1; fail for 1 user: ExpressionError 1",
			"ExpressionError for 1 user: rule contractors: set[0] jobTitle, line 1, column 36: a map has no such key; write [?key] or .?key where it can be missing",
		))

		By("saying nothing of a change that no user notices")
		w.change(ctx, rule, func(spec *v1alpha1.AutomationRuleSpec) { spec.Description = "Something else." })
		Expect(w.take()).To(BeEmpty())

		By("saying that nobody is reached")
		w.change(ctx, rule, func(spec *v1alpha1.AutomationRuleSpec) { spec.Condition = `user.userType == "Guest"` }, client.DryRunAll)
		Expect(w.take()).To(Equal([]string{
			"would change 4 of 12 persons: jobTitle 4",
			"the condition of the rule is met for none of the 12 users",
		}))
	})

	It("that is probably a mistake is warned of", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)
		Expect(w.Create(ctx, ruleFrom())).To(Succeed())
		w.cached(ctx, "contractors")
		w.take()
		Expect(w.Create(ctx, ruleFrom("name: contractors", "name: doubtful",
			`isEmail(user.userName)`, `user.userType != "Contractor"`, "update:", "expressions: [{name: unused, value: user.title}]\n  update:"))).To(Succeed())
		Expect(w.take()).To(Equal([]string{
			"rule doubtful, condition: the condition is never true, because one part of it excludes another; the rule never does anything",
			`rule doubtful, expression "unused": nothing uses the expression`,
		}))
		Expect(w.Create(ctx, ruleFrom("name: contractors", "name: second"), client.DryRunAll)).To(Succeed())
		Expect(w.take()).To(Equal([]string{
			"rule second, set jobTitle: rule contractors sets this field at the same position 20, and the names alone decide that this one wins; give them different positions",
		}))
	})
})

var _ = Describe("a rule in a namespace that the operator does not work in", func() {
	It("is checked by itself", func(ctx SpecContext) {
		w := newWorld(ctx)
		o := w.options()
		o.Watched = []string{"another", "yet-another"}
		w.start(ctx, o)
		w.served(ctx)
		Expect(w.Create(ctx, ruleFrom(`user.userType == "Contractor"`, "1 > 2"), client.DryRunAll)).To(Succeed())
		Expect(w.take()).To(BeEmpty())
	})
})
