package scimserver_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A refusal", func() {
	refusals := func(ctx SpecContext, namespace, name string) func() []v1alpha1.Refusal {
		return func() []v1alpha1.Refusal {
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, endpoint)).To(Succeed())
			return endpoint.Status.Refusals
		}
	}
	reasons := func(told []v1alpha1.Refusal) map[v1alpha1.RefusalReason]int64 {
		counts := map[v1alpha1.RefusalReason]int64{}
		for _, f := range told {
			counts[f.Reason] += f.Count
		}
		return counts
	}

	It("says to the owner why, and to the client nothing of it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		r := startReplica(ctx, namespace)
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), withPublicURL(r.url+"/scim/v2"))
		right := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
		Eventually(func() int { return right.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusOK))
		const secret = "somebody's password"
		var answers []string
		for _, token := range []string{secret, base64.StdEncoding.EncodeToString([]byte(right.token)), secret} {
			got := scimClient{base: right.base, token: token}.do(ctx, http.MethodGet, "/Users", nil)
			Expect(got).To(haveStatus(http.StatusUnauthorized))
			Expect(got.Header.Get("WWW-Authenticate")).To(Equal(`Bearer realm="SCIM", error="invalid_token"`))
			answers = append(answers, fmt.Sprint(got.Body))
		}
		Expect(answers).To(HaveEach(Equal(answers[0])), "the client learns nothing from a difference")
		// A replica writes once a minute, so what came after the first look waits.
		Eventually(refusals(ctx, namespace, "okta")).ShouldNot(BeEmpty())
		told := refusals(ctx, namespace, "okta")()
		Expect(fmt.Sprint(told)).NotTo(Or(ContainSubstring(secret), ContainSubstring(right.token)))
		for _, f := range told {
			Expect(f.Message).NotTo(BeEmpty())
			Expect(f.Remedy).NotTo(BeEmpty())
			if f.Reason == v1alpha1.RefusalUnknownToken { // a command as it stands
				Expect(f.Remedy).To(HaveSuffix(": kubectl -n " + namespace + " get secret okta-token -o jsonpath='{.data.token}' | base64 -d"))
			}
			Expect(f.Source).To(Equal("127.0.0.1"))
			Expect(f.LastAt.Time).To(BeTemporally(">=", f.FirstAt.Time))
		}
		Expect(reasons(told)).To(Or(HaveKey(v1alpha1.RefusalUnknownToken), HaveKey(v1alpha1.RefusalEncodedToken)))
	})

	It("is told to nobody where several endpoints share the host, unless the token says whose it is", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		r := startReplica(ctx, "")
		for _, n := range []string{namespace, other} {
			newEndpoint(ctx, n, "okta", tokenFor(n), withPublicURL(r.url+"/scim/v2"))
			Eventually(func() int {
				return scimClient{base: r.url + "/scim/v2", token: tokenFor(n)}.do(ctx, http.MethodGet, "/Users", nil).Status
			}).Should(Equal(http.StatusOK))
		}
		for _, token := range []string{strings.Repeat("x", 40), base64.StdEncoding.EncodeToString([]byte(tokenFor(namespace)))} {
			Expect(scimClient{base: r.url + "/scim/v2", token: token}.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusUnauthorized))
		}
		Eventually(func() map[v1alpha1.RefusalReason]int64 { return reasons(refusals(ctx, namespace, "okta")()) }).Should(
			HaveKeyWithValue(v1alpha1.RefusalEncodedToken, int64(1)))
		// Before both were known, the first one may have been told of a token that was not known yet.
		for _, n := range []string{namespace, other} {
			Expect(fmt.Sprint(refusals(ctx, n, "okta")())).NotTo(ContainSubstring("a text of 40 characters"))
		}
	})
})
