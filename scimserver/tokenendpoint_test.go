package scimserver_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// beOAuthError matches an error of RFC 6749 section 5.2.
func beOAuthError(status int, code string) types.GomegaMatcher {
	return And(haveStatus(status), HaveField("Body", HaveKeyWithValue("error", code)),
		HaveField("Header", HaveKeyWithValue("Cache-Control", []string{"no-store"})))
}

// beToken matches an answer with an access token.
func beToken(scope string) types.GomegaMatcher {
	return And(haveStatus(http.StatusOK), HaveField("Body", And(
		HaveKeyWithValue("access_token", MatchRegexp(`^[\w-]+\.[\w-]+\.[\w-]+$`)), HaveKeyWithValue("token_type", "Bearer"),
		HaveKeyWithValue("scope", scope), HaveKey("expires_in"), HaveLen(4),
	)), HaveField("Header", And(
		HaveKeyWithValue("Cache-Control", []string{"no-store"}), HaveKeyWithValue("Pragma", []string{"no-cache"}),
		HaveKeyWithValue("Content-Type", []string{"application/json"}),
	)))
}

var _ = Describe("The token endpoint", func() {
	// status is what a request with the token is answered with.
	status := func(ctx SpecContext, r replica, token string) func() int {
		return func() int {
			return scimClient{base: r.url + "/scim/v2", token: token}.do(ctx, "GET", "/Users?count=1", nil).Status
		}
	}

	It("gives a client an access token for its secret, at each of its addresses", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		for _, path := range []string{"/oauth2/token", "/scim/oauth2/token", "/scim/v2/oauth2/token", "/oauth2/token/"} {
			posted := askForToken(ctx, r.url+path, t.post("scope", "scim"))
			Expect(posted).To(beToken("scim"), path)
			Expect(posted.Body).To(HaveKeyWithValue("expires_in", BeNumerically("==", 3600)))
			Expect(status(ctx, r, posted.accessToken())()).To(Equal(200), path)
		}
		By("taking the secret from the Authorization header")
		basic := askForToken(ctx, r.url+"/oauth2/token", form("grant_type", "client_credentials"), "Authorization", t.basic(t.clientID, t.secret))
		Expect(basic).To(beToken("scim"))
		Expect(status(ctx, r, basic.accessToken())()).To(Equal(200))
		Expect(r.logs.String()).NotTo(Or(ContainSubstring(t.secret), ContainSubstring(basic.accessToken())))
	})

	It("decodes what RFC 6749 has a client encode before base64", func(ctx SpecContext) {
		const id = "api://client+of:everything%2F"
		t := newOAuthTenant(ctx, func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) { e.Spec.Authentication.Clients[0].ClientID = id })
		r := startReplica(ctx, t.namespace)
		Eventually(func() answer {
			return askForToken(ctx, r.url+"/oauth2/token", form("grant_type", "client_credentials"), "Authorization", t.basic(id, t.secret))
		}).Should(beToken("scim"))
	})

	It("refuses what is wrong with a request by the code of RFC 6749, and tells no client from none", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		address := r.url + "/oauth2/token"
		const grant = "grant_type=client_credentials"
		for name, test := range map[string]struct {
			body   string
			header []string
			status int
			code   string
		}{
			"a wrong secret":                     {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_secret", "scimcs_wrong"), status: 401, code: "invalid_client"},
			"an unknown client":                  {body: form("grant_type", "client_credentials", "client_id", "nobody", "client_secret", t.secret), status: 401, code: "invalid_client"},
			"no proof":                           {body: form("grant_type", "client_credentials", "client_id", t.clientID), status: 401, code: "invalid_client"},
			"an empty secret":                    {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_secret", ""), status: 401, code: "invalid_client"},
			"no client":                          {body: grant, status: 401, code: "invalid_client"},
			"the hash of the secret":             {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_secret", credentials.HashOf(t.secret)), status: 401, code: "invalid_client"},
			"a wrong secret in the header":       {body: grant, header: []string{"Authorization", t.basic(t.clientID, "wrong")}, status: 401, code: "invalid_client"},
			"an unknown client in the header":    {body: grant, header: []string{"Authorization", t.basic("nobody", t.secret)}, status: 401, code: "invalid_client"},
			"another scheme":                     {body: grant, header: []string{"Authorization", "Bearer " + t.secret}, status: 401, code: "invalid_client"},
			"another client in header and body":  {body: grant + "&client_id=other", header: []string{"Authorization", t.basic(t.clientID, t.secret)}, status: 401, code: "invalid_client"},
			"two ways at once":                   {body: t.post(), header: []string{"Authorization", t.basic(t.clientID, t.secret)}, status: 400, code: "invalid_request"},
			"no grant type":                      {body: form("client_id", t.clientID, "client_secret", t.secret), status: 400, code: "invalid_request"},
			"another grant type":                 {body: form("grant_type", "password", "client_id", t.clientID, "client_secret", t.secret), status: 400, code: "unsupported_grant_type"},
			"a parameter twice":                  {body: t.post("client_id", "other"), status: 400, code: "invalid_request"},
			"what cannot be decoded":             {body: "grant_type=%zz", status: 400, code: "invalid_request"},
			"an assertion without its type":      {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_assertion", "a.b.c"), status: 400, code: "invalid_request"},
			"an assertion of another type":       {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_assertion", "a.b.c", "client_assertion_type", "saml"), status: 400, code: "invalid_request"},
			"an assertion, where there are none": {body: form("grant_type", "client_credentials", "client_id", t.clientID, "client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), status: 401, code: "invalid_client"},
			"JSON":                               {body: "{}", header: []string{"Content-Type", "application/json"}, status: 400, code: "invalid_request"},
			"a body without end":                 {body: t.post("more", strings.Repeat("x", 40<<10)), status: 413, code: "invalid_request"},
		} {
			got := askForToken(ctx, address, test.body, test.header...)
			Expect(got).To(beOAuthError(test.status, test.code), name)
			if test.status == 401 {
				Expect(got.Body).To(HaveKeyWithValue("error_description", ContainSubstring("did not prove who it is")), name)
			}
			challenge := got.Header.Get("WWW-Authenticate")
			if test.status == 401 && len(test.header) > 0 {
				Expect(challenge).To(Equal(`Basic realm="SCIM"`), name)
			} else {
				Expect(challenge).To(BeEmpty(), name)
			}
		}
		By("taking no parameters from the address")
		Expect(askForToken(ctx, address+"?"+t.post(), grant)).To(beOAuthError(401, "invalid_client"))
		By("having no other methods")
		w, err := http.Get(r.url + "/oauth2/token")
		Expect(err).NotTo(HaveOccurred())
		Expect(w.Body.Close()).To(Succeed())
		Expect(w.StatusCode).To(Equal(405))
		Expect(w.Header.Get("Allow")).To(Equal("POST"))
	})

	It("grants no more than a client may have, and says what it has granted", func(ctx SpecContext) {
		t := newOAuthTenant(ctx, func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			clients := &e.Spec.Authentication.Clients
			*clients = append(*clients, v1alpha1.OAuthClient{ClientID: (*clients)[0].ClientID + "-reader", SecretName: "entra-client", Scope: v1alpha1.ScopeRead})
		})
		reader := t
		reader.clientID += "-reader"
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		for _, test := range []struct {
			from         oauthTenant
			asked, given string
		}{
			{t, "scim", "scim"}, {t, "scim.read", "scim.read"}, {t, "scim.readwrite", "scim"}, {t, "", "scim"}, {t, "openid scim.read scim", "scim"},
			{reader, "scim", "scim.read"}, {reader, "", "scim.read"}, {reader, "scim.read", "scim.read"}, {reader, "scim.readwrite", "scim.read"},
		} {
			Expect(askForToken(ctx, r.url+"/oauth2/token", test.from.post("scope", test.asked))).To(beToken(test.given), "%s", test.asked)
		}
	})

	It("gives tokens that end when they say, or with the secret", func(ctx SpecContext) {
		t := newOAuthTenant(ctx, func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Authentication.AccessTokenSeconds = new(int32(21600))
		})
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		Expect(askForToken(ctx, r.url+"/oauth2/token", t.post()).Body).To(HaveKeyWithValue("expires_in", BeNumerically("==", 21600)))
		t.change(ctx, "entra-client", func(s *corev1.Secret) {
			s.Data["first.expires"] = []byte(time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + "\n")
		})
		Eventually(func() any { return askForToken(ctx, r.url+"/oauth2/token", t.post()).Body["expires_in"] }).
			Should(And(BeNumerically(">", 0), BeNumerically("<=", 3600)))
	})

	It("ends an access token with its secret, its client, its endpoint's keys", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		token := t.knownBy(ctx, r)
		Expect(status(ctx, r, token)()).To(Equal(200))

		By("taking the secret away, and bringing it back")
		t.change(ctx, "entra-client", func(s *corev1.Secret) { delete(s.Data, "first") })
		Eventually(status(ctx, r, token)).Should(Equal(401))
		Expect(askForToken(ctx, r.url+"/oauth2/token", t.post())).To(beOAuthError(401, "invalid_client"))
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Data["first"] = []byte(credentials.HashOf(t.secret)) })
		Eventually(status(ctx, r, token)).Should(Equal(200))

		By("putting another one in its place")
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Data["first"] = []byte(credentials.HashOf("scimcs_other")) })
		Eventually(status(ctx, r, token)).Should(Equal(401))
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Data["first"] = []byte(credentials.HashOf(t.secret)) })
		Eventually(status(ctx, r, token)).Should(Equal(200))

		By("letting it end, by itself and by what is no end")
		for _, end := range []string{time.Now().Add(-time.Second).UTC().Format(time.RFC3339), "2040-01-01T00:00:00Z", "tomorrow", ""} {
			t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Data["first.expires"] = []byte(end) })
			Eventually(status(ctx, r, token)).Should(Equal(401), end)
			Expect(askForToken(ctx, r.url+"/oauth2/token", t.post())).To(beOAuthError(401, "invalid_client"), end)
			t.change(ctx, "entra-client", func(s *corev1.Secret) {
				s.Data["first.expires"] = []byte(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
			})
			Eventually(status(ctx, r, token)).Should(Equal(200), end)
		}

		By("taking the label off the Secret of the client")
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Labels = nil })
		Eventually(status(ctx, r, token)).Should(Equal(401))
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Labels = map[string]string{v1alpha1.LabelEndpoint: "entra"} })
		Eventually(status(ctx, r, token)).Should(Equal(200))

		By("taking the client away")
		var clients []v1alpha1.OAuthClient
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) {
			clients, e.Spec.Authentication.Clients = e.Spec.Authentication.Clients, nil
		})
		Eventually(status(ctx, r, token)).Should(Equal(401))
		t.changeEndpoint(ctx, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients = clients })
		Eventually(status(ctx, r, token)).Should(Equal(200))

		By("deleting the signing keys")
		Expect(direct.Delete(ctx, t.labelled("entra-signing-keys"))).To(Succeed())
		Eventually(status(ctx, r, token)).Should(Equal(401))
		unready := askForToken(ctx, r.url+"/oauth2/token", t.post())
		Expect(unready).To(beOAuthError(503, "temporarily_unavailable"))
		Expect(unready.Header.Get("Retry-After")).To(Equal("5"))
		Eventually(func(g Gomega) {
			endpoint := &v1alpha1.ScimEndpoint{}
			g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra"}, endpoint)).To(Succeed())
			g.Expect(endpoint.Status.Refusals).To(ContainElement(And(HaveField("Reason", v1alpha1.RefusalAccessTokenRevoked),
				HaveField("Message", ContainSubstring("entra-signing-keys")), HaveField("Remedy", Not(ContainSubstring("issuer:"))))))
		}).Should(Succeed())
	})

	It("gives nobody a token whose id and secret two endpoints have, and each its own where the secrets differ", func(ctx SpecContext) {
		mine := newOAuthTenant(ctx)
		theirs := newOAuthTenant(ctx, func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Authentication.Clients[0].ClientID = mine.clientID
		})
		theirs.clientID = mine.clientID
		r := startReplica(ctx, "")
		token := mine.knownBy(ctx, r)
		theirs.knownBy(ctx, r)
		id := scimClient{base: r.url + "/scim/v2", token: token}.create(ctx, "/Users", user("babs@example.com"))
		other := scimClient{base: r.url + "/scim/v2", token: theirs.knownBy(ctx, r)}
		Expect(other.do(ctx, "GET", "/Users/"+id, nil)).To(beError(404, ""))

		theirs.change(ctx, "entra-client", func(s *corev1.Secret) { s.Data["first"] = []byte(credentials.HashOf(mine.secret)) })
		Eventually(func() answer { return askForToken(ctx, r.url+"/oauth2/token", mine.post()) }).Should(beOAuthError(401, "invalid_client"))
		Expect(status(ctx, r, token)()).To(Equal(200), "a token says which endpoint it is for")
	})

	It("takes no token of a key that another namespace has copied", func(ctx SpecContext) {
		t, thief := newOAuthTenant(ctx), newOAuthTenant(ctx)
		r := startReplica(ctx, "")
		token := t.knownBy(ctx, r)
		id := scimClient{base: r.url + "/scim/v2", token: token}.create(ctx, "/Users", user("babs@example.com"))
		thief.knownBy(ctx, r)
		secret := &corev1.Secret{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "entra-signing-keys"}, secret)).To(Succeed())
		thief.change(ctx, "entra-signing-keys", func(s *corev1.Secret) { s.Data = secret.Data })
		Consistently(func() answer {
			return scimClient{base: r.url + "/scim/v2", token: token}.do(ctx, "GET", "/Users/"+id, nil)
		}).
			WithTimeout(time.Second).Should(haveStatus(200))
		Expect(direct.Delete(ctx, secret)).To(Succeed())
		Eventually(status(ctx, r, token)).Should(Equal(401))
	})

	It("says where it is (RFC 8414)", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		for path, base := range map[string]string{
			"/.well-known/oauth-authorization-server":         "",
			"/.well-known/oauth-authorization-server/scim":    "/scim",
			"/.well-known/oauth-authorization-server/scim/v2": "/scim/v2",
			"/scim/v2/.well-known/oauth-authorization-server": "/scim/v2",
		} {
			w, err := http.Get(r.url + path)
			Expect(err).NotTo(HaveOccurred())
			got := decoded(w)
			Expect(got).To(And(HaveKeyWithValue("issuer", r.url+base), HaveKeyWithValue("token_endpoint", r.url+base+"/oauth2/token"),
				HaveKeyWithValue("grant_types_supported", []any{"client_credentials"}), HaveKeyWithValue("response_types_supported", []any{}),
				HaveKeyWithValue("scopes_supported", []any{"scim", "scim.read"})), path)
		}
	})

	It("serves two replicas through a rotation of keys and secrets without a failed request", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		replicas := []replica{startReplica(ctx, t.namespace), startReplica(ctx, t.namespace)}
		t.knownBy(ctx, replicas[1])
		first := t.knownBy(ctx, replicas[0])
		Expect(status(ctx, replicas[1], first)()).To(Equal(200), "a token of one replica works on the other at once")

		// Clients that never stop: each asks one replica for a token and uses it on the other one.
		run, stop := context.WithCancel(ctx)
		var requests, secret atomic.Value
		secret.Store(t.secret)
		requests.Store(0)
		failures, done := make(chan string, 100), make(chan struct{})
		go func() {
			defer close(done)
			defer GinkgoRecover()
			for i := 0; run.Err() == nil; i++ {
				now := t
				now.secret, _ = secret.Load().(string)
				got, err := tryForToken(run, replicas[i%2].url+"/oauth2/token", now.post())
				if run.Err() != nil {
					return
				}
				if err == nil && got.Status == 429 {
					continue // this client asks without end
				}
				if err != nil || got.Status != 200 {
					failures <- got.Raw
					return
				}
				for _, token := range []string{got.accessToken(), first} {
					answered, err := scimClient{base: replicas[1-i%2].url + "/scim/v2", token: token}.try(run, "GET", "/Users?count=1", nil)
					if run.Err() == nil && (err != nil || answered.Status != 200) {
						failures <- answered.Raw
						return
					}
				}
				requests.Store(i)
			}
		}()
		progress := func() {
			GinkgoHelper()
			before, _ := requests.Load().(int)
			Eventually(requests.Load).Should(Or(BeNumerically(">", before+20), Satisfy(func(any) bool { return len(failures) > 0 })))
			Expect(failures).NotTo(Receive())
		}
		progress()
		By("rotating the signing key")
		now := time.Now().Add(credentials.SigningKeyLifetime)
		t.change(ctx, "entra-signing-keys", func(s *corev1.Secret) {
			before := string(s.Data[v1alpha1.SecretKeySigningKey])
			_, err := credentials.SigningSecret{Secret: s}.BringUpToDate(now)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(s.Data[v1alpha1.SecretKeyPreviousSigningKey])).To(Equal(before))
		})
		progress()
		By("adding a client secret, then using it, then removing the first one")
		next := credentials.NewClientSecret()
		t.change(ctx, "entra-client", func(s *corev1.Secret) {
			s.Data["second"] = []byte(credentials.HashOf(next))
			s.Data["second.expires"] = []byte(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		})
		renewed := t
		renewed.secret = next
		for _, r := range replicas {
			Eventually(func() answer { return askForToken(ctx, r.url+"/oauth2/token", renewed.post()) }).Should(beToken("scim"))
		}
		secret.Store(next)
		progress()
		stop()
		Eventually(done).Should(BeClosed())
		Expect(failures).NotTo(Receive())
	})

	It("lets a client go on with its cursors when it gets another access token", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		before := scimClient{base: r.url + "/scim/v2", token: t.knownBy(ctx, r)}
		for _, name := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			before.create(ctx, "/Users", user(name))
		}
		page := before.do(ctx, "GET", "/Users?cursor&count=1", nil)
		Expect(page).To(haveStatus(200))
		t.change(ctx, "entra-signing-keys", func(s *corev1.Secret) {
			_, err := credentials.SigningSecret{Secret: s}.BringUpToDate(time.Now().Add(credentials.SigningKeyLifetime))
			Expect(err).NotTo(HaveOccurred())
		})
		cursor, _ := page.Body["nextCursor"].(string)
		Expect(cursor).NotTo(BeEmpty())
		header := func(token string) string { signedBy, _, _ := strings.Cut(token, "."); return signedBy }
		after := scimClient{base: r.url + "/scim/v2"}
		Eventually(func() string { after.token = t.knownBy(ctx, r); return header(after.token) }).ShouldNot(Equal(header(before.token)))
		Expect(after.do(ctx, "GET", "/Users?count=1&cursor="+cursor, nil)).To(And(haveStatus(200), HaveField("Body", HaveKeyWithValue("Resources", HaveLen(1)))))
	})
})
