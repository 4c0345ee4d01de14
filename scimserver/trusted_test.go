package scimserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

// trusting lets bearers of an issuer's tokens in.
func trusting(of *issuer.Issuer, audiences ...string) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
	return func(endpoint *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
		element := v1alpha1.JWTAuthenticator{
			Issuer: v1alpha1.JWTIssuer{URL: of.URL, CertificateAuthority: of.CA, Audiences: audiences}, Scope: v1alpha1.ScopeAll,
		}
		if len(audiences) > 1 {
			element.Issuer.AudienceMatchPolicy = v1alpha1.AudienceMatchAny
		}
		endpoint.Spec.Authentication.JWT = append(endpoint.Spec.Authentication.JWT, element)
	}
}

// wrongToken is a token that is not let in.
type wrongToken struct {
	// endpoint is changed before it is made.
	endpoint func(*v1alpha1.ScimEndpoint)
	// token makes it; audience is what the endpoint takes.
	token  func(of *issuer.Issuer, audience string) string
	reason v1alpha1.RefusalReason
	// remedy is a part of what the owner is told to do.
	remedy string
}

// claim is a token in which one claim is another one; nil takes it away.
func claim(name string, value any) func(*issuer.Issuer, string) string {
	return func(of *issuer.Issuer, audience string) string {
		claims := of.Claims(audience, "client")
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return of.Token("ES256", claims)
	}
}

