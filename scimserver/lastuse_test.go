package scimserver_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

var _ = Describe("The last use of a token", func() {
	// endpointOf is the endpoint that connect has made, with the tokens that the
	// controllers would tell of.
	endpointOf := func(ctx SpecContext, namespace string, tokens ...v1alpha1.TokenStatus) *v1alpha1.ScimEndpoint {
		GinkgoHelper()
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
		endpoint.Status.TokenSecretName, endpoint.Status.Tokens = "okta-token", tokens
		Expect(direct.Status().Update(ctx, endpoint)).To(Succeed())
		return endpoint
	}
	lastUsed := func(ctx SpecContext, endpoint *v1alpha1.ScimEndpoint, place int) func() time.Time {
		return func() time.Time {
			Expect(direct.Get(ctx, client.ObjectKeyFromObject(endpoint), endpoint)).To(Succeed())
			if at := endpoint.Status.Tokens[place].LastUsedAt; at != nil {
				return at.Time
			}
			return time.Time{}
		}
	}
	statusWrites := func(ctx SpecContext, namespace string) int {
		GinkgoHelper()
		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: namespace})
		Expect(err).NotTo(HaveOccurred())
		count := 0
		for _, write := range writes {
			if write.Resource == "scimendpoints" && write.Verb == "patch" {
				count++
			}
		}
		return count
	}

	It("is in the ScimEndpoint's status, written once for many requests to several replicas", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		second := scimClient{base: startReplica(ctx, namespace).url + "/scim/v2", token: c.token}
		long := v1alpha1.NewTimestamp(time.Now().Add(-time.Hour))
		endpoint := endpointOf(ctx, namespace,
			v1alpha1.TokenStatus{ID: "another", State: v1alpha1.TokenPrevious, LastUsedAt: &long},
			v1alpha1.TokenStatus{ID: v1alpha1.TokenID(c.token), State: v1alpha1.TokenCurrent, LastUsedAt: &long})
		started := time.Now().Truncate(time.Second)
		for range 5 {
			for _, client := range []scimClient{c, second} {
				Expect(client.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusOK))
			}
		}
		Eventually(lastUsed(ctx, endpoint, 1)).Should(BeTemporally(">=", started))
		Expect(endpoint.Status.LastRequestAt.Time).To(BeTemporally("==", endpoint.Status.Tokens[1].LastUsedAt.Time))
		Expect(endpoint.Status.Tokens[0].LastUsedAt.Time).To(BeTemporally("==", long.Time), "the other token is left alone")
		Expect(statusWrites(ctx, namespace)).To(BeNumerically("<=", 2), "one a replica at most, if both write at the same moment")
	})

	It("is not told of for a token that does not work", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		endpoint := endpointOf(ctx, namespace, v1alpha1.TokenStatus{ID: v1alpha1.TokenID("wrong"), State: v1alpha1.TokenCurrent},
			v1alpha1.TokenStatus{ID: v1alpha1.TokenID(c.token), State: v1alpha1.TokenPrevious})
		wrong := scimClient{base: c.base, token: "wrong"}
		Expect(wrong.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusUnauthorized))
		Expect(c.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusOK))
		Eventually(lastUsed(ctx, endpoint, 1)).ShouldNot(BeZero())
		Expect(endpoint.Status.Tokens[0].LastUsedAt).To(BeNil())
	})
})
