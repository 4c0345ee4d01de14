package scimserver_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

const (
	// entraApp and entraSubject are what Entra's portal shows as audience, without "/.default", and as subject.
	entraApp     = "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16"
	entraSubject = "d2f8ee76-c549-45b8-a143-f5b640669704"
)

// withAssertions lets the tenant's client prove who it is by tokens of an issuer, and has no secrets.
func withAssertions(of *issuer.Issuer, reusable bool) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
	return func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
		authentication := &e.Spec.Authentication
		authentication.JWT = []v1alpha1.JWTAuthenticator{{
			Issuer: v1alpha1.JWTIssuer{URL: of.URL, CertificateAuthority: of.CA, Audiences: []string{entraApp}},
		}}
		authentication.Clients[0].SecretName = ""
		authentication.Clients[0].Assertions = []v1alpha1.ClientAssertion{{Issuer: of.URL, Subject: entraSubject, Reusable: reusable}}
	}
}

// entraAssertion has the claims that Entra's documentation gives, and some that tests change.
func entraAssertion(of *issuer.Issuer, change ...func(map[string]any)) string {
	now := time.Now().Unix()
	claims := map[string]any{
		"aud": entraApp, "iss": of.URL, "iat": now, "nbf": now, "exp": now + 3900,
		"appid": "b5ba7a93-4452-4522-aeb4-a2b5da870c16", "appidacr": "2", "idp": of.URL,
		"oid": "d2f8ee76-c549-45b8-a143-f5b640669704", "sub": entraSubject, "tid": "ce5f061f-abe6-4e40-9615-301f87bcb7f0", "ver": "2.0",
	}
	for _, apply := range change {
		apply(claims)
	}
	return of.Token("RS256", claims)
}

// entraRequest is the body of Entra's request, in its order of parameters and as its documentation spells it in two places.
func (t oauthTenant) entraRequest(assertion string, encoded bool) string {
	kind, scope := "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "scim"
	if encoded {
		kind, scope = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer", "scim.readwrite"
	}
	return "grant_type=client_credentials&client_id=" + t.clientID + "&client_assertion_type=" + kind + "&client_assertion=" + assertion + "&scope=" + scope
}

