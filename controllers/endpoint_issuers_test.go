package controllers_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

var _ = Describe("A ScimEndpoint that trusts issuers", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	trusting := func(name string, rules ...v1alpha1.ClaimValidationRule) *v1alpha1.ScimEndpoint {
		endpoint := newEndpoint(name)
		endpoint.Spec.Authentication.JWT = []v1alpha1.JWTAuthenticator{{
			Issuer:               v1alpha1.JWTIssuer{URL: "https://idp.example/" + w.namespace, Audiences: []string{"api://scim"}},
			ClaimValidationRules: rules, Scope: v1alpha1.ScopeAll,
		}}
		return endpoint
	}
	change := func(ctx SpecContext, endpoint *v1alpha1.ScimEndpoint, apply func(*v1alpha1.JWTAuthenticator)) {
		GinkgoHelper()
		Expect(w.Get(ctx, client.ObjectKeyFromObject(endpoint), endpoint)).To(Succeed())
		before := endpoint.DeepCopy()
		apply(&endpoint.Spec.Authentication.JWT[0])
		Expect(w.Patch(ctx, endpoint, client.MergeFrom(before))).To(Succeed())
	}

	It("says what cannot be used, with field, expression and what to do, and stays ready", func(ctx SpecContext) {
		w.start(ctx)
		endpoint := trusting("okta", v1alpha1.ClaimValidationRule{Expression: "claims.sub ="})
		endpoint.Spec.Authentication.JWT[0].Issuer.CertificateAuthority = "none"
		endpoint.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{
			ClientID: "entra", Assertions: []v1alpha1.ClientAssertion{{Issuer: "https://other.example", Subject: "s"}},
		}}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), hasCondition(v1alpha1.ConditionCredentialInvalid,
			"spec.authentication.jwt[0].issuer.certificateAuthority holds no certificates", "claimValidationRules[0].expression", "claims.sub =",
			`spec.authentication.clients[0].assertions[0].issuer is "https://other.example"`)))
		change(ctx, endpoint, func(e *v1alpha1.JWTAuthenticator) {
			e.Issuer.CertificateAuthority, e.ClaimValidationRules[0].Expression = "", "claims.sub == 'x'"
		})
		eventually(ctx, w, endpoint, hasCondition(v1alpha1.ConditionCredentialInvalid, "spec.authentication.clients[0]"))
	})

	It("and another one that would take the same tokens both say so, until one of them does not", func(ctx SpecContext) {
		w.start(ctx)
		first, second := trusting("first"), trusting("second")
		Expect(w.Create(ctx, first)).To(Succeed())
		eventually(ctx, w, first, And(isReady(), hasCondition(v1alpha1.ConditionIssuerShared)))
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, first, hasCondition(v1alpha1.ConditionIssuerShared, `"api://scim" (spec.authentication.jwt[0]), too: second.`))
		eventually(ctx, w, second, hasCondition(v1alpha1.ConditionIssuerShared, "too: first."))
		Eventually(func(g Gomega) {
			events := &eventsv1.EventList{}
			g.Expect(w.List(ctx, events)).To(Succeed())
			told := map[string]bool{}
			for _, e := range events.Items {
				if e.Reason == v1alpha1.ConditionIssuerShared && e.Type == corev1.EventTypeWarning {
					told[e.Regarding.Name] = true
				}
			}
			g.Expect(told).To(Equal(map[string]bool{"first": true, "second": true}))
		}).Should(Succeed())

		change(ctx, second, func(e *v1alpha1.JWTAuthenticator) { e.Issuer.Audiences = []string{"api://other"} })
		eventually(ctx, w, first, hasCondition(v1alpha1.ConditionIssuerShared))
		eventually(ctx, w, second, hasCondition(v1alpha1.ConditionIssuerShared))

		By("rules that keep them apart")
		change(ctx, second, func(e *v1alpha1.JWTAuthenticator) {
			e.Issuer.Audiences = []string{"api://scim"}
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Claim: "sub", RequiredValue: "b"}}
		})
		eventually(ctx, w, first, hasCondition(v1alpha1.ConditionIssuerShared, "second"))
		change(ctx, first, func(e *v1alpha1.JWTAuthenticator) {
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Claim: "sub", RequiredValue: "a"}}
		})
		eventually(ctx, w, first, hasCondition(v1alpha1.ConditionIssuerShared))
		eventually(ctx, w, second, hasCondition(v1alpha1.ConditionIssuerShared))

		By("one that goes")
		change(ctx, first, func(e *v1alpha1.JWTAuthenticator) { e.ClaimValidationRules = nil })
		eventually(ctx, w, second, hasCondition(v1alpha1.ConditionIssuerShared, "first"))
		Expect(w.Delete(ctx, first)).To(Succeed())
		eventually(ctx, w, second, hasCondition(v1alpha1.ConditionIssuerShared))
	})

	It("says whose keys cannot be fetched, and whether they are kept", func(ctx SpecContext) {
		found := &atomic.Pointer[[]trust.Outage]{}
		found.Store(&[]trust.Outage{})
		w.start(ctx, func(o *controllers.Options) {
			o.Outages = func(*v1alpha1.ScimEndpoint) []trust.Outage { return *found.Load() }
			o.FaultInterval = 50 * time.Millisecond
		})
		endpoint := trusting("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, And(isReady(), hasCondition(v1alpha1.ConditionIssuerUnavailable)))
		outage := trust.Outage{Issuer: "https://idp.example", Message: "it does not answer", Remedy: "See to it."}
		found.Store(&[]trust.Outage{outage})
		eventually(ctx, w, endpoint, hasCondition(v1alpha1.ConditionIssuerUnavailable,
			`"https://idp.example" (spec.authentication.jwt[0]) cannot be fetched: it does not answer`, "let nobody in", "See to it."))
		outage.Fetched, outage.Until = time.Now(), time.Now().Add(time.Hour)
		found.Store(&[]trust.Outage{outage})
		eventually(ctx, w, endpoint, And(isReady(), hasCondition(v1alpha1.ConditionIssuerUnavailable, "are used until")))
		found.Store(&[]trust.Outage{})
		eventually(ctx, w, endpoint, hasCondition(v1alpha1.ConditionIssuerUnavailable))
	})
})
