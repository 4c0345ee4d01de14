package server_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// The API server is as before Kubernetes 1.36, and the operator has component console/legacy or has it not.
var _ = Describe("a cluster without constrained impersonation", func() {
	It("lets the console act for people with component console/legacy, as their roles say, and not without", func(ctx SpecContext) {
		own, err := testenv.StartOwn(func(o *controlplane.Options) { o.FeatureGates = "ConstrainedImpersonation=false" })
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(own.Stop)
		admin := suite.Client(own.Config, rbacv1.AddToScheme)
		applyRoles(ctx, admin)
		namespace := own.Namespace(ctx, GinkgoT())
		Expect(admin.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "support"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scim-viewer"},
			Subjects: []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "support"}},
		})).To(Succeed())
		cfg, err := own.User(operator, "system:serviceaccounts", "system:serviceaccounts:scim-system")
		Expect(err).NotTo(HaveOccurred())
		anna := authenticationv1.UserInfo{Username: "anna@example.com", UID: "anna-1", Groups: []string{"support"}}
		asAnna := func() (access.Caller, error) {
			return access.NewImpersonator(suite.NewManager(cfg, nil), nil).Caller(ctx, anna)
		}
		_, err = asAnna()
		Expect(err).To(Satisfy(apierrors.IsForbidden))

		apply(ctx, admin, "console/legacy/role.yaml")
		var caller access.Caller
		Eventually(func() (err error) { caller, err = asAnna(); return err }).Should(Succeed())
		Expect(caller.User().Groups).To(ConsistOf("support", "system:authenticated"))
		forbidden := Satisfy(apierrors.IsForbidden)
		Eventually(func() error {
			return caller.Client().List(ctx, &v1alpha1.ScimUserList{}, client.InNamespace(namespace))
		}).Should(Succeed())
		Expect(caller.Client().List(ctx, &v1alpha1.ScimUserList{}, client.InNamespace("default"))).To(forbidden)
		Expect(caller.Client().List(ctx, &corev1.SecretList{}, client.InNamespace(namespace))).To(forbidden)
		Expect(caller.Client().DeleteAllOf(ctx, &v1alpha1.ScimUser{}, client.InNamespace(namespace))).To(forbidden)

		By("the cluster would allow it; the console does not ask")
		for _, user := range []authenticationv1.UserInfo{{Username: "anna", Groups: []string{"system:masters"}}, {Username: operator}} {
			_, err := access.NewImpersonator(suite.NewManager(cfg, nil), nil).Caller(ctx, user)
			Expect(err).To(BeAssignableToTypeOf(&access.ReservedNameError{}))
		}
	})
})
