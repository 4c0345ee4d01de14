package scimserver_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A client", func() {
	endpointOf := func(ctx SpecContext, namespace string) *v1alpha1.ScimEndpoint {
		GinkgoHelper()
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
		return endpoint
	}
	// started is a client of an endpoint that is made with this change.
	started := func(ctx SpecContext, change func(*v1alpha1.ScimEndpoint)) (scimClient, string) {
		GinkgoHelper()
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) { change(e) })
		return scimClient{base: startReplica(ctx, namespace).url + "/scim/v2", token: tokenFor(namespace)}, namespace
	}

	It("is let in from spec.allowedSources only, and the status says where it came from", func(ctx SpecContext) {
		c, namespace := started(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.AllowedSources = []string{"203.0.113.0/24", "2001:db8::/32"} })
		Expect(c.do(ctx, http.MethodGet, "/Users", nil, "X-Forwarded-For", "203.0.113.7")).To(beError(http.StatusForbidden, ""))
		Eventually(func() []v1alpha1.Refusal { return endpointOf(ctx, namespace).Status.Refusals }).Should(ConsistOf(And(
			HaveField("Reason", v1alpha1.RefusalSourceNotAllowed), HaveField("Source", "127.0.0.1"),
			HaveField("Message", ContainSubstring("127.0.0.1")), HaveField("Remedy", ContainSubstring("spec.allowedSources")))))

		By("letting in where it comes from")
		endpoint := endpointOf(ctx, namespace)
		endpoint.Spec.AllowedSources = append(endpoint.Spec.AllowedSources, "127.0.0.0/8")
		Expect(direct.Update(ctx, endpoint)).To(Succeed())
		endpoint.Status.Tokens = []v1alpha1.TokenStatus{{ID: v1alpha1.TokenID(c.token), State: v1alpha1.TokenCurrent}}
		Expect(direct.Status().Update(ctx, endpoint)).To(Succeed())
		Eventually(func() int { return c.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusOK))
		Eventually(func() string { return endpointOf(ctx, namespace).Status.Tokens[0].LastSource }).Should(Equal("127.0.0.1"))
	})

	It("changes nothing where spec.authentication.tokenScope lets it read", func(ctx SpecContext) {
		c, namespace := started(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.TokenScope = v1alpha1.ScopeRead })
		refused := And(beError(http.StatusForbidden, ""), HaveField("Header",
			HaveKeyWithValue("Www-Authenticate", []string{`Bearer error="insufficient_scope", scope="scim"`})))
		Expect(c.do(ctx, http.MethodPost, "/Users", user("babs@example.com"))).To(refused)
		Expect(c.do(ctx, http.MethodPost, "/Bulk", map[string]any{
			"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"},
			"Operations": []any{map[string]any{
				"method": "POST", "path": "/Users", "bulkId": "1", "data": user("babs@example.com"),
			}},
		})).To(refused)
		Expect(c.do(ctx, http.MethodGet, "/Users", nil)).To(And(haveStatus(http.StatusOK), HaveField("Body", HaveKeyWithValue("totalResults", 0.0))))
		Expect(c.do(ctx, http.MethodPost, "/.search", map[string]any{
			"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"},
		})).To(haveStatus(http.StatusOK))
		Eventually(func() []v1alpha1.Refusal { return endpointOf(ctx, namespace).Status.Refusals }).Should(ContainElement(And(
			HaveField("Reason", v1alpha1.RefusalInsufficientScope), HaveField("Remedy", "spec.authentication.tokenScope: scim"))))
	})
})
