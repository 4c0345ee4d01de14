package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// useUp lets the namespace have no more of a kind than there is, and returns a function that ends
// that. probe is one of them.
func (w *world) useUp(ctx SpecContext, plural string, probe client.Object) (end func()) {
	GinkgoHelper()
	none := corev1.ResourceList{corev1.ResourceName("count/" + plural + "." + v1alpha1.GroupVersion.Group): {}}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "tenant"}, Spec: corev1.ResourceQuotaSpec{Hard: none}}
	Expect(w.Create(ctx, quota)).To(Succeed())
	Eventually(func() error {
		// Elsewhere a controller of Kubernetes counts; the one of this control plane is off.
		if err := w.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
		if err := w.Status().Update(ctx, quota); err != nil && !apierrors.IsConflict(err) {
			return err
		}
		return w.Create(ctx, probe, client.DryRunAll)
	}).Should(MatchError(ContainSubstring("exceeded quota")))
	return func() {
		GinkgoHelper()
		Expect(w.Delete(ctx, quota)).To(Succeed())
	}
}

var _ = Describe("A namespace without room", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	tellsOfRoom := WithTransform(func(u *v1alpha1.ScimUser) string { return "says: " + readyMessage(u) }, ContainSubstring("a ResourceQuota of the namespace is used up"))

	It("keeps the user, says why there is no Person, and makes it when there is room", func(ctx SpecContext) {
		w.start(ctx)
		there := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		end := w.useUp(ctx, "persons", newPerson("probe", "probe@example.com"))
		user := newUser("john@example.com", "John Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, And(isFalse(v1alpha1.ReasonRetrying), tellsOfRoom))
		Expect(meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionStalled)).To(BeFalse(), "it goes on by itself")

		By("disabling whoever leaves")
		w.deactivate(ctx, there)
		eventually(ctx, w, w.personOf(ctx, there), disabled(true))

		end()
		eventually(ctx, w, user, isReady())
	})

	It("gives the Person though there is none for the execution", func(ctx SpecContext) {
		w.start(ctx)
		probe := &v1alpha1.AutomationRuleExecution{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: v1alpha1.AutomationRuleExecutionSpec{
			Rule: "probe", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: "probe"},
		}}
		end := w.useUp(ctx, "automationruleexecutions", probe)
		user := newUser("john@example.com", "John Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, And(isFalse(v1alpha1.ReasonRetrying), tellsOfRoom))
		persons := &v1alpha1.PersonList{}
		Expect(w.List(ctx, persons)).To(Succeed())
		Expect(persons.Items).To(ConsistOf(HaveField("Spec.SourceID", user.Name)))
		w.deactivate(ctx, user)
		eventually(ctx, w, &persons.Items[0], disabled(true))
		end()
		eventually(ctx, w, user, isReady())
	})
})