func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// wrongTokens are by what is wrong with each.
func wrongTokens() map[string]wrongToken {
	good := func(of *issuer.Issuer, audience string) string {
		return of.Token("ES256", of.Claims(audience, "client"))
	}
	element := func(change func(*v1alpha1.JWTAuthenticator)) func(*v1alpha1.ScimEndpoint) {
		return func(e *v1alpha1.ScimEndpoint) { change(&e.Spec.Authentication.JWT[0]) }
	}
	wrong := map[string]wrongToken{
		"iss of nobody":           {token: claim("iss", "https://evil.example"), reason: v1alpha1.RefusalUntrustedIssuer, remedy: `spec.authentication.jwt: [..., {issuer: {url: <`},
		"iss missing":             {token: claim("iss", nil), reason: v1alpha1.RefusalUntrustedIssuer, remedy: "spec.authentication.jwt: [..."},
		"iss as a number":         {token: claim("iss", 7), reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"iss with a slash":        {token: func(of *issuer.Issuer, a string) string { return claim("iss", of.URL+"/")(of, a) }, reason: v1alpha1.RefusalUntrustedIssuer, remedy: "spec.authentication.jwt[0].issuer.url: "},
		"iss in other letters":    {token: func(of *issuer.Issuer, a string) string { return claim("iss", strings.ToUpper(of.URL))(of, a) }, reason: v1alpha1.RefusalUntrustedIssuer, remedy: "spec.authentication.jwt[0].issuer.url: "},
		"aud of another tenant":   {token: claim("aud", "api://other"), reason: v1alpha1.RefusalAudience, remedy: `"api://other"]`},
		"aud missing":             {token: claim("aud", nil), reason: v1alpha1.RefusalAudience, remedy: "spec.authentication.jwt[0].issuer.audiences: ["},
		"aud empty":               {token: claim("aud", []string{}), reason: v1alpha1.RefusalAudience, remedy: "spec.authentication.jwt[0].issuer.audiences: ["},
		"aud a list of others":    {token: claim("aud", []string{"a", "b"}), reason: v1alpha1.RefusalAudience, remedy: `"a"]`},
		"aud a part of ours":      {token: func(of *issuer.Issuer, a string) string { return claim("aud", a[:len(a)-1])(of, a) }, reason: v1alpha1.RefusalAudience, remedy: "audiences"},
		"aud in a list in a list": {token: func(of *issuer.Issuer, a string) string { return claim("aud", []any{[]string{a}})(of, a) }, reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"aud in other letters": {token: func(of *issuer.Issuer, a string) string {
			claims := of.Claims("api://other", "client")
			claims["Aud"] = a
			return of.Token("ES256", claims)
		}, reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"sub missing":    {token: claim("sub", nil), reason: v1alpha1.RefusalClaims, remedy: "claimMappings.username: {claim: sub}"},
		"exp missing":    {token: claim("exp", nil), reason: v1alpha1.RefusalExpired, remedy: "put exp into"},
		"exp past":       {token: claim("exp", in(-time.Second)), reason: v1alpha1.RefusalExpired, remedy: "a new token"},
		"exp as a text":  {token: claim("exp", "9999999999"), reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"nbf ahead":      {token: claim("nbf", in(time.Hour)), reason: v1alpha1.RefusalNotYetValid, remedy: "clocks"},
		"iat ahead":      {token: claim("iat", in(time.Hour)), reason: v1alpha1.RefusalNotYetValid, remedy: "clocks"},
		"algorithm none": {token: func(of *issuer.Issuer, a string) string { return issuer.Unsigned(of.Claims(a, "client")) }, reason: v1alpha1.RefusalAlgorithm, remedy: "sign with one of them"},
		"HMAC":           {token: func(of *issuer.Issuer, a string) string { return of.Key("ES256").HMAC(of.Claims(a, "client")) }, reason: v1alpha1.RefusalAlgorithm, remedy: "sign with one of them"},
		"another's key": {token: func(of *issuer.Issuer, a string) string {
			return issuer.NewKey("ES256", "ES256").Sign(of.Claims(a, "client"))
		}, reason: v1alpha1.RefusalSignature, remedy: "issuer.discoveryURL"},
		"unknown key id": {token: func(of *issuer.Issuer, a string) string {
			return issuer.NewKey("new", "ES256").Sign(of.Claims(a, "client"))
		}, reason: v1alpha1.RefusalUnknownKey, remedy: "issuer.discoveryURL"},
		"key of another curve": {token: func(of *issuer.Issuer, a string) string {
			return issuer.NewKey("ES256", "ES384").Sign(of.Claims(a, "client"))
		}, reason: v1alpha1.RefusalUnknownKey, remedy: "issuer.discoveryURL"},
		"no signature": {token: func(of *issuer.Issuer, a string) string { t := good(of, a); return t[:strings.LastIndex(t, ".")+1] }, reason: v1alpha1.RefusalSignature, remedy: "issuer.discoveryURL"},
		"another payload": {token: func(of *issuer.Issuer, a string) string {
			signed, other := strings.Split(good(of, a), "."), strings.Split(of.Token("ES256", of.Claims(a, "admin")), ".")
			return signed[0] + "." + other[1] + "." + signed[2]
		}, reason: v1alpha1.RefusalSignature, remedy: "issuer.discoveryURL"},
		"a key in the header": {token: func(of *issuer.Issuer, a string) string {
			return issuer.NewKey("ES256", "ES256").SignWith(map[string]any{"alg": "ES256", "kid": "ES256", "jku": "https://evil.example/keys"}, of.Claims(a, "client"))
		}, reason: v1alpha1.RefusalSignature, remedy: "issuer.discoveryURL"},
		"too large":      {token: func(of *issuer.Issuer, a string) string { return claim("x", strings.Repeat("x", 16<<10))(of, a) }, reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"too many parts": {token: func(of *issuer.Issuer, a string) string { return good(of, a) + ".x.y" }, reason: v1alpha1.RefusalMalformedToken, remedy: "as the issuer made it"},
		"the keys rotated": {token: func(of *issuer.Issuer, a string) string {
			gone := good(of, a)
			of.Remove("ES256")
			of.Add(issuer.NewKey("second", "ES256"))
			return gone
		}, reason: v1alpha1.RefusalUnknownKey, remedy: "issuer.discoveryURL"},
		"the issuer away":              {token: func(of *issuer.Issuer, a string) string { of.Serve(issuer.Away); return good(of, a) }, reason: v1alpha1.RefusalIssuerUnavailable, remedy: "issuer.discoveryURL"},
		"an endless key set":           {token: func(of *issuer.Issuer, a string) string { of.Serve(issuer.Endless); return good(of, a) }, reason: v1alpha1.RefusalIssuerUnavailable, remedy: "publish less"},
		"another issuer's certificate": {endpoint: element(func(e *v1alpha1.JWTAuthenticator) { e.Issuer.CertificateAuthority = "" }), token: good, reason: v1alpha1.RefusalIssuerUnavailable, remedy: "issuer.certificateAuthority"},
		"an issuer that is not public": {endpoint: element(func(e *v1alpha1.JWTAuthenticator) {
			e.Issuer.URL = strings.Replace(e.Issuer.URL, "127.0.0.1", "127.0.0.2", 1)
		}), token: func(of *issuer.Issuer, a string) string {
			return claim("iss", strings.Replace(of.URL, "127.0.0.1", "127.0.0.2", 1))(of, a)
		}, reason: v1alpha1.RefusalIssuerUnavailable, remedy: "--private-issuers=127.0.0.2"},
		"a rule that is false": {endpoint: element(func(e *v1alpha1.JWTAuthenticator) {
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Claim: "sub", RequiredValue: "other"}}
		}), token: good, reason: v1alpha1.RefusalClaims, remedy: `spec.authentication.jwt[0].claimValidationRules[0].requiredValue: "client"`},
		"an expression that does not compile": {endpoint: element(func(e *v1alpha1.JWTAuthenticator) {
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Expression: "claims.sub ="}}
		}), token: good, reason: v1alpha1.RefusalIssuerInvalid, remedy: "spec.authentication.jwt[0].claimValidationRules[0].expression"},
		"an assertion": {endpoint: element(func(e *v1alpha1.JWTAuthenticator) { e.Scope = "" }), token: good, reason: v1alpha1.RefusalBearer, remedy: "spec.authentication.jwt[0].scope: scim"},
	}
	return wrong
}

// sendTo sends a request with a token to a host that the server has.
func sendTo(ctx context.Context, address, host, token, method, path string) (status int, challenge, body string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, address+"/scim/v2"+path, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	request.Host = host
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer.StatusCode, answer.Header.Get("WWW-Authenticate"), string(data)
}

var _ = Describe("A token of a trusted issuer", func() {
	It("lets its bearer in, with the scope of the endpoint, for pages that go on with the next token", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		of := issuer.New(GinkgoT(), "RS256", "ES256")
		r := startReplica(ctx, namespace)
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), trusting(of, namespace, "second-"+namespace), withPublicURL(r.url+"/scim/v2"))
		static := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
		Eventually(func() int { return static.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusOK))
		stranger := scimClient{base: r.url + "/scim/v2", token: strings.Repeat("x", 40)}
		Expect(stranger.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusUnauthorized))
		Eventually(func(g Gomega) {
			endpoint := &v1alpha1.ScimEndpoint{}
			g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
			g.Expect(endpoint.Status.Refusals).To(ContainElement(HaveField("Reason", v1alpha1.RefusalUnknownToken)))
		}).Should(Succeed(), "where the operator works in the namespaces that it is told")
		c := scimClient{base: r.url + "/scim/v2", token: of.Token("RS256", of.Claims(namespace, "client"))}
		Expect(c.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusOK))
		for n := range 3 {
			Expect(c.do(ctx, http.MethodPost, "/Users", map[string]any{"userName": fmt.Sprint("user-", n)})).To(haveStatus(http.StatusCreated))
		}
		page := c.do(ctx, http.MethodGet, "/Users?cursor&count=2", nil)
		Expect(page).To(haveStatus(http.StatusOK))
		c.token = of.Token("ES256", of.Claims("second-"+namespace, "client"))
		Expect(c.do(ctx, http.MethodGet, "/Users?count=2&cursor="+page.Body["nextCursor"].(string), nil)).To(haveStatus(http.StatusOK))
		audits := r.logs.lines("Audit")
		Expect(audits).To(HaveLen(3))
		Expect(audits[0]["tokenID"]).To(HavePrefix("issuer/"))
		Expect(r.logs.String()).NotTo(ContainSubstring("eyJ"))

		By("reading only")
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
		before := endpoint.DeepCopy()
		endpoint.Spec.Authentication.JWT[0].Scope = v1alpha1.ScopeRead
		Expect(direct.Patch(ctx, endpoint, client.MergeFrom(before))).To(Succeed())
		Eventually(func() int { return c.do(ctx, http.MethodPost, "/Users", map[string]any{}).Status }).Should(Equal(http.StatusForbidden))
		Expect(c.do(ctx, http.MethodGet, "/Users", nil)).To(haveStatus(http.StatusOK))

		By("no longer than the endpoint says so, though the token was verified before")
		before = endpoint.DeepCopy()
		endpoint.Spec.Authentication.JWT[0].Issuer.Audiences = []string{namespace}
		Expect(direct.Patch(ctx, endpoint, client.MergeFrom(before))).To(Succeed())
		Eventually(func() int { return c.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusUnauthorized))
	})

	It("is limited in rate together with those of the issuer's other subjects", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		of := issuer.New(GinkgoT(), "ES256")
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), trusting(of, namespace), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Limits = v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(1)), Burst: new(int32(1))}
		})
		r := startReplica(ctx, namespace)
		subjects := 0
		Eventually(func() int {
			subjects++
			c := scimClient{base: r.url + "/scim/v2", token: of.Token("ES256", of.Claims(namespace, fmt.Sprint("client-", subjects)))}
			return c.do(ctx, http.MethodGet, "/Users", nil).Status
		}).Should(Equal(http.StatusTooManyRequests))
	})

	It("is nobody's as soon as a second endpoint would take it, in whatever namespace", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		of := issuer.New(GinkgoT(), "ES256")
		r := startReplica(ctx, "")
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), trusting(of, namespace))
		c := scimClient{base: r.url + "/scim/v2", token: of.Token("ES256", of.Claims(namespace, "client"))}
		Eventually(func() int { return c.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusOK))
		newEndpoint(ctx, other, "okta", tokenFor(other), trusting(of, namespace))
		Eventually(func() int { return c.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusUnauthorized))
		for _, n := range []string{namespace, other} {
			Eventually(func(g Gomega) {
				endpoint := &v1alpha1.ScimEndpoint{}
				g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: n, Name: "okta"}, endpoint)).To(Succeed())
				g.Expect(endpoint.Status.Refusals).To(ContainElement(HaveField("Reason", v1alpha1.RefusalAmbiguous)))
				g.Expect(fmt.Sprint(endpoint.Status.Refusals)).NotTo(ContainSubstring(map[string]string{namespace: other, other: "in " + namespace}[n]))
			}).Should(Succeed())
		}
		Expect(direct.Delete(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "okta"}})).To(Succeed())
		Eventually(func() int { return c.do(ctx, http.MethodGet, "/Users", nil).Status }).Should(Equal(http.StatusOK))
	})

	It("is not accepted with anything wrong in it, and the owner reads what would mend it", func(ctx SpecContext) {
		r := startReplica(ctx, "")
		wrong := wrongTokens()
		namespaces := map[string]string{}
		var bodies []string
		for name, w := range wrong {
			By(name)
			namespace := env.Namespace(ctx, GinkgoT())
			namespaces[name] = namespace
			of := issuer.New(GinkgoT(), "ES256")
			audience := "api://" + namespace
			host := namespace + ".example"
			token := w.token(of, audience)
			newEndpoint(ctx, namespace, "okta", tokenFor(namespace), trusting(of, audience), withPublicURL("https://"+host+"/scim/v2"), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
				if w.endpoint != nil {
					w.endpoint(e)
				}
			})
			Eventually(func() int {
				status, _, _ := sendTo(ctx, r.url, host, tokenFor(namespace), http.MethodGet, "/Users?count=1")
				return status
			}).Should(Equal(http.StatusOK))
			status, challenge, body := sendTo(ctx, r.url, host, token, http.MethodGet, "/Users")
			Expect(status).To(Equal(http.StatusUnauthorized), name)
			Expect(challenge).To(Equal(`Bearer realm="SCIM", error="invalid_token"`), name)
			bodies = append(bodies, body)
		}
		Expect(len(wrong)).To(BeNumerically(">=", 30))
		Expect(bodies).To(HaveEach(Equal(bodies[0])), "the client learns nothing from a difference")
		// Of an endpoint that was told before that its token is not known yet, the next thing is told a minute later.
		for name := range maps.Keys(wrong) {
			By("the trace of " + name)
			Eventually(func(g Gomega) {
				endpoint := &v1alpha1.ScimEndpoint{}
				g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespaces[name], Name: "okta"}, endpoint)).To(Succeed())
				told, err := json.Marshal(endpoint.Status.Refusals)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(endpoint.Status.Refusals).To(ContainElement(SatisfyAll(
					HaveField("Reason", wrong[name].reason), HaveField("Remedy", ContainSubstring(wrong[name].remedy)), HaveField("Message", Not(BeEmpty())),
				)), "%s: %s", name, told)
				g.Expect(string(told)).NotTo(ContainSubstring("eyJ"), name)
			}).Should(Succeed())
		}
	})
})
