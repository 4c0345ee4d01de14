package scimserver_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// config/connect.md tries workload identity so: the cluster's own API server is the issuer, and a service account the client.
var _ = Describe("Service accounts of a Kubernetes cluster", func() {
	const clusterIssuer, clusterAudience = "https://kubernetes.default.svc", "scim"

	It("are let in by workload identity", func(ctx SpecContext) {
		t := newOAuthTenant(ctx, func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			authentication := &e.Spec.Authentication
			authentication.JWT = []v1alpha1.JWTAuthenticator{{Issuer: v1alpha1.JWTIssuer{
				URL: clusterIssuer, DiscoveryURL: env.Config.Host + "/.well-known/openid-configuration",
				CertificateAuthority: string(env.Config.CAData), Audiences: []string{clusterAudience},
			}}}
			authentication.Clients[0].SecretName = ""
			authentication.Clients[0].Assertions = []v1alpha1.ClientAssertion{{
				Issuer: clusterIssuer, Subject: "system:serviceaccount:" + e.Namespace + ":provisioner", Reusable: true,
			}}
		})
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: "provisioner"}}
		Expect(direct.Create(ctx, account)).To(Succeed())
		assertion := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{clusterAudience}}}
		Expect(direct.SubResource("token").Create(ctx, account, assertion)).To(Succeed())
		r := startReplica(ctx, t.namespace)
		ask := func() answer {
			GinkgoHelper()
			return askForToken(ctx, r.url+v1alpha1.TokenPath, t.entraRequest(assertion.Status.Token, false))
		}

		By("saying what is missing while the API server's configuration is not for everybody")
		Expect(ask()).To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
		Eventually(func() []v1alpha1.Refusal {
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra"}, endpoint)).To(Succeed())
			return endpoint.Status.Refusals
		}).WithContext(ctx).Should(ContainElement(And(HaveField("Reason", v1alpha1.RefusalIssuerUnavailable),
			HaveField("Remedy", ContainSubstring("--clusterrole system:service-account-issuer-discovery")))))

		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "issuer-discovery-" + t.namespace},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:service-account-issuer-discovery"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
		}
		bindings := kubernetes.NewForConfigOrDie(env.Config).RbacV1().ClusterRoleBindings()
		_, err := bindings.Create(ctx, binding, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(bindings.Delete(ctx, binding.Name, metav1.DeleteOptions{})).To(Succeed())
		})
		var got answer
		Eventually(func() answer {
			got = ask()
			return got
		}).WithContext(ctx).Should(beToken("scim"))
		Expect(scimClient{base: r.url + "/scim/v2", token: got.accessToken()}.do(ctx, "GET", "/Users?count=1", nil)).To(haveStatus(http.StatusOK))
	})
})
