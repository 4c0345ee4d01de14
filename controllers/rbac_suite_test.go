package controllers_test

import (
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const roleName = "scim-operator"

// authorize gives the operator the permissions of config/rbac/role.yaml in the
// test's namespace, and waits until the API server knows of them.
func (w *world) authorize(ctx SpecContext) {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	generated := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(data, generated)).To(Succeed())
	meta := metav1.ObjectMeta{Name: roleName}
	Expect(w.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: generated.Rules})).To(Succeed())
	w.bind(ctx, meta.Name, w.operator)
	Eventually(w.may(ctx, "list", "persons")).Should(BeTrue())
}

// bind gives an operator the rights of the role.
func (w *world) bind(ctx SpecContext, name, operator string) {
	GinkgoHelper()
	Expect(w.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operator}},
	})).To(Succeed())
}

// may reports whether the operator may do something by now.
func (w *world) may(ctx SpecContext, verb, resource string) func() (bool, error) {
	return func() (bool, error) {
		return w.env.May(ctx, w.operator, w.namespace, verb, v1alpha1.GroupVersion.WithResource(resource).GroupResource())
	}
}

// forbid takes what changes one of the API's kinds from the operator, and returns the function that gives it back.
func (w *world) forbid(ctx SpecContext, resource string) (allow func()) {
	GinkgoHelper()
	role := get(ctx, w, &rbacv1.Role{}, roleName)
	complete := role.DeepCopy()
	var rules []rbacv1.PolicyRule
	var groups []string
	for _, rule := range role.Rules {
		others := slices.DeleteFunc(slices.Clone(rule.Resources), func(r string) bool { return r == resource })
		if len(others) < len(rule.Resources) {
			groups = rule.APIGroups
		}
		if rule.Resources = others; len(others) > 0 {
			rules = append(rules, rule)
		}
	}
	Expect(groups).NotTo(BeEmpty(), "no rule mentions %s", resource)
	rules = append(rules, rbacv1.PolicyRule{APIGroups: groups, Resources: []string{resource}, Verbs: []string{"get", "list", "watch"}})
	role.Rules = rules
	Expect(w.Update(ctx, role)).To(Succeed())
	Eventually(w.may(ctx, "create", resource)).Should(BeFalse())
	return func() {
		GinkgoHelper()
		complete.ResourceVersion = role.ResourceVersion
		Expect(w.Update(ctx, complete)).To(Succeed())
		Eventually(w.may(ctx, "create", resource)).Should(BeTrue())
	}
}
