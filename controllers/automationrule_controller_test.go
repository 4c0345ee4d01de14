package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// locationRule is a second rule for users, which fails for those whose location is
// not a number.
func locationRule() *v1alpha1.AutomationRule {
	return &v1alpha1.AutomationRule{
		ObjectMeta: metav1.ObjectMeta{Name: "location"},
		Spec: v1alpha1.AutomationRuleSpec{
			Subject: v1alpha1.SubjectScimUser, Position: new(int32(20)),
			Expressions: []v1alpha1.NamedExpression{{Name: "floor", Value: "int(user.nickName)"}},
			Update: v1alpha1.RuleUpdate{
				Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
				Set: []v1alpha1.FieldAssignment{{Field: "location", Value: `"Floor " + string(floor)`}},
			},
		},
	}
}

// setValue replaces the expression that a rule sets a field to.
func setValue(rule *v1alpha1.AutomationRule, field, value string) {
	for i := range rule.Spec.Update.Set {
		if rule.Spec.Update.Set[i].Field == field {
			rule.Spec.Update.Set[i].Value = value
		}
	}
}

// setWhen says when a rule sets a field.
func location(is string) func(v1alpha1.PersonSpec) bool {
	return func(spec v1alpha1.PersonSpec) bool { return spec.Location == is }
}

func countOften(o *controllers.Options) { o.CountInterval = 10 * time.Millisecond }

