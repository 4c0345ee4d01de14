package controllers_test

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
)

// startTogether runs the controllers for two namespaces in one manager.
func startTogether(ctx SpecContext, w, other *world, options ...func(*controllers.Options)) {
	GinkgoHelper()
	Expect(other.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "neighbour"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.operator}},
	})).To(Succeed())
	mgr, err := kube.NewManager(w.config(), kube.Options{
		Namespaces: []string{w.namespace, other.namespace}, MetricsBindAddress: "0", SkipNameValidation: true,
		GracefulShutdownTimeout: testenv.Patience, Logger: GinkgoLogr,
	})
	Expect(err).NotTo(HaveOccurred())
	w.run(ctx, mgr, options...)
}

var _ = Describe("A namespace beside one that has a lot to do", Label("race"), func() {
	It("does not wait for it, neither with a changed rule nor with a push", func(ctx SpecContext) {
		const waiting = 300
		busy, quiet := newWorldWithRules(ctx), newWorldWithRules(ctx)
		startTogether(ctx, busy, quiet, func(o *controllers.Options) { o.Concurrency = 1 })
		rule := func() *v1alpha1.AutomationRule {
			return &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-user-mapping"}}
		}
		change := func(w *world) {
			GinkgoHelper()
			update(ctx, w, rule(), func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", `"changed"`) })
		}
		eventually(ctx, quiet, rule(), reprocessed(0))
		eventually(ctx, busy, rule(), reprocessed(0))
		busy.createUsers(ctx, waiting)
		known := quiet.createUsers(ctx, 1)[0]

		change(busy)
		eventually(ctx, busy, rule(), WithTransform(func(r *v1alpha1.AutomationRule) bool {
			return r.Status.ObservedGeneration == r.Generation
		}, BeTrue()))
		change(quiet)
		pushed := newUser("pushed@example.com", "Pushed")
		Expect(quiet.Create(ctx, pushed)).To(Succeed())
		eventually(ctx, quiet, rule(), reprocessed(1))
		eventually(ctx, quiet, pushed, isReady())
		Expect(quiet.personOf(ctx, known).Spec.CostCenter).To(Equal("changed"))
		persons := []string{quiet.personOf(ctx, known).Name, quiet.personOf(ctx, pushed).Name}
		eventually(ctx, busy, rule(), reprocessed(waiting))

		writes, err := env.AuditWrites(ctx, testenv.Filter{User: busy.operator})
		Expect(err).NotTo(HaveOccurred())
		last := -1
		for i, write := range writes {
			if write.Namespace == quiet.namespace && write.Resource == "persons" && slices.Contains(persons, write.Name) {
				last = i
			}
		}
		Expect(last).To(BeNumerically(">", 0))
		var after int
		for _, write := range writes[last:] {
			if write.Namespace == busy.namespace && write.Resource == "automationruleexecutions" && strings.HasPrefix(write.Verb, "update") {
				after++
			}
		}
		Expect(after).To(BeNumerically(">", 10), "subjects of the busy namespace that waited before, and were processed after")
	})
})
