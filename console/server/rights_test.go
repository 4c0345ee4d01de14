package server_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// impersonator is the operator, with the rights of config/rbac and config/console.
func impersonator(ctx context.Context) *access.Impersonator {
	GinkgoHelper()
	cfg, err := env.User(operator, "system:serviceaccounts", "system:serviceaccounts:scim-system")
	Expect(err).NotTo(HaveOccurred())
	mgr := suite.NewManager(cfg, nil)
	for _, kind := range access.Held() {
		_, err := mgr.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		Expect(err).NotTo(HaveOccurred())
	}
	DeferCleanup(suite.Start(context.WithoutCancel(ctx), mgr))
	return access.NewImpersonator(mgr, nil)
}

// whoAmI does not discover what the API server has, which the operator does as itself.
func whoAmI(ctx context.Context, cfg *rest.Config) (authenticationv1.UserInfo, error) {
	GinkgoHelper()
	c, err := client.New(cfg, client.Options{Scheme: direct.Scheme(), Mapper: direct.RESTMapper()})
	Expect(err).NotTo(HaveOccurred())
	return access.WhoAmI(ctx, c)
}

func member(name string, groups ...string) authenticationv1.UserInfo {
	return authenticationv1.UserInfo{
		Username: name, UID: "uid-of-" + name, Groups: groups, Extra: map[string]authenticationv1.ExtraValue{"example.com/office": {"Delft"}},
	}
}

