package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// hasCondition matches an endpoint on which a condition is True, with a message that has these texts; with none it is absent.
func hasCondition(condition string, texts ...string) types.GomegaMatcher {
	message := func(e *v1alpha1.ScimEndpoint) string {
		found := meta.FindStatusCondition(e.Status.Conditions, condition)
		if found == nil || found.Status != metav1.ConditionTrue {
			return ""
		}
		return found.Message
	}
	if len(texts) == 0 {
		return WithTransform(message, BeEmpty())
	}
	var all []types.GomegaMatcher
	for _, text := range texts {
		all = append(all, ContainSubstring(text))
	}
	return WithTransform(message, And(all...))
}

var _ = Describe("A ScimEndpoint with OAuth clients", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	withClient := func() *v1alpha1.ScimEndpoint {
		endpoint := newEndpoint("entra")
		endpoint.Spec.PublicURL = "https://scim.example.com/scim/v2"
		endpoint.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: "entra", SecretName: "entra-client"}}
		return endpoint
	}
	clientSecret := func(name string, ends time.Time) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "entra-client"}, Data: map[string][]byte{
			name: []byte(credentials.HashOf("scimcs_" + name)), name + ".expires": []byte(ends.UTC().Format(time.RFC3339)),
		}}
	}
	connection := func(e *v1alpha1.ScimEndpoint) v1alpha1.ConnectionStatus { return e.Status.Connection }
	names := func(e *v1alpha1.ScimEndpoint) []string {
		found := []string{}
		for _, client := range e.Status.Connection.Clients {
			for _, secret := range client.Secrets {
				found = append(found, secret.Name)
			}
		}
		return found
	}

	It("gets signing keys, and says how its client connects", func(ctx SpecContext) {
		w.start(ctx)
		plain := newEndpoint("okta")
		Expect(w.Create(ctx, plain)).To(Succeed())
		endpoint := withClient()
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), hasCondition(v1alpha1.ConditionCredentialInvalid, `no Secret "entra-client" yet`)))
		ends := time.Now().Add(100 * 24 * time.Hour)
		Expect(w.Create(ctx, clientSecret("first", ends))).To(Succeed())
		eventually(ctx, w, endpoint, And(hasCondition(v1alpha1.ConditionCredentialInvalid), WithTransform(names, Equal([]string{"first"})),
			WithTransform(connection, And(
				HaveField("SCIMURL", "https://scim.example.com/scim/v2"), HaveField("TokenURL", "https://scim.example.com/scim/v2/oauth2/token")))))
		Expect(get(ctx, w, &corev1.Secret{}, "entra-client").Labels).To(HaveKeyWithValue(v1alpha1.LabelEndpoint, "entra"))
		made := get(ctx, w, &corev1.Secret{}, "entra-signing-keys")
		Expect(metav1.IsControlledBy(made, endpoint)).To(BeTrue())
		Expect(credentials.SigningSecret{Secret: made}.Keys()).To(HaveLen(2))
		eventually(ctx, w, plain, isReady())
		Expect(plain.Status.Connection).To(BeZero())

		By("making them anew when they are deleted, and leaving them alone otherwise")
		Expect(w.Delete(ctx, made)).To(Succeed())
		Eventually(func(g Gomega) {
			again := &corev1.Secret{}
			g.Expect(w.Get(ctx, client.ObjectKeyFromObject(made), again)).To(Succeed())
			g.Expect(again.UID).NotTo(Equal(made.UID))
		}).Should(Succeed())

		By("letting go of them, and of the client's Secret, with the client")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients = nil })
		Eventually(func(g Gomega) {
			for _, name := range []string{"entra-signing-keys", "entra-client"} {
				g.Expect(get(ctx, w, &corev1.Secret{}, name).Labels).NotTo(HaveKey(v1alpha1.LabelEndpoint), name)
			}
		}).Should(Succeed())
		eventually(ctx, w, endpoint, WithTransform(connection, Equal(v1alpha1.ConnectionStatus{SCIMURL: "https://scim.example.com/scim/v2"})))
	})

	It("rotates them when their time has come", func(ctx SpecContext) {
		endpoint := withClient()
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		old := credentials.SigningSecret{Secret: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Name: "entra-signing-keys", Labels: map[string]string{v1alpha1.LabelEndpoint: "entra"},
		}}}
		_, err := old.BringUpToDate(time.Now().Add(-credentials.SigningKeyLifetime))
		Expect(err).NotTo(HaveOccurred())
		before := old.Keys()
		Expect(w.Create(ctx, old.Secret)).To(Succeed())
		w.start(ctx)
		Eventually(func(g Gomega) {
			keys := credentials.SigningSecret{Secret: get(ctx, w, &corev1.Secret{}, "entra-signing-keys")}.Keys()
			g.Expect(keys).To(HaveLen(3))
			g.Expect(keys[0].ID).To(Equal(before[1].ID))
			g.Expect(keys[2].ID).To(Equal(before[0].ID))
		}).Should(Succeed())
	})

	It("says which secrets it does not accept, and why", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := withClient()
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		secret := clientSecret("good", time.Now().Add(time.Hour))
		for name, expiry := range map[string]string{"far": "2040-01-01T00:00:00Z", "garbled": "tomorrow"} {
			secret.Data[name], secret.Data[name+".expires"] = []byte(credentials.HashOf(name)), []byte(expiry)
		}
		secret.Data["endless"], secret.Data["plain"] = []byte(credentials.HashOf("x")), []byte("scimcs_plain")
		Expect(w.Create(ctx, secret)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(names, Equal([]string{"good"})), hasCondition(v1alpha1.ConditionCredentialInvalid,
			`"far"`, "three years", `"garbled"`, `2 keys of Secret "entra-client"`, "SHA-256", ".expires")))
		// Keys that may be for something else are not named: whoever reads the status may not read the Secret.
		Expect(endpoint.Status.Conditions).NotTo(ContainElement(HaveField("Message", Or(ContainSubstring("plain"), ContainSubstring("endless")))))

		By("saying so when the last good one ends within 30 days")
		Expect(endpoint).To(hasCondition(v1alpha1.ConditionCredentialExpiring, `last secret of client "entra"`))
		update(ctx, w, secret, func(s *corev1.Secret) {
			s.Data["longer"] = []byte(credentials.HashOf("longer"))
			s.Data["longer.expires"] = []byte(time.Now().Add(31 * 24 * time.Hour).UTC().Format(time.RFC3339))
		})
		eventually(ctx, w, endpoint, hasCondition(v1alpha1.ConditionCredentialExpiring))

		By("saying so when it has ended")
		update(ctx, w, secret, func(s *corev1.Secret) {
			s.Data = map[string][]byte{"good": s.Data["good"], "good.expires": []byte(time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339))}
			s.Data["earlier"], s.Data["earlier.expires"] = []byte(credentials.HashOf("earlier")), []byte(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
		})
		eventually(ctx, w, endpoint, And(WithTransform(names, Equal([]string{"good"})), hasCondition(v1alpha1.ConditionCredentialInvalid, "no secret", "is valid"),
			hasCondition(v1alpha1.ConditionCredentialExpiring, `the last secret of client "entra" ended`)))
	})

	It("forgets used assertions when they have expired, also where no client has any more", func(ctx SpecContext) {
		endpoint := newEndpoint("entra")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		used := func(name, label string, ago time.Duration) *coordinationv1.Lease {
			return &coordinationv1.Lease{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelAssertion: label}},
				Spec:       coordinationv1.LeaseSpec{RenewTime: new(metav1.NewMicroTime(time.Now().Add(-ago))), LeaseDurationSeconds: new(int32(3600))},
			}
		}
		over, valid, others := used("assertion-over", "entra", 2*time.Hour), used("assertion-valid", "entra", 0), used("assertion-others", "okta", 2*time.Hour)
		for _, lease := range []*coordinationv1.Lease{over, valid, others} {
			Expect(w.Create(ctx, lease)).To(Succeed())
		}
		w.start(ctx)
		Eventually(func() error { return w.Get(ctx, client.ObjectKeyFromObject(over), over) }).Should(Satisfy(apierrors.IsNotFound))
		for _, lease := range []*coordinationv1.Lease{valid, others} {
			Expect(w.Get(ctx, client.ObjectKeyFromObject(lease), lease)).To(Succeed())
		}
	})

	It("shares no Secret with another one", func(ctx SpecContext) {
		w.start(ctx)
		first, second := withClient(), withClient()
		second.Name = "second"
		Expect(w.Create(ctx, clientSecret("first", time.Now().Add(time.Hour)))).To(Succeed())
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, WithTransform(names, Equal([]string{"first"})))
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, And(WithTransform(names, BeEmpty()), hasCondition(v1alpha1.ConditionCredentialInvalid, `belongs to ScimEndpoint "entra"`)))

		By("letting the other one have it")
		update(ctx, w, first, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.Clients = nil })
		eventually(ctx, w, second, And(WithTransform(names, Equal([]string{"first"})), hasCondition(v1alpha1.ConditionCredentialInvalid)))
	})
})