var _ = Describe("An AutomationRule", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	rule := func(name string) *v1alpha1.AutomationRule {
		return &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}

	It("that compiles is Ready and counts its subjects", func(ctx SpecContext) {
		w.start(ctx, countOften)
		w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		w.createReady(ctx, newUser("john@example.com", "John Roe"))
		counted := eventually(ctx, w, rule("default-user-mapping"), And(isReady(), WithTransform(func(r *v1alpha1.AutomationRule) int64 {
			return r.Status.Processed
		}, Equal(int64(2)))))
		Expect(counted.Status.Failed).To(BeZero())
	})

	It("shows its counters when they are zero", func(ctx SpecContext) {
		w.start(ctx, countOften)
		eventually(ctx, w, rule("default-user-mapping"), isReady())
		stored := &unstructured.Unstructured{}
		stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AutomationRule"))
		Expect(w.Get(ctx, client.ObjectKey{Name: "default-user-mapping"}, stored)).To(Succeed())
		Expect(stored.Object["status"]).To(And(HaveKeyWithValue("processed", int64(0)), HaveKeyWithValue("failed", int64(0))))
	})

	It("with a misspelt field is Stalled with its place, and its subjects say so until it is repaired", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		broken := rule("default-user-mapping")
		update(ctx, w, broken, func(r *v1alpha1.AutomationRule) {
			setValue(r, "jobTitle", "user.titel")
		})
		eventually(ctx, w, broken, isFalse(v1alpha1.ReasonInvalidRule))
		Expect(meta.IsStatusConditionTrue(broken.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
		Expect(readyMessage(broken)).To(And(
			ContainSubstring("jobTitle"), ContainSubstring("line 1"), ContainSubstring("column 5"), ContainSubstring("user.title")))
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonInvalidRule))
		Expect(readyMessage(user)).To(ContainSubstring("default-user-mapping"))
		Expect(user.Status.Person).NotTo(BeNil(), "the Person that was linked before is still shown")

		update(ctx, w, broken, func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		eventually(ctx, w, broken, isReady())
		eventually(ctx, w, user, isReady())
	})

	It("that does not compile leaves the other rules at work", func(ctx SpecContext) {
		invalid := locationRule()
		invalid.Spec.Expressions[0].Value = "user.floor"
		Expect(w.Create(ctx, invalid)).To(Succeed())
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonInvalidRule))
		Expect(w.personOf(ctx, user).Spec.Name).To(Equal("Jane Roe"))
	})

	It("that fails for one user leaves the others alone, and names the one", func(ctx SpecContext) {
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		w.start(ctx, countOften)
		good := newUser("jane@example.com", "Jane Roe")
		good.Spec.NickName = "3"
		w.createReady(ctx, good)
		Expect(w.personOf(ctx, good)).To(personSpec(location("Floor 3"), BeTrue()))

		bad := newUser("john@example.com", "John Roe")
		bad.Spec.NickName = "third"
		Expect(w.Create(ctx, bad)).To(Succeed())
		eventually(ctx, w, bad, isFalse(v1alpha1.ReasonExpressionError))
		Expect(readyMessage(bad)).To(And(ContainSubstring("rule location"), ContainSubstring(`"floor"`), Not(ContainSubstring("third"))))
		Expect(w.personOf(ctx, bad).Spec.Name).To(Equal("John Roe"), "the rule before it has been applied")
		eventually(ctx, w, rule("location"), And(isReady(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed), WithTransform(
			func(r *v1alpha1.AutomationRule) []v1alpha1.SubjectFailure { return r.Status.Failures },
			Equal([]v1alpha1.SubjectFailure{{Subject: bad.Name, Reason: v1alpha1.ReasonExpressionError}}))))
		Expect(get(ctx, w, rule("location"), "location").Status.Processed).To(Equal(int64(2)))
		eventually(ctx, w, good, isReady())

		By("recovering when the client sends something better")
		update(ctx, w, bad, func(u *v1alpha1.ScimUser) { u.Spec.NickName = "4" })
		eventually(ctx, w, bad, isReady())
		eventually(ctx, w, rule("location"), And(isReady(), subjects(metav1.ConditionTrue, v1alpha1.ReasonNoneFailed)))
		Eventually(w.eventReasons(ctx, "location")).Should(ContainElements(v1alpha1.ReasonSubjectsFailed, v1alpha1.ReasonNoneFailed))
	})

	It("that is edited runs again for all its subjects", func(ctx SpecContext) {
		w.start(ctx)
		users := []*v1alpha1.ScimUser{
			w.createReady(ctx, newUser("jane@example.com", "Jane Roe")), w.createReady(ctx, newUser("john@example.com", "John Roe")),
		}
		update(ctx, w, rule("default-user-mapping"), func(r *v1alpha1.AutomationRule) {
			setValue(r, "costCenter", `"CC-" + user.userName`)
		})
		for _, user := range users {
			eventually(ctx, w, w.personOf(ctx, user), personSpec(func(spec v1alpha1.PersonSpec) string { return spec.CostCenter },
				Equal("CC-"+user.Spec.UserName)))
			eventually(ctx, w, execution("default-user-mapping", user), WithTransform(func(e *v1alpha1.AutomationRuleExecution) v1alpha1.Trigger {
				return e.Status.Trigger
			}, Equal(v1alpha1.TriggerRuleChanged)))
		}
	})

	It("that is disabled or deleted loses its executions, and records keep what it wrote", func(ctx SpecContext) {
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.NickName = "3"
		w.createReady(ctx, user)
		gone := func(run *v1alpha1.AutomationRuleExecution) {
			GinkgoHelper()
			Eventually(func() bool { return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(run), run)) }).Should(BeTrue())
		}
		update(ctx, w, rule("location"), func(r *v1alpha1.AutomationRule) { r.Spec.Disabled = true })
		gone(execution("location", user))
		eventually(ctx, w, rule("location"), ready(metav1.ConditionTrue, v1alpha1.ReasonDisabled))

		Expect(w.Delete(ctx, rule("default-user-mapping"))).To(Succeed())
		gone(execution("default-user-mapping", user))
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonNoRules))
		Expect(w.personOf(ctx, user)).To(personSpec(location("Floor 3"), BeTrue()))
	})

	It("is the one that makes a user Ready when it comes last", func(ctx SpecContext) {
		Expect(w.Delete(ctx, rule("default-user-mapping"))).To(Succeed())
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonNoRules))
		Expect(w.Create(ctx, defaultUserRule())).To(Succeed())
		eventually(ctx, w, user, isReady())
	})
})

func processed(count int) types.GomegaMatcher {
	return WithTransform(func(r *v1alpha1.AutomationRule) int { return int(r.Status.Processed) }, Equal(count))
}
