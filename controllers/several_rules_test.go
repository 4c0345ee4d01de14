package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// ruleThatSets is a rule for users that runs after the default one.
func ruleThatSets(name string, position int32, set ...v1alpha1.FieldAssignment) *v1alpha1.AutomationRule {
	return &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.AutomationRuleSpec{
			Subject: v1alpha1.SubjectScimUser, Position: &position,
			Update: v1alpha1.RuleUpdate{
				Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"}, Set: set,
			},
		},
	}
}

var _ = Describe("Several rules for one user", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("fail, when they feed on each other's result, and write nothing", func(ctx SpecContext) {
		first := ruleThatSets("first", 20, v1alpha1.FieldAssignment{Field: "location", Value: `record.costCenter + "l"`})
		second := ruleThatSets("second", 30, v1alpha1.FieldAssignment{Field: "costCenter", Value: `record.location + "c"`})
		Expect(w.Create(ctx, first)).To(Succeed())
		Expect(w.Create(ctx, second)).To(Succeed())
		w.start(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		done := countReconciles("scimuser")
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonUnstableResult))
		Expect(readyMessage(user)).To(And(ContainSubstring("rule first: location"), ContainSubstring("rule second")))
		for _, rule := range []*v1alpha1.AutomationRule{first, second} {
			run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, rule.Name+"-"+user.Name)
			Expect(run.Status.Result).To(Equal(v1alpha1.ResultFailed))
			Expect(run.Status.Changes).To(BeEmpty())
			eventually(ctx, w, rule, subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed))
		}
		// The Person is an event for the user, whose rules run once more.
		done.waitFor("scimuser", 2)
		person := w.personOf(ctx, user)
		Expect(person.Spec.Location + person.Spec.CostCenter).To(BeEmpty())

		By("being carried out once one of them is changed")
		update(ctx, w, second, func(r *v1alpha1.AutomationRule) { r.Spec.Update.Set[0].Value = `"C1"` })
		eventually(ctx, w, user, isReady())
		eventually(ctx, w, person, personSpec(func(s v1alpha1.PersonSpec) string { return s.Location }, Equal("C1l")))
	})

	It("leave a field that both set to the last one, and say so", func(ctx SpecContext) {
		Expect(w.Create(ctx, ruleThatSets("first", 20, v1alpha1.FieldAssignment{Field: "costCenter", Value: `"all"`}))).To(Succeed())
		Expect(w.Create(ctx, ruleThatSets("second", 30, v1alpha1.FieldAssignment{Field: "costCenter", Value: `"mine"`}))).To(Succeed())
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		Expect(person.Spec.CostCenter).To(Equal("mine"))
		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "first-"+user.Name)
		Expect(run.Status.Conditions[0].Message).To(Equal("rule first changes nothing; rule second sets costCenter after it"))
		for _, entry := range person.ManagedFields {
			Expect(entry.Manager).NotTo(Equal("automationrule/first"))
		}
	})

	It("set what they set once, though the process ended after the first of them", func(ctx SpecContext) {
		Expect(w.Create(ctx, ruleThatSets("later", 20,
			v1alpha1.FieldAssignment{Field: "timeZone", Value: `"Europe/Amsterdam"`, When: v1alpha1.SetWhenCreated}))).To(Succeed())
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		// As the first rule left it.
		made := newPerson("jane", "jane@example.com")
		made.Spec.Name, made.Spec.Source, made.Spec.SourceID = "Jane Roe", v1alpha1.SourceSCIM, user.Name
		made.Annotations = map[string]string{v1alpha1.AnnotationUnfinished: "later"}
		Expect(w.Create(ctx, made)).To(Succeed())
		w.start(ctx)
		eventually(ctx, w, user, isReady())
		person := w.personOf(ctx, user)
		Expect(person.Spec.TimeZone).To(Equal("Europe/Amsterdam"))
		Expect(person.Annotations).NotTo(HaveKey(v1alpha1.AnnotationUnfinished))
	})

	It("make a Person that is finished", func(ctx SpecContext) {
		Expect(w.Create(ctx, ruleThatSets("later", 20,
			v1alpha1.FieldAssignment{Field: "timeZone", Value: `"Europe/Amsterdam"`, When: v1alpha1.SetWhenCreated}))).To(Succeed())
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		Expect(person.Spec.TimeZone).To(Equal("Europe/Amsterdam"))
		Expect(person.Annotations).NotTo(HaveKey(v1alpha1.AnnotationUnfinished))
	})
})
