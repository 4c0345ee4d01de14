package admission_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// messageOf is the message of a rule's condition, "" where it has none.
func messageOf(rule *v1alpha1.AutomationRule, condition string) string {
	found := meta.FindStatusCondition(rule.Status.Conditions, condition)
	if found == nil {
		return ""
	}
	return found.Message
}

// unconfigure makes the API server forget the webhook, and gives its configuration.
func (w *world) unconfigure(ctx SpecContext) *admissionregistrationv1.ValidatingWebhookConfiguration {
	GinkgoHelper()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
	Expect(w.Delete(ctx, configuration)).To(Succeed())
	// The API server learns of it by a watch.
	Eventually(func() error { return w.Create(ctx, ruleFrom(), client.DryRunAll) }).Should(Succeed())
	w.take()
	return configuration
}

// change updates a rule, whatever the controllers do to it at the same time. The rule
// stays as it is where the update is only a dry run.
func (w *world) change(ctx SpecContext, rule *v1alpha1.AutomationRule, change func(*v1alpha1.AutomationRuleSpec), options ...client.UpdateOption) {
	GinkgoHelper()
	Eventually(func() error {
		current := &v1alpha1.AutomationRule{}
		if err := w.Get(ctx, client.ObjectKeyFromObject(rule), current); err != nil {
			return err
		}
		change(&current.Spec)
		w.take()
		return w.Update(ctx, current, options...)
	}).Should(Succeed())
}

// eventuallyTitled waits until as many persons have a title.
func (w *world) eventuallyTitled(ctx SpecContext, title string, count int) {
	GinkgoHelper()
	Eventually(func() (int, error) {
		persons := &v1alpha1.PersonList{}
		err := w.List(ctx, persons)
		titled := 0
		for i := range persons.Items {
			if persons.Items[i].Spec.JobTitle == title {
				titled++
			}
		}
		return titled, err
	}).Should(Equal(count))
}

// cached waits until the operator has seen a rule, which its status shows.
func (w *world) cached(ctx SpecContext, name string) {
	GinkgoHelper()
	Eventually(func() (int64, error) {
		rule := &v1alpha1.AutomationRule{}
		err := w.Get(ctx, client.ObjectKey{Name: name}, rule)
		return rule.Status.ObservedGeneration, err
	}).Should(BeNumerically(">", 0))
}
