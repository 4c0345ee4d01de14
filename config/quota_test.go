package config

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// counted is the name under which a quota counts a resource of a group.
func counted(resource, group string) corev1.ResourceName {
	return corev1.ResourceName("count/" + resource + "." + group)
}

// sampleQuota is the one of samples/tenant.
func sampleQuota(ctx context.Context) *corev1.ResourceQuota {
	GinkgoHelper()
	objects := build(ctx, "samples/tenant")
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ResourceQuota" })
	Expect(i).To(BeNumerically(">=", 0))
	quota := &corev1.ResourceQuota{}
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, quota)).To(Succeed())
	return quota
}

var _ = Describe("the quota of a tenant", func() {
	It("has room for what its users and groups take, and bounds every kind", func(ctx SpecContext) {
		hard := sampleQuota(ctx).Spec.Hard
		count := func(plural string) int64 {
			quantity, found := hard[counted(plural, v1alpha1.GroupVersion.Group)]
			Expect(found).To(BeTrue(), plural)
			return quantity.Value()
		}
		for _, crd := range build(ctx, "crd") {
			plural, _, err := unstructured.NestedString(crd.Object, "spec", "names", "plural")
			Expect(err).NotTo(HaveOccurred())
			Expect(count(plural)).To(BeNumerically(">", 0), plural)
		}
		users, groups := count("scimusers"), count("scimgroups")
		leases := hard[counted("leases", "coordination.k8s.io")]
		Expect(leases.Value()).To(BeNumerically(">", users+groups))
		Expect(count("persons")).To(BeNumerically(">", users))
		var forUsers, forGroups int64
		for _, rule := range build(ctx, "rules") {
			if subject, _, _ := unstructured.NestedString(rule.Object, "spec", "subject"); subject == string(v1alpha1.SubjectScimUser) {
				forUsers++
			} else {
				forGroups++
			}
		}
		// Two more rules for users than the default ones, and one that is made before it takes the place of another.
		Expect(count("automationruleexecutions")).To(BeNumerically(">=", users*(forUsers+3)+groups*(forGroups+1)))
	})

	It("refuses one rule more than it allows, in words that tell why", func(ctx SpecContext) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, namespace)).To(Succeed()) })
		quota := sampleQuota(ctx)
		quota.Namespace = namespace.Name
		Expect(admin.Create(ctx, quota)).To(Succeed())
		used := corev1.ResourceList{}
		for name := range quota.Spec.Hard {
			used[name] = resource.Quantity{}
		}
		rules := counted("automationrules", v1alpha1.GroupVersion.Group)
		used[rules] = quota.Spec.Hard[rules]
		rule := build(ctx, "rules")[0]
		rule.SetNamespace(namespace.Name)
		Eventually(ctx, func() error {
			// Elsewhere a controller of Kubernetes counts; the one of this control plane is off.
			if err := admin.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
				return err
			}
			quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: used}
			if err := admin.Status().Update(ctx, quota); err != nil && !apierrors.IsConflict(err) {
				return err
			}
			return admin.Create(ctx, rule.DeepCopy(), client.DryRunAll)
		}).Should(MatchError(And(ContainSubstring("exceeded quota: tenant"), ContainSubstring(string(rules)))))
	})
})