var _ = Describe("Assertions of clients", func() {
	const path = "/oauth2/token"
	refusals := func(ctx context.Context, t oauthTenant) func() []v1alpha1.Refusal {
		return func() []v1alpha1.Refusal {
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra"}, endpoint)).To(Succeed())
			return endpoint.Status.Refusals
		}
	}

	It("let Entra in by workload identity, as its documentation spells the request", func(ctx SpecContext) {
		of := issuer.New(GinkgoT(), "RS256")
		t := newOAuthTenant(ctx, withAssertions(of, true))
		replicas := []replica{startReplica(ctx, t.namespace), startReplica(ctx, t.namespace)}
		assertion := entraAssertion(of)
		for i, encoded := range []bool{false, true} {
			var got answer
			Eventually(func() answer {
				got = askForToken(ctx, replicas[i].url+path, t.entraRequest(assertion, encoded))
				return got
			}).Should(beToken("scim"))
			Expect(got.Body).To(HaveKeyWithValue("expires_in", BeNumerically("==", 3600)))
			for _, r := range replicas {
				Expect(scimClient{base: r.url + "/scim/v2", token: got.accessToken()}.do(ctx, "GET", "/Users?count=1", nil)).To(haveStatus(200))
			}
			Expect(replicas[i].logs.String()).NotTo(ContainSubstring(assertion))
		}
	})

	It("get an access token once over all replicas, unless they are reusable", func(ctx SpecContext) {
		of := issuer.New(GinkgoT(), "RS256")
		t := newOAuthTenant(ctx, withAssertions(of, false))
		replicas := []replica{startReplica(ctx, t.namespace), startReplica(ctx, t.namespace)}
		for _, r := range replicas {
			Eventually(func() answer {
				return askForToken(ctx, r.url+path, t.entraRequest(entraAssertion(of, nonce("wait")), false))
			}).Should(beToken("scim"))
		}
		assertion := entraAssertion(of, nonce("once"))
		clients := []scimClient{{base: replicas[0].url}, {base: replicas[1].url}}
		answers := race(ctx, clients, 8, func(ctx context.Context, c scimClient, _ int) (answer, error) {
			return tryForToken(ctx, c.base+path, t.entraRequest(assertion, false))
		})
		Expect(statuses(answers)).To(Equal(map[int]int{http.StatusOK: 1, http.StatusUnauthorized: 7}))
		Eventually(refusals(ctx, t)).Should(ContainElement(And(HaveField("Reason", v1alpha1.RefusalAssertionUsed),
			HaveField("Remedy", "spec.authentication.clients[0].assertions[0].reusable: true"))))
		var leases coordinationv1.LeaseList
		Expect(direct.List(ctx, &leases, client.InNamespace(t.namespace), client.MatchingLabels{v1alpha1.LabelAssertion: "entra"})).To(Succeed())
		Expect(leases.Items).To(HaveEach(HaveField("Spec.LeaseDurationSeconds", HaveValue(BeNumerically("~", 3900+300, 60)))))

		By("taking none that would be known as used for longer than a day")
		long := entraAssertion(of, nonce("long"), func(c map[string]any) { c["exp"] = time.Now().Add(48 * time.Hour).Unix() })
		Expect(askForToken(ctx, replicas[0].url+path, t.entraRequest(long, false))).To(beOAuthError(401, "invalid_client"))
		Eventually(refusals(ctx, t)).Should(ContainElement(And(HaveField("Reason", v1alpha1.RefusalClientProof),
			HaveField("Message", ContainSubstring("within a day")))))

		By("taking one several times where the owner says so")
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients[0].Assertions[0].Reusable = true })
		for _, r := range replicas {
			Eventually(func() answer { return askForToken(ctx, r.url+path, t.entraRequest(assertion, false)) }).Should(beToken("scim"))
		}
	})

	It("are refused where they are wrong, and the owner is told why", func(ctx SpecContext) {
		of, other := issuer.New(GinkgoT(), "RS256"), issuer.New(GinkgoT(), "RS256")
		t := newOAuthTenant(ctx, withAssertions(of, true))
		r := startReplica(ctx, t.namespace)
		Eventually(func() answer { return askForToken(ctx, r.url+path, t.entraRequest(entraAssertion(of), false)) }).Should(beToken("scim"))
		set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
		good := entraAssertion(of)
		for name, test := range map[string]string{
			"another subject":         entraAssertion(of, set("sub", "somebody")),
			"the audience as shown":   entraAssertion(of, set("aud", entraApp+"/.default")),
			"one that has expired":    entraAssertion(of, set("exp", time.Now().Add(-time.Hour).Unix())),
			"one of the future":       entraAssertion(of, set("nbf", time.Now().Add(time.Hour).Unix())),
			"another issuer":          entraAssertion(other),
			"another issuer's key":    entraAssertion(other, set("iss", of.URL)),
			"a signature cut off":     good[:len(good)-10],
			"no token":                "x",
			"an access token of ours": askForToken(ctx, r.url+path, t.entraRequest(good, false)).accessToken(),
		} {
			Expect(askForToken(ctx, r.url+path, t.entraRequest(test, false))).To(And(beOAuthError(401, "invalid_client"),
				HaveField("Raw", Not(ContainSubstring(entraSubject)))), name)
		}
		Expect(askForToken(ctx, r.url+path, oauthTenant{clientID: "nobody"}.entraRequest(good, false))).To(beOAuthError(401, "invalid_client"))
		Expect(askForToken(ctx, r.url+path, t.post())).To(beOAuthError(401, "invalid_client"), "a secret, where there are none")
		Eventually(refusals(ctx, t)).WithTimeout(3 * time.Minute).Should(ContainElements(
			HaveField("Reason", v1alpha1.RefusalSubject), HaveField("Reason", v1alpha1.RefusalAudience), HaveField("Reason", v1alpha1.RefusalExpired),
			HaveField("Reason", v1alpha1.RefusalClientProof)))
	})

	It("get access tokens that work, however long their subject is", func(ctx SpecContext) {
		of := issuer.New(GinkgoT(), "RS256")
		subject := strings.Repeat("漢", 1024)
		t := newOAuthTenant(ctx, withAssertions(of, true), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Authentication.Clients[0].Assertions[0].Subject = subject
		})
		r := startReplica(ctx, t.namespace)
		var got answer
		Eventually(func() answer {
			got = askForToken(ctx, r.url+path, t.entraRequest(entraAssertion(of, func(c map[string]any) { c["sub"] = subject }), false))
			return got
		}).Should(beToken("scim"))
		Expect(len(got.accessToken())).To(BeNumerically(">", 4096))
		Expect(scimClient{base: r.url + "/scim/v2", token: got.accessToken()}.do(ctx, "GET", "/Users?count=1", nil)).To(haveStatus(200))
	})

	It("lose their access tokens with the trust in them", func(ctx SpecContext) {
		of := issuer.New(GinkgoT(), "RS256")
		t := newOAuthTenant(ctx, withAssertions(of, true))
		r := startReplica(ctx, t.namespace)
		var got answer
		Eventually(func() answer {
			got = askForToken(ctx, r.url+path, t.entraRequest(entraAssertion(of), false))
			return got
		}).Should(beToken("scim"))
		status := func() int {
			return scimClient{base: r.url + "/scim/v2", token: got.accessToken()}.do(ctx, "GET", "/Users?count=1", nil).Status
		}
		Expect(status()).To(Equal(200))
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients[0].Assertions[0].Subject = "somebody" })
		Eventually(status).Should(Equal(401))
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients[0].Assertions[0].Subject = entraSubject })
		Eventually(status).Should(Equal(200))
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT = nil })
		Eventually(status).Should(Equal(401))
	})

	It("say in ServiceProviderConfig what an endpoint takes", func(ctx SpecContext) {
		of := issuer.New(GinkgoT(), "RS256")
		t := newOAuthTenant(ctx, withAssertions(of, true))
		plain := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, plain, "okta", tokenFor(plain))
		r := startReplica(ctx, "")
		kinds := func(token string) func() string {
			return func() string {
				schemes, _ := scimClient{base: r.url + "/scim/v2", token: token}.do(ctx, "GET", "/ServiceProviderConfig", nil).Body["authenticationSchemes"].([]any)
				text := ""
				for _, scheme := range schemes {
					object, _ := scheme.(map[string]any)
					text += fmt.Sprintln(object["type"])
				}
				return text
			}
		}
		Expect(kinds("")()).To(Equal("oauthbearertoken\noauth2\noauthbearertoken\n"))
		Eventually(kinds(tokenFor(plain))).Should(Equal("oauthbearertoken\n"))
		Eventually(kinds(tokenFor(t.namespace))).Should(Equal("oauthbearertoken\noauth2\n"))
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].Scope = v1alpha1.ScopeRead })
		Eventually(kinds(tokenFor(t.namespace))).Should(Equal("oauthbearertoken\noauth2\noauthbearertoken\n"))
	})
})

// nonce makes an assertion another one.
func nonce(text string) func(map[string]any) {
	return func(claims map[string]any) { claims["nonce"] = text + fmt.Sprint(time.Now().UnixNano()) }
}
