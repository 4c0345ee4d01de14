package scimserver_test

import (
	"crypto/sha256"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func withPublicURL(url string) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
	return func(endpoint *v1alpha1.ScimEndpoint, _ *corev1.Secret) { endpoint.Spec.PublicURL = url }
}

// previous adds the token before the last rotation; "" as expiry leaves that out.
func previous(token, expiry string) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
	return func(_ *v1alpha1.ScimEndpoint, secret *corev1.Secret) {
		secret.Data[v1alpha1.SecretKeyPreviousToken] = []byte(token)
		if expiry != "" {
			secret.Annotations = map[string]string{v1alpha1.AnnotationPreviousTokenExpiresAt: expiry}
		}
	}
}

var _ = Describe("Tokens", func() {
	// status is what a request with the token is answered with.
	status := func(ctx SpecContext, r replica, token string) func() int {
		return func() int {
			return scimClient{base: r.url + "/scim/v2", token: token}.do(ctx, "GET", "/Users?count=1", nil).Status
		}
	}
	later, earlier := time.Now().Add(time.Hour).Format(time.RFC3339), time.Now().Add(-time.Hour).Format(time.RFC3339)

	It("open only the tenant whose ScimEndpoint they belong to", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
		newEndpoint(ctx, other, "okta", tokenFor(other))
		r := startReplica(ctx, "")
		mine, theirs := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}, scimClient{base: r.url + "/scim/v2", token: tokenFor(other)}
		id := mine.create(ctx, "/Users", user("babs@example.com"))
		Expect(theirs.do(ctx, "GET", "/Users", nil).ids()).To(BeEmpty())
		Expect(theirs.do(ctx, "GET", "/Users/"+id, nil)).To(beError(404, ""))
		Expect(theirs.do(ctx, "DELETE", "/Users/"+id, nil)).To(beError(404, ""))
		Expect(theirs.do(ctx, "POST", "/Groups", group("Guides", id))).To(beError(400, "invalidValue"))
		theirs.create(ctx, "/Users", user("babs@example.com"))
		Expect(mine.do(ctx, "GET", "/Users", nil).ids()).To(Equal([]string{id}))
	})

	It("open nothing in a namespace that the operator does not work in", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
		newEndpoint(ctx, other, "okta", tokenFor(other))
		r := startReplica(ctx, namespace)
		Eventually(status(ctx, r, tokenFor(namespace))).Should(Equal(200))
		Expect(status(ctx, r, tokenFor(other))()).To(Equal(401))
	})

	It("are refused unless everything about them is right", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		token := func(name string) string { return tokenFor(namespace) + "-" + name }
		newEndpoint(ctx, namespace, "good", token("good"))
		newEndpoint(ctx, namespace, "rotated", token("rotated"), previous(token("still-valid"), later))
		newEndpoint(ctx, namespace, "expired", token("expired-current"), previous(token("expired"), earlier))
		newEndpoint(ctx, namespace, "endless", token("endless-current"), previous(token("endless"), ""))
		newEndpoint(ctx, namespace, "garbled", token("garbled-current"), previous(token("garbled"), "tomorrow"))
		newEndpoint(ctx, namespace, "short", "too-short")
		newEndpoint(ctx, namespace, "elsewhere", token("elsewhere"), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.TokenSecretName = "another"
		})
		newEndpoint(ctx, namespace, "own-secret", token("own-secret"), func(e *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			e.Spec.TokenSecretName, s.Name = "my-token", "my-token"
		})
		newEndpoint(ctx, namespace, "orphan", token("orphan"), func(_ *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			s.Labels[v1alpha1.LabelEndpoint] = "nobody"
		})
		newEndpoint(ctx, namespace, "unlabelled", token("unlabelled"), func(_ *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			s.Labels = nil
		})
		newEndpoint(ctx, namespace, "twin-a", token("twin"))
		newEndpoint(ctx, namespace, "twin-b", token("twin"))
		r := startReplica(ctx, namespace)

		for _, valid := range []string{"good", "rotated", "still-valid", "expired-current", "endless-current", "own-secret"} {
			Expect(status(ctx, r, token(valid))()).To(Equal(200), valid)
		}
		for _, invalid := range []string{"expired", "endless", "garbled", "elsewhere", "orphan", "unlabelled", "twin", "unknown"} {
			Expect(status(ctx, r, token(invalid))()).To(Equal(401), invalid)
		}
		Expect(status(ctx, r, "too-short")()).To(Equal(401))
		Expect(r.logs.String()).NotTo(ContainSubstring(tokenFor(namespace)))
	})

	It("can be rotated without an interruption", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		next := c.token + "-rotated"
		Expect(status(ctx, r, next)()).To(Equal(401))
		secret := &corev1.Secret{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta-token"}, secret)).To(Succeed())
		secret.Data[v1alpha1.SecretKeyToken] = []byte(next)
		previous(c.token, later)(nil, secret)
		Expect(direct.Update(ctx, secret)).To(Succeed())
		Eventually(status(ctx, r, next)).Should(Equal(200))
		Expect(status(ctx, r, c.token)()).To(Equal(200))

		By("ending the overlap")
		delete(secret.Data, v1alpha1.SecretKeyPreviousToken)
		Expect(direct.Update(ctx, secret)).To(Succeed())
		Eventually(status(ctx, r, c.token)).Should(Equal(401))
		Expect(status(ctx, r, next)()).To(Equal(200))
	})

	It("work at the endpoint that had them first, whoever copies them", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		token := tokenFor(namespace)
		// firstSeen lets the status tell when the controllers saw the token, nil if others had it by then.
		firstSeen := func(namespace string, at *v1alpha1.Timestamp) {
			GinkgoHelper()
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
			endpoint.Status.Tokens = []v1alpha1.TokenStatus{{ID: v1alpha1.TokenID(token), State: v1alpha1.TokenCurrent, FirstSeenAt: at}}
			Expect(direct.Status().Update(ctx, endpoint)).To(Succeed())
		}
		newEndpoint(ctx, other, "okta", tokenFor(other)) // the older one
		newEndpoint(ctx, namespace, "okta", token)
		now := v1alpha1.NewTimestamp(time.Now())
		firstSeen(namespace, &now)
		replicas := []replica{startReplica(ctx, ""), startReplica(ctx, "")}
		owner := func(r replica) scimClient { return scimClient{base: r.url + "/scim/v2", token: token} }
		id := owner(replicas[0]).create(ctx, "/Users", user("babs@example.com"))

		By("copying the token to an older endpoint")
		secret := &corev1.Secret{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: other, Name: "okta-token"}, secret)).To(Succeed())
		secret.Data[v1alpha1.SecretKeyToken] = []byte(token)
		Expect(direct.Update(ctx, secret)).To(Succeed())
		for _, r := range replicas {
			Eventually(status(ctx, r, tokenFor(other))).Should(Equal(401), "the copy is known")
			Eventually(func() []string { return owner(r).do(ctx, "GET", "/Users", nil).ids() }).Should(Equal([]string{id}))
		}

		By("losing the status of both, as in a restore")
		firstSeen(namespace, nil)
		firstSeen(other, nil)
		for _, r := range replicas {
			Eventually(status(ctx, r, token)).Should(Equal(401))
		}
		for _, n := range []string{namespace, other} {
			Eventually(func() []v1alpha1.Refusal {
				endpoint := &v1alpha1.ScimEndpoint{}
				Expect(direct.Get(ctx, client.ObjectKey{Namespace: n, Name: "okta"}, endpoint)).To(Succeed())
				return endpoint.Status.Refusals
			}).Should(ContainElement(HaveField("Reason", v1alpha1.RefusalTokenShared)))
		}
	})

	It("end when spec.authentication.tokenSeconds is over", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		token := func(name string) string { return tokenFor(namespace) + "-" + name }
		ago := func(hours int) string { return time.Now().Add(-time.Duration(hours) * time.Hour).Format(time.RFC3339) }
		lives := func(seconds int32, issued string) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
			return func(e *v1alpha1.ScimEndpoint, s *corev1.Secret) {
				e.Spec.Authentication.TokenSeconds, e.Spec.TokenGeneration = &seconds, 6
				if s.Annotations == nil {
					s.Annotations = map[string]string{}
				}
				s.Annotations[v1alpha1.AnnotationTokenIssuedAt] = issued
			}
		}
		newEndpoint(ctx, namespace, "young", token("young"), lives(7200, ago(1)), previous(token("overlapping"), later), func(_ *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			s.Annotations[v1alpha1.AnnotationPreviousTokenIssuedAt] = ago(1)
		})
		newEndpoint(ctx, namespace, "old", token("old"), lives(7200, ago(3)))
		newEndpoint(ctx, namespace, "ageless", token("ageless"), lives(7200, ""))
		newEndpoint(ctx, namespace, "endless", token("endless"), func(_ *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			s.Annotations = map[string]string{v1alpha1.AnnotationTokenIssuedAt: ago(9999)}
		})
		newEndpoint(ctx, namespace, "rotated", token("rotated"), previous(token("old-before"), later), func(e *v1alpha1.ScimEndpoint, s *corev1.Secret) {
			lives(7200, ago(1))(e, s)
			s.Annotations[v1alpha1.AnnotationPreviousTokenIssuedAt] = ago(3)
		})
		r := startReplica(ctx, namespace)
		for _, valid := range []string{"young", "overlapping", "ageless", "endless", "rotated"} {
			Expect(status(ctx, r, token(valid))()).To(Equal(200), valid)
		}
		for _, ended := range []string{"old", "old-before"} {
			Expect(status(ctx, r, token(ended))()).To(Equal(401), ended)
		}
		Eventually(func() []v1alpha1.Refusal {
			endpoint := &v1alpha1.ScimEndpoint{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "old"}, endpoint)).To(Succeed())
			return endpoint.Status.Refusals
		}).Should(ConsistOf(And(HaveField("Reason", v1alpha1.RefusalExpired),
			HaveField("Message", ContainSubstring(time.Now().Add(-time.Hour).UTC().Format("2006-01-02T"))),
			HaveField("Remedy", HavePrefix("spec.tokenGeneration: 7")))))
	})

	It("may be made elsewhere, and known by their hashes only", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		token := tokenFor(namespace)
		hash := func(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
		hashed := func(current, before string) func(*v1alpha1.ScimEndpoint, *corev1.Secret) {
			return func(_ *v1alpha1.ScimEndpoint, s *corev1.Secret) {
				s.Data = map[string][]byte{v1alpha1.SecretKeyTokenHash: []byte(current), v1alpha1.SecretKeyPreviousTokenHash: []byte(before)}
				s.Annotations = map[string]string{
					v1alpha1.AnnotationPreviousTokenID: v1alpha1.TokenID(token + "-before"), v1alpha1.AnnotationPreviousTokenExpiresAt: later,
				}
			}
		}
		newEndpoint(ctx, namespace, "hashed", "", hashed(hash(token), hash(token+"-before")))
		newEndpoint(ctx, namespace, "unseen", "", hashed(hash(token+"-another"), hash(token+"-unseen")))
		newEndpoint(ctx, namespace, "short", "", hashed(hash("too-short"), ""))
		newEndpoint(ctx, namespace, "garbled", "", hashed(hash(token + "-garbled")[1:], ""))
		r := startReplica(ctx, namespace)
		for _, valid := range []string{"", "-before", "-another"} {
			Expect(status(ctx, r, token+valid)()).To(Equal(200), valid)
		}
		for _, invalid := range []string{token + "-unseen", token + "-garbled", "too-short", hash(token)} {
			Expect(status(ctx, r, invalid)()).To(Equal(401), invalid)
		}
		c := scimClient{base: r.url + "/scim/v2", token: token}
		for _, name := range []string{"babs@example.com", "jim@example.com"} {
			c.create(ctx, "/Users", user(name))
		}
		page := c.do(ctx, "GET", "/Users?cursor&count=1", nil)
		Expect(c.do(ctx, "GET", "/Users?count=1&cursor="+fmt.Sprint(page.Body["nextCursor"]), nil)).To(haveStatus(200))
	})

	It("end with their ScimEndpoint", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		Expect(status(ctx, r, c.token)()).To(Equal(200))
		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
		Expect(direct.Delete(ctx, endpoint)).To(Succeed())
		Eventually(status(ctx, r, c.token)).Should(Equal(401))
	})

	It("follow the Secret that the status names", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
		endpoint.Status.TokenSecretName = "other"
		Expect(direct.Status().Update(ctx, endpoint)).To(Succeed())
		Eventually(status(ctx, r, c.token)).Should(Equal(401))
	})

	It("are limited in rate as their ScimEndpoint says", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.Limits = v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(1)), Burst: new(int32(1))}
		})
		r := startReplica(ctx, namespace)
		c := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
		var refused answer
		Eventually(func() answer { refused = c.do(ctx, "GET", "/Users", nil); return refused }).Should(beError(429, ""))
		Expect(refused.Header.Get("Retry-After")).To(Equal("1"))

		By("switching the limit off")
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta"}, endpoint)).To(Succeed())
		endpoint.Spec.Limits = v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0))}
		Expect(direct.Update(ctx, endpoint)).To(Succeed())
		allowed := 0
		Eventually(func() int {
			if c.do(ctx, "GET", "/Users", nil).Status == 200 {
				allowed++
			} else {
				allowed = 0
			}
			return allowed
		}).Should(BeNumerically(">=", 50))
	})

	It("select the client's profile", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "standard", tokenFor(namespace))
		newEndpoint(ctx, namespace, "entra", tokenFor(namespace)+"-entra", func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.ClientProfile = v1alpha1.ClientProfileEntra
		})
		r := startReplica(ctx, namespace)
		standard := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
		entra := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace) + "-entra"}
		id := standard.create(ctx, "/Users", user("babs@example.com"))
		patch := operations(map[string]any{"op": "replace", "path": `phoneNumbers[type eq "work"].value`, "value": "555"})
		Expect(standard.do(ctx, "PATCH", "/Users/"+id, patch)).To(beError(400, "noTarget"))
		Expect(entra.do(ctx, "PATCH", "/Users/"+id, patch).Body).To(
			HaveKeyWithValue("phoneNumbers", []any{map[string]any{"type": "work", "value": "555"}}))
	})
})