var _ = Describe("a person for whom the operator acts", func() {
	It("sees and does what the roles say, in their namespace", func(ctx SpecContext) {
		all := impersonator(ctx)
		const group = "rights-"
		namespace := env.Namespace(ctx, GinkgoT())
		other := env.Namespace(ctx, GinkgoT())
		roles := []string{"scim-viewer", "scim-editor", "scim-account-owner"}
		for _, role := range roles {
			Expect(direct.Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
				Subjects: []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: group + role}},
			})).To(Succeed())
		}
		for _, where := range []string{namespace, other} {
			Expect(direct.Create(ctx, &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "anna"}, Spec: v1alpha1.PersonSpec{PrimaryEmail: "anna@example.com"}})).To(Succeed())
			Expect(direct.Create(ctx, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "acme"}, Spec: v1alpha1.OrganizationSpec{Name: "Acme"}})).To(Succeed())
			Expect(direct.Create(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "okta"}})).To(Succeed())
			Expect(direct.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "okta-token"}})).To(Succeed())
		}
		forbidden := Satisfy(apierrors.IsForbidden)
		rule := func(where string) *v1alpha1.AutomationRule {
			return &v1alpha1.AutomationRule{
				ObjectMeta: metav1.ObjectMeta{Namespace: where, GenerateName: "r-"},
				Spec:       v1alpha1.AutomationRuleSpec{Subject: "ScimUser", Position: new(int32(1)), Update: v1alpha1.RuleUpdate{Kind: "Person"}},
			}
		}
		patch := func(ctx context.Context, c client.Client, where string) error {
			endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "okta"}}
			return c.Patch(ctx, endpoint, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"x":"y"}}}`)))
		}
		for may, role := range roles { // may: 0 sees, 1 edits, 2 owns
			caller, err := all.Caller(ctx, member("anna@example.com", group+role))
			Expect(err).NotTo(HaveOccurred())
			Expect(caller.User().Groups).To(ConsistOf(group+role, "system:authenticated"))
			Expect(caller.User().Extra).To(HaveKey("example.com/office"))
			c := caller.Client()
			reader, err := caller.Reader(ctx, namespace)
			Expect(err).NotTo(HaveOccurred())
			Eventually(func() error {
				return reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "anna"}, &v1alpha1.Person{})
			}).Should(Succeed(), role)
			held, err := kube.Held[v1alpha1.Organization](ctx, reader, namespace, "acme")
			Expect(err).NotTo(HaveOccurred())
			Expect(held.Spec.Name).To(Equal("Acme"))
			Expect(c.List(ctx, &v1alpha1.AutomationRuleExecutionList{}, client.InNamespace(namespace))).To(Succeed())

			By(role + " elsewhere")
			Expect(reader.Get(ctx, client.ObjectKey{Namespace: other, Name: "anna"}, &v1alpha1.Person{})).To(forbidden)
			elsewhere, err := caller.Reader(ctx, other)
			Expect(err).NotTo(HaveOccurred())
			Expect(elsewhere.Get(ctx, client.ObjectKey{Namespace: other, Name: "anna"}, &v1alpha1.Person{})).To(forbidden)
			_, err = kube.Held[v1alpha1.Person](ctx, elsewhere, other, "anna")
			Expect(err).To(forbidden)
			_, err = access.Unguarded(ctx, elsewhere, &v1alpha1.Person{})
			Expect(err).To(forbidden)
			Expect(reader.List(ctx, &v1alpha1.PersonList{})).To(forbidden, "all namespaces")
			Expect(patch(ctx, c, other)).To(forbidden)
			Expect(c.Create(ctx, rule(other), client.DryRunAll)).To(forbidden)

			By(role + " doing things")
			Expect(apierrors.IsForbidden(c.Create(ctx, rule(namespace), client.DryRunAll))).To(Equal(may < 1))
			Expect(apierrors.IsForbidden(patch(ctx, c, namespace))).To(Equal(may < 2))
			none := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "none"}}
			empty := client.RawPatch("application/merge-patch+json", []byte(`{}`))
			Expect(apierrors.IsForbidden(c.Patch(ctx, none.DeepCopy(), empty))).To(Equal(may < 1))
			Expect(apierrors.IsForbidden(c.Delete(ctx, none.DeepCopy()))).To(Equal(may < 2))

			By(role + " asking for what no page needs, whatever the role has")
			Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta-token"}, &corev1.Secret{})).To(forbidden)
			Expect(c.List(ctx, &corev1.SecretList{}, client.InNamespace(namespace))).To(forbidden)
			Expect(c.Delete(ctx, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme"}}, client.DryRunAll)).To(forbidden)
			Expect(c.Delete(ctx, &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "anna"}}, client.DryRunAll)).To(forbidden)
			Expect(c.DeleteAllOf(ctx, &v1alpha1.Organization{}, client.InNamespace(namespace), client.DryRunAll)).To(forbidden)
			Expect(c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "x"}}, client.DryRunAll)).To(forbidden)
		}
	})

	It("is nobody of the cluster's own: neither does the console ask, nor would the cluster allow it", func(ctx SpecContext) {
		all := impersonator(ctx)
		for _, user := range []authenticationv1.UserInfo{
			member("anna", "support", "system:masters"), member("anna", " system:masters"), member("anna\n"), member("system:admin"), member(operator), member("anna", "system:serviceaccounts"), member(""), member("anna", ""),
		} {
			_, err := all.Caller(ctx, user)
			Expect(err).To(BeAssignableToTypeOf(&access.ReservedNameError{}))
		}
		cfg, err := env.User(operator, "system:serviceaccounts", "system:serviceaccounts:scim-system")
		Expect(err).NotTo(HaveOccurred())
		cfg.Impersonate.UserName, cfg.Impersonate.Groups = "anna", []string{"system:masters"}
		_, err = whoAmI(ctx, cfg)
		Expect(err).To(MatchError(ContainSubstring("system:masters")))
		cfg.Impersonate.UserName, cfg.Impersonate.Groups = "system:serviceaccount:kube-system:generic-garbage-collector", nil
		_, err = whoAmI(ctx, cfg)
		Expect(err).To(MatchError(ContainSubstring("cannot impersonate")))
	})

	It("is nobody where the operator may not impersonate", func(ctx SpecContext) {
		cfg, err := env.User("system:serviceaccount:elsewhere:scim-operator")
		Expect(err).NotTo(HaveOccurred())
		mgr := suite.NewManager(cfg, nil)
		_, err = access.NewImpersonator(mgr, nil).Caller(ctx, member("anna", "support"))
		Expect(err).To(Satisfy(apierrors.IsForbidden))
	})

	It("has rights in the operator's namespaces only", func(ctx SpecContext) {
		cfg, err := env.User(operator)
		Expect(err).NotTo(HaveOccurred())
		caller, err := access.NewImpersonator(suite.NewManager(cfg, nil), []string{"a", "b"}).Caller(ctx, member("anna", "support"))
		Expect(err).NotTo(HaveOccurred())
		_, err = caller.Reader(ctx, "c")
		Expect(err).To(Satisfy(apierrors.IsNotFound))
	})
})
