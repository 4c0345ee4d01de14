package controllers_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

const ownToken = "a-token-that-the-account-owner-has-made-himself"

func newEndpoint(name string) *v1alpha1.ScimEndpoint {
	return &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func newSecret(name, token string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{v1alpha1.SecretKeyToken: []byte(token)},
	}
}

// eventReasons are the types and reasons of a namespace's Events.
func eventReasons(ctx SpecContext, w *world) []string {
	GinkgoHelper()
	events := &eventsv1.EventList{}
	Expect(w.List(ctx, events)).To(Succeed())
	var reasons []string
	for _, e := range events.Items {
		reasons = append(reasons, e.Type+" "+e.Reason)
	}
	return reasons
}

// withReason matches an endpoint whose condition has a reason, "" for none.
func withReason(condition, reason string) types.GomegaMatcher {
	return WithTransform(func(e *v1alpha1.ScimEndpoint) string {
		if found := meta.FindStatusCondition(e.Status.Conditions, condition); found != nil {
			return found.Reason
		}
		return ""
	}, Equal(reason))
}

var _ = Describe("A ScimEndpoint", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	secret := func(ctx SpecContext, name string) *corev1.Secret {
		GinkgoHelper()
		return get(ctx, w, &corev1.Secret{}, name)
	}

	It("gets a Secret with a token of its own, and its status tells of it without giving it away", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		made := secret(ctx, "okta-token")
		token := string(made.Data[v1alpha1.SecretKeyToken])
		Expect(token).To(MatchRegexp(`^scim_[A-Za-z0-9_-]{43}$`))
		Expect(made.Labels).To(HaveKeyWithValue(v1alpha1.LabelEndpoint, "okta"))
		Expect(metav1.IsControlledBy(made, endpoint)).To(BeTrue())
		Expect(endpoint.Status.TokenSecretName).To(Equal("okta-token"))
		Expect(endpoint.Status.Tokens).To(HaveLen(1))
		Expect(endpoint.Status.Tokens[0].ID).To(Equal(v1alpha1.TokenID(token)))
		Expect(endpoint.Status.Tokens[0].State).To(Equal(v1alpha1.TokenCurrent))
		Expect(endpoint.Status.Tokens[0].IssuedAt).NotTo(BeNil())
		Expect(readyMessage(endpoint)).NotTo(ContainSubstring(token))
	})

	It("rotates its token when tokenGeneration is raised, and keeps the old one for 30 days", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		old := secret(ctx, "okta-token").Data[v1alpha1.SecretKeyToken]
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(func(e *v1alpha1.ScimEndpoint) int64 {
			return e.Status.TokenGeneration
		}, Equal(int64(1)))))
		rotated := secret(ctx, "okta-token")
		Expect(rotated.Data[v1alpha1.SecretKeyPreviousToken]).To(Equal(old))
		Expect(rotated.Data[v1alpha1.SecretKeyToken]).NotTo(Equal(old))
		Expect(endpoint.Status.Tokens).To(HaveLen(2))
		previous := endpoint.Status.Tokens[1]
		Expect(previous.ID).To(Equal(v1alpha1.TokenID(string(old))))
		Expect(previous.State).To(Equal(v1alpha1.TokenPrevious))
		Expect(previous.ExpiresAt.Sub(endpoint.Status.Tokens[0].IssuedAt.Time).Hours()).To(BeNumerically("~", 30*24, 0.1))
	})

	It("ends the old token at once when the overlap is 0", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenOverlapSeconds = new(int32(0))
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 3 })
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(func(e *v1alpha1.ScimEndpoint) int64 {
			return e.Status.TokenGeneration
		}, Equal(int64(3)))))
		Expect(endpoint.Status.Tokens).To(HaveLen(1))
		Expect(secret(ctx, "okta-token").Data).NotTo(HaveKey(v1alpha1.SecretKeyPreviousToken))
	})

	It("ends the old token when the overlap is made shorter after the rotation", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		valid := WithTransform(func(e *v1alpha1.ScimEndpoint) int { return len(e.Status.Tokens) }, Equal(2))
		eventually(ctx, w, endpoint, valid)

		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenOverlapSeconds = new(int32(3600)) })
		eventually(ctx, w, endpoint, WithTransform(func(e *v1alpha1.ScimEndpoint) float64 {
			return e.Status.Tokens[1].ExpiresAt.Sub(e.Status.Tokens[0].IssuedAt.Time).Seconds()
		}, Equal(3600.0)))

		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenOverlapSeconds = new(int32(0)) })
		eventually(ctx, w, endpoint, Not(valid))
		Expect(secret(ctx, "okta-token").Data).NotTo(HaveKey(v1alpha1.SecretKeyPreviousToken))
	})

	It("removes the old token when it has expired", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenOverlapSeconds = new(int32(1))
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(func(e *v1alpha1.ScimEndpoint) int {
			return int(e.Status.TokenGeneration)*10 + len(e.Status.Tokens)
		}, Equal(11))))
		Eventually(func() map[string][]byte { return secret(ctx, "okta-token").Data }).ShouldNot(HaveKey(v1alpha1.SecretKeyPreviousToken))
	})

	It("owns its Secrets again after a restore by Velero, which leaves owners out", func(ctx SpecContext) {
		stop := w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: "entra", SecretName: "entra"}}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		names := []string{endpoint.SecretName(), endpoint.SigningSecretName()}
		stop()
		before := map[string]*corev1.Secret{}
		for _, name := range names {
			before[name] = secret(ctx, name)
			Expect(before[name].OwnerReferences).To(ConsistOf(HaveField("UID", endpoint.UID)), name)
			update(ctx, w, secret(ctx, name), func(s *corev1.Secret) { s.OwnerReferences = nil })
		}
		w.start(ctx)
		for _, name := range names {
			Eventually(func() []metav1.OwnerReference { return secret(ctx, name).OwnerReferences }).Should(Equal(before[name].OwnerReferences), name)
			Expect(secret(ctx, name).Data).To(Equal(before[name].Data), name)
		}
	})

	It("goes on with a Secret that somebody else controls after a restore", func(ctx SpecContext) {
		stop := w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		stop()
		vault := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "vault"}}
		Expect(w.Create(ctx, vault)).To(Succeed())
		controller := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: vault.Name, UID: vault.UID, Controller: new(true)}
		update(ctx, w, secret(ctx, "okta-token"), func(s *corev1.Secret) { s.OwnerReferences = []metav1.OwnerReference{controller} })
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		w.start(ctx)
		eventually(ctx, w, endpoint, And(isReady(), HaveField("Status.TokenGeneration", int64(1))))
		Expect(secret(ctx, "okta-token").OwnerReferences).To(ConsistOf(controller))
	})

	It("uses a Secret that somebody else has made as it is", func(ctx SpecContext) {
		Expect(w.Create(ctx, newSecret("mine", ownToken))).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenSecretName = "mine"
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		adopted := secret(ctx, "mine")
		Expect(adopted.Data).To(Equal(map[string][]byte{v1alpha1.SecretKeyToken: []byte(ownToken)}))
		Expect(adopted.Labels).To(HaveKeyWithValue(v1alpha1.LabelEndpoint, "okta"))
		Expect(adopted.OwnerReferences).To(BeEmpty(), "it would go with the endpoint")
		Expect(endpoint.Status.Tokens[0].ID).To(Equal(v1alpha1.TokenID(ownToken)))

		By("following the token when it is replaced")
		update(ctx, w, adopted, func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyToken] = []byte(strings.ToUpper(ownToken)) })
		eventually(ctx, w, endpoint, WithTransform(func(e *v1alpha1.ScimEndpoint) string { return e.Status.Tokens[0].ID },
			Equal(v1alpha1.TokenID(strings.ToUpper(ownToken)))))
	})

	DescribeTable("says what is wrong with a Secret, until it is repaired", func(ctx SpecContext, token, complaint string) {
		Expect(w.Create(ctx, newSecret("mine", token))).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenSecretName = "mine"
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isFalse(v1alpha1.ReasonInvalidSecret))
		Expect(readyMessage(endpoint)).To(ContainSubstring(complaint))
		Expect(endpoint.Status.Tokens).To(BeEmpty())
		update(ctx, w, secret(ctx, "mine"), func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyToken] = []byte(ownToken) })
		eventually(ctx, w, endpoint, isReady())
	},
		Entry("that is too short", "secret", "at least 32 characters"),
		Entry("that is too long", strings.Repeat("x", v1alpha1.MaxTokenLength+1), "at most 2048 characters"),
		Entry("that ends with a line end", ownToken+"\n", "without blanks or line ends"),
	)

	It("makes a deleted Secret anew, and warns that the client needs the new token", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		old := endpoint.Status.Tokens[0].ID
		Expect(w.Delete(ctx, secret(ctx, "okta-token"))).To(Succeed())
		eventually(ctx, w, endpoint, WithTransform(func(e *v1alpha1.ScimEndpoint) string { return e.Status.Tokens[0].ID }, Not(Equal(old))))
		Eventually(func(g Gomega) { g.Expect(eventReasons(ctx, w)).To(ContainElement("Warning TokenReplaced")) }).Should(Succeed())
	})

	It("does not share a Secret with another one", func(ctx SpecContext) {
		w.start(ctx)
		first, second := newEndpoint("first"), newEndpoint("second")
		first.Spec.TokenSecretName, second.Spec.TokenSecretName = "shared", "shared"
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, isReady())
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonInvalidSecret))
		Expect(readyMessage(second)).To(ContainSubstring(`"first"`))
		Expect(secret(ctx, "shared").Labels).To(HaveKeyWithValue(v1alpha1.LabelEndpoint, "first"))

		By("letting the other one have it")
		update(ctx, w, first, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenSecretName = "" })
		eventually(ctx, w, second, isReady())
		eventually(ctx, w, first, isReady())
	})

	It("ends the token of the Secret that it has used before", func(ctx SpecContext) {
		Expect(w.Create(ctx, newSecret("mine", ownToken))).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenSecretName = "mine" })
		eventually(ctx, w, endpoint, isReady())
		Expect(secret(ctx, "okta-token").Labels).NotTo(HaveKey(v1alpha1.LabelEndpoint))
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenSecretName = "" })
		eventually(ctx, w, endpoint, isReady())
		Expect(secret(ctx, "mine").Labels).NotTo(HaveKey(v1alpha1.LabelEndpoint))
	})

	It("tells of a token that ends, until there is another one", func(ctx SpecContext) {
		month := 30 * 24 * time.Hour
		mine := newSecret("mine", ownToken)
		mine.Annotations = map[string]string{v1alpha1.AnnotationTokenIssuedAt: time.Now().Add(-11 * month).Format(time.RFC3339)}
		Expect(w.Create(ctx, mine)).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenSecretName = "mine"
		endpoint.Spec.Authentication.TokenSeconds = new(int32(24 * month / time.Second))
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), withReason(v1alpha1.ConditionCredentialExpiring, "")))
		Expect(time.Until(endpoint.Status.Tokens[0].ExpiresAt.Time)).To(BeNumerically("~", 13*month, time.Hour))
		Expect(endpoint.Status.Tokens[0].FirstSeenAt).NotTo(BeNil())

		By("giving it less time")
		lives := func(d time.Duration) {
			update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.TokenSeconds = new(int32(d / time.Second)) })
		}
		lives(11*month + 20*24*time.Hour)
		eventually(ctx, w, endpoint, withReason(v1alpha1.ConditionCredentialExpiring, v1alpha1.ReasonEndsSoon))
		Eventually(metric("scim_credential_expires_timestamp_seconds", w.namespace, "okta")).Should(BeNumerically("~", time.Now().Add(20*24*time.Hour).Unix(), 3600))
		lives(10 * month)
		eventually(ctx, w, endpoint, And(isReady(), withReason(v1alpha1.ConditionCredentialExpiring, v1alpha1.ReasonEnded)))
		Eventually(func(g Gomega) { g.Expect(eventReasons(ctx, w)).To(ContainElement("Warning CredentialExpiring")) }).Should(Succeed())

		By("making another one")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		eventually(ctx, w, endpoint, And(withReason(v1alpha1.ConditionCredentialExpiring, ""), HaveField("Status.TokenGeneration", int64(1))))
		Expect(endpoint.Status.Tokens).To(HaveLen(1), "the one before has ended")
		Expect(secret(ctx, "mine").Data).NotTo(HaveKey(v1alpha1.SecretKeyPreviousToken))
	})

	It("uses a token that is made elsewhere by its hash, and makes none", func(ctx SpecContext) {
		hash := func(token string) []byte { return []byte(tokens.HashOf([]byte(token))) }
		mine := newSecret("mine", "")
		mine.Data = map[string][]byte{v1alpha1.SecretKeyTokenHash: hash(ownToken)}
		Expect(w.Create(ctx, mine)).To(Succeed())
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.TokenSecretName = "mine"
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		Expect(endpoint.Status.Tokens).To(ConsistOf(HaveField("ID", v1alpha1.TokenID(ownToken))))
		Expect(secret(ctx, "mine").Data).To(Equal(map[string][]byte{v1alpha1.SecretKeyTokenHash: hash(ownToken)}))

		By("asking for a new one")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration = 1 })
		eventually(ctx, w, endpoint, isFalse(v1alpha1.ReasonTokenMadeElsewhere))
		Expect(endpoint.Status.Tokens).To(HaveLen(1), "the present one works")
		next := strings.ToUpper(ownToken)
		update(ctx, w, secret(ctx, "mine"), func(s *corev1.Secret) {
			s.Data = map[string][]byte{v1alpha1.SecretKeyTokenHash: hash(next), v1alpha1.SecretKeyPreviousTokenHash: hash(ownToken)}
		})
		eventually(ctx, w, endpoint, And(isReady(), HaveField("Status.TokenGeneration", int64(1)), HaveField("Status.Tokens", ConsistOf(
			And(HaveField("ID", v1alpha1.TokenID(next)), HaveField("State", v1alpha1.TokenCurrent), HaveField("ExpiresAt", BeNil())),
			And(HaveField("ID", v1alpha1.TokenID(ownToken)), HaveField("State", v1alpha1.TokenPrevious), HaveField("ExpiresAt", Not(BeNil())))))))
		Expect(secret(ctx, "mine").Data).To(HaveLen(2))
	})

	It("says that another one has its token, which works at the first", func(ctx SpecContext) {
		second := newWorldWithRules(ctx)
		mgr := suite.NewManager(env.Config, []string{w.namespace, second.namespace})
		w.run(ctx, mgr)
		original, copied := newEndpoint("okta"), newEndpoint("copied")
		Expect(w.Create(ctx, original)).To(Succeed())
		eventually(ctx, w, original, isReady())
		token := secret(ctx, "okta-token").Data[v1alpha1.SecretKeyToken]
		Expect(second.Create(ctx, newSecret("copied-token", string(token)))).To(Succeed())
		Expect(second.Create(ctx, copied)).To(Succeed())
		eventually(ctx, second, copied, And(isFalse(v1alpha1.ReasonWorksElsewhere), withReason(v1alpha1.ConditionTokenShared, v1alpha1.ReasonWorksElsewhere)))
		Expect(copied.Status.Tokens).To(ConsistOf(HaveField("FirstSeenAt", BeNil())))
		eventually(ctx, w, original, And(isReady(), withReason(v1alpha1.ConditionTokenShared, v1alpha1.ReasonWorksHere)))
		for _, e := range []*v1alpha1.ScimEndpoint{original, copied} {
			message := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionTokenShared).Message
			Expect(message).NotTo(Or(ContainSubstring(w.namespace), ContainSubstring(second.namespace), ContainSubstring(string(token))))
		}
		for _, world := range []*world{w, second} {
			Eventually(func(g Gomega) { g.Expect(eventReasons(ctx, world)).To(ContainElement("Warning TokenShared")) }).Should(Succeed())
		}

		By("making another one at the first")
		update(ctx, w, original, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration, e.Spec.TokenOverlapSeconds = 1, new(int32(0)) })
		eventually(ctx, w, original, And(isReady(), withReason(v1alpha1.ConditionTokenShared, "")))
		// A client that still has it must not write there.
		eventually(ctx, second, copied, And(isFalse(v1alpha1.ReasonWorksNowhere), withReason(v1alpha1.ConditionTokenShared, v1alpha1.ReasonWorksNowhere),
			HaveField("Status.Tokens", ConsistOf(And(HaveField("FirstSeenAt", BeNil()), HaveField("CopiedAt", Not(BeNil())))))))

		By("making another one there, too")
		update(ctx, second, copied, func(e *v1alpha1.ScimEndpoint) { e.Spec.TokenGeneration, e.Spec.TokenOverlapSeconds = 1, new(int32(0)) })
		eventually(ctx, second, copied, And(isReady(), withReason(v1alpha1.ConditionTokenShared, "")))
	})

	It("gets no more than the operator allows, and says so", func(ctx SpecContext) {
		w.start(ctx, func(o *controllers.Options) { o.Bounds = bounds.Default() })
		endpoint := newEndpoint("okta")
		endpoint.Spec.Limits = v1alpha1.ScimEndpointLimits{RequestsPerSecond: new(int32(0)), Burst: new(int32(2000))}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		reduced := func(e *v1alpha1.ScimEndpoint) *metav1.Condition {
			return meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionLimitsReduced)
		}
		eventually(ctx, w, endpoint, And(isReady(), WithTransform(reduced, And(
			HaveField("Status", metav1.ConditionTrue), HaveField("Reason", v1alpha1.ReasonAboveOperatorLimits),
			HaveField("Message", And(ContainSubstring("requestsPerSecond"), ContainSubstring("1000"), Not(ContainSubstring("burst"))))))))
		Eventually(func(g Gomega) { g.Expect(eventReasons(ctx, w)).To(ContainElement("Warning LimitsReduced")) }).Should(Succeed())
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Limits.RequestsPerSecond = new(int32(1000)) })
		eventually(ctx, w, endpoint, WithTransform(reduced, BeNil()))
	})

	It("says when its default Organization does not exist", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := newEndpoint("okta")
		endpoint.Spec.DefaultOrganization = &v1alpha1.RecordReference{Name: "own"}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, isFalse(v1alpha1.ReasonReferenceNotFound))
		Expect(endpoint.Status.Tokens).To(HaveLen(1), "the connection works all the same")
		Expect(w.Create(ctx, newOrganization("own", "Own"))).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
	})
})
