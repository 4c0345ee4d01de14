package scimserver_test

import (
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("The refusal of an OAuth client", func() {
	It("tells the owner of a secret that is none, with the command that makes one", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		Expect(askForToken(ctx, r.url+"/oauth2/token", form("grant_type", "client_credentials", "client_id", t.clientID, "client_secret", "scimcs_wrong"))).
			To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
		Eventually(t.refusals(ctx)).Should(ConsistOf(And(HaveField("Reason", v1alpha1.RefusalClientSecret),
			HaveField("Message", ContainSubstring(t.clientID)),
			HaveField("Remedy", ContainSubstring("manager clients secret -n %s --endpoint entra --client %s --expires-in", t.namespace, t.clientID)))))
	})

	It("tells the owner of a Secret without its label, which is in no cache", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		t.change(ctx, "entra-client", func(s *corev1.Secret) { s.Labels = nil })
		r := startReplica(ctx, t.namespace)
		Eventually(func(g Gomega) {
			g.Expect(askForToken(ctx, r.url+"/oauth2/token", t.post())).To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
			g.Expect(t.refusals(ctx)()).To(ContainElement(And(HaveField("Reason", v1alpha1.RefusalClientSecret),
				HaveField("Message", ContainSubstring("there is none that has label "+v1alpha1.LabelEndpoint+": entra")),
				HaveField("Remedy", ContainSubstring("kubectl -n %s label secret entra-client %s=entra", t.namespace, v1alpha1.LabelEndpoint)))))
		}).WithContext(ctx).Should(Succeed())
	})

	It("of an unknown one is told to the only endpoint with the host, and counted", func(ctx SpecContext) {
		r := startReplica(ctx, "")
		t := newOAuthTenant(ctx, withPublicURL(r.url+"/scim/v2"))
		t.knownBy(ctx, r)
		const secretInPlaceOfID = "scimcs_in-the-wrong-field"
		for _, body := range []string{
			form("grant_type", "client_credentials", "client_id", secretInPlaceOfID, "client_secret", t.secret),
			form("grant_type", "client_credentials"),
		} {
			Expect(askForToken(ctx, r.url+"/oauth2/token", body)).To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
		}
		Expect(r.logs.lines("Request")).To(ContainElement(HaveKeyWithValue("refusal", "UnknownClient")))
		Eventually(t.refusals(ctx)).Should(ContainElement(And(HaveField("Reason", v1alpha1.RefusalUnknownClient),
			HaveField("Remedy", ContainSubstring("status.connection.clients")))))
		Expect(fmt.Sprint(t.refusals(ctx)())).NotTo(ContainSubstring(secretInPlaceOfID))

		By("telling nobody where another endpoint has the host, too")
		other := newOAuthTenant(ctx, withPublicURL(r.url+"/scim/v2"))
		other.knownBy(ctx, r)
		strange := strings.Repeat("x", 77)
		Expect(askForToken(ctx, r.url+"/oauth2/token", form("grant_type", "client_credentials", "client_id", strange, "client_secret", t.secret))).
			To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
		// What follows is written after it, or with it.
		Expect(askForToken(ctx, r.url+"/oauth2/token", form("grant_type", "client_credentials", "client_id", other.clientID, "client_secret", "scimcs_wrong"))).
			To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
		Eventually(other.refusals(ctx)).Should(ContainElement(HaveField("Reason", v1alpha1.RefusalClientSecret)))
		for _, each := range []oauthTenant{t, other} {
			Expect(fmt.Sprint(each.refusals(ctx)())).NotTo(ContainSubstring("77 characters"))
		}
	})

	It("tells of a secret that somebody could find by trying", func(ctx SpecContext) {
		t := newOAuthTenant(ctx)
		r := startReplica(ctx, t.namespace)
		t.knownBy(ctx, r)
		short := t
		short.secret = strings.Repeat("x", v1alpha1.MinTokenLength-1)
		t.change(ctx, "entra-client", func(s *corev1.Secret) {
			s.Data["short"], s.Data["short.expires"] = []byte(credentials.HashOf(short.secret)), s.Data["first.expires"]
		})
		Eventually(func(g Gomega) {
			g.Expect(askForToken(ctx, r.url+"/oauth2/token", short.post())).To(beOAuthError(http.StatusUnauthorized, "invalid_client"))
			g.Expect(t.refusals(ctx)()).To(ContainElement(And(HaveField("Reason", v1alpha1.RefusalTokenTooShort),
				HaveField("Message", ContainSubstring("short")))))
		}).WithContext(ctx).Should(Succeed())
	})
})
