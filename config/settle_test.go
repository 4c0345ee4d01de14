package config

import (
	"context"
	"fmt"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var settled atomic.Int64

// settle waits until the API server knows all rights and enforces all policies as they have been written so far. It learns of
// them by watches of its own, a moment later and kind by kind in the order of the writes; so it waits for the last ones.
func settle(ctx context.Context) {
	GinkgoHelper()
	name := fmt.Sprintf("settled-%d", settled.Add(1))
	meta := metav1.ObjectMeta{Namespace: "default", Name: name}
	rules := func(verb string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{verb}}}
	}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
	made := []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: rules("get")},
		&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: subjects},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules("list")},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: subjects},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				ResourceNames: []string{name},
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: name}},
		}},
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		}},
	}
	for _, object := range made {
		Expect(admin.Create(ctx, object)).To(Succeed())
	}
	defer func() {
		for _, object := range made {
			Expect(admin.Delete(ctx, object)).To(Succeed())
		}
	}()
	for _, verb := range []string{"get", "list"} {
		Eventually(ctx, func() (bool, error) {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: name, ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "default", Verb: verb, Resource: "configmaps"},
			}}
			err := admin.Create(ctx, review)
			return review.Status.Allowed, err
		}).Should(BeTrue())
	}
	Eventually(ctx, func() error {
		return admin.Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, client.DryRunAll)
	}).Should(MatchError(ContainSubstring(name)))
}

// applyTenant applies samples/tenant, and waits until that holds.
func applyTenant(ctx context.Context) {
	GinkgoHelper()
	for _, object := range build(ctx, "samples/tenant") {
		applyStrictly(ctx, object, tenant)
	}
	settle(ctx)
}
