package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// rejectPersons makes the API server reject Persons of this namespace for which a CEL
// expression is false, as a policy of a cluster's administrator can.
func (w *world) rejectPersons(ctx SpecContext, unless string, reason metav1.StatusReason, rejected *v1alpha1.Person) {
	GinkgoHelper()
	w.reject(ctx, "persons", unless, reason, rejected)
}

// reject is rejectPersons for another resource.
func (w *world) reject(ctx SpecContext, resource, unless string, reason metav1.StatusReason, rejected client.Object) {
	GinkgoHelper()
	cluster, err := client.New(env.Config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	meta := metav1.ObjectMeta{Name: w.namespace + "-" + resource}
	objects := []client.Object{
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{resource},
					},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: unless, Reason: &reason}},
		}},
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: meta.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		}},
	}
	for _, object := range objects {
		Expect(cluster.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, object)).To(Succeed()) })
	}
	Eventually(func() metav1.StatusReason {
		probe, ok := rejected.DeepCopyObject().(client.Object)
		Expect(ok).To(BeTrue())
		return apierrors.ReasonForError(w.Create(ctx, probe, client.DryRunAll))
	}).Should(Equal(reason), "the policy is not in force")
}

var _ = Describe("A record that the API server rejects", func() {
	badLocation := func() *v1alpha1.Person {
		person := newPerson("probe", "probe@example.com")
		person.Spec.Location = "Floor 13"
		return person
	}
	const noFloor13 = `!has(object.spec.location) || object.spec.location != "Floor 13"`

	It("is the failure of the rule that wrote it, and the other rules are applied", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.rejectPersons(ctx, noFloor13, metav1.StatusReasonInvalid, badLocation())
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		last := locationRule()
		last.Name, last.Spec.Position = "last", new(int32(30))
		last.Spec.Expressions = nil
		last.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "costCenter", Value: `"CC"`}}
		Expect(w.Create(ctx, last)).To(Succeed())
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.NickName = "13"
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonInvalidValue))
		Expect(readyMessage(user)).To(And(ContainSubstring("rule location"), Not(ContainSubstring("13"))))
		person := w.personOf(ctx, user)
		Expect(person.Spec.Name).To(Equal("Jane Roe"))
		Expect(person.Spec.Location).To(BeEmpty())
		Expect(person.Spec.CostCenter).To(Equal("CC"))
		Expect(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "last-"+user.Name).Status.Result).To(Equal(v1alpha1.ResultSucceeded))
	})

	It("is not created by a later rule without what the rejected one sets", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.rejectPersons(ctx, noFloor13, metav1.StatusReasonInvalid, badLocation())
		rule := get(ctx, w, &v1alpha1.AutomationRule{}, "default-user-mapping")
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) { setValue(r, "location", `"Floor 13"`) })
		second := locationRule()
		second.Spec.Expressions, second.Spec.Update.Create = nil, true
		second.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "costCenter", Value: `"CC"`}}
		Expect(w.Create(ctx, second)).To(Succeed())
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonInvalidValue))
		Expect(readyMessage(user)).To(And(ContainSubstring("rule default-user-mapping"), ContainSubstring("besides: 1")))
		persons := &v1alpha1.PersonList{}
		Expect(w.List(ctx, persons)).To(Succeed())
		Expect(persons.Items).To(BeEmpty())
		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "location-"+user.Name)
		Expect(run.Status.Result).To(Equal(v1alpha1.ResultFailed))
	})
})
