package controllers_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var _ = It("tells on each ScimEndpoint which kinds cannot be read, for as long as that is so", func(ctx SpecContext) {
	w := newWorldWithRules(ctx)
	var faults atomic.Pointer[[]kube.Fault]
	faults.Store(&[]kube.Fault{
		{Kind: "Person", Reason: v1alpha1.ReasonUnreadable, Message: "a field", Since: time.Unix(1_800_000_000, 0)},
		{Kind: "Site", Reason: v1alpha1.ReasonRefused, Message: "no right", Since: time.Unix(1_800_000_001, 0)},
		{Namespace: "another", Kind: "Person", Reason: v1alpha1.ReasonRefused, Message: "no right there", Since: time.Unix(1_800_000_002, 0)},
	})
	named := func(name string) *v1alpha1.ScimEndpoint {
		return &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	Expect(w.Create(ctx, named("okta"))).To(Succeed())
	w.start(ctx, func(o *controllers.Options) {
		o.Faults, o.FaultInterval = func() []kube.Fault { return *faults.Load() }, 50*time.Millisecond
	})
	condition := func(name string) func() *metav1.Condition {
		return func() *metav1.Condition {
			return meta.FindStatusCondition(get(ctx, w, &v1alpha1.ScimEndpoint{}, name).Status.Conditions, v1alpha1.ConditionUnreadable)
		}
	}
	said := And(
		HaveField("Status", metav1.ConditionTrue), HaveField("Reason", v1alpha1.ReasonUnreadable),
		HaveField("Message", HaveSuffix("Person (Unreadable) since 2027-01-15T08:00:00Z: a field; Site (Refused) since 2027-01-15T08:00:01Z: no right")))
	Eventually(condition("okta")).Should(said)
	Eventually(func() ([]eventsv1.Event, error) {
		events := &eventsv1.EventList{}
		err := w.List(ctx, events)
		return events.Items, err
	}).Should(ContainElement(And(HaveField("Reason", v1alpha1.ReasonUnreadable), HaveField("Regarding.Name", "okta"))))

	By("telling it of an endpoint that comes later, beside what else its conditions say")
	Expect(w.Create(ctx, named("second"))).To(Succeed())
	Eventually(condition("second")).Should(said)
	Eventually(func() bool {
		return meta.IsStatusConditionTrue(get(ctx, w, &v1alpha1.ScimEndpoint{}, "second").Status.Conditions, v1alpha1.ConditionReady)
	}).Should(BeTrue())
	Expect(condition("second")()).To(said)

	By("saying nothing any more")
	faults.Store(&[]kube.Fault{})
	Eventually(condition("okta")).Should(BeNil())
	Eventually(condition("second")).Should(BeNil())
})

// With --namespaces one that cannot be read may have the endpoint whose token it is, or that takes the same tokens.
var _ = It("decides of no token whose it is while a namespace cannot be read, and says so", func(ctx SpecContext) {
	w, shut := newWorld(ctx), newWorld(ctx)
	health := kube.NewInformerHealth()
	mgr := suite.NewManager(w.config(), []string{w.namespace, shut.namespace}, func(o *kube.Options) { o.Informers = health })
	token := []byte("scim_a-token-that-was-copied-by-somebody-" + w.namespace)
	secret := func() *corev1.Secret {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "okta-token", Labels: map[string]string{v1alpha1.LabelEndpoint: "okta"}},
			Data:       map[string][]byte{v1alpha1.SecretKeyToken: token},
		}
	}
	for _, each := range []*world{shut, w} {
		Expect(each.Create(ctx, secret())).To(Succeed())
		endpoint := newEndpoint("okta")
		endpoint.Spec.Authentication.JWT = []v1alpha1.JWTAuthenticator{{Issuer: v1alpha1.JWTIssuer{URL: "https://idp.example/" + w.namespace, Audiences: []string{"a"}}}}
		Expect(each.Create(ctx, endpoint)).To(Succeed())
	}
	seen := v1alpha1.NewTimestamp(time.Now().Add(-time.Hour))
	first := get(ctx, shut, &v1alpha1.ScimEndpoint{}, "okta")
	first.Status.Tokens = []v1alpha1.TokenStatus{{ID: v1alpha1.TokenID(string(token)), State: v1alpha1.TokenCurrent, FirstSeenAt: &seen}}
	Expect(shut.Status().Update(ctx, first)).To(Succeed())
	copied := get(ctx, w, &v1alpha1.ScimEndpoint{}, "okta")
	meta.SetStatusCondition(&copied.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionIssuerShared, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssuerShared, Message: "as told before",
	})
	Expect(w.Status().Update(ctx, copied)).To(Succeed())

	w.run(ctx, mgr)
	Eventually(func(g Gomega) {
		endpoint := get(ctx, w, &v1alpha1.ScimEndpoint{}, "okta")
		ready := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionReady)
		g.Expect(ready).To(And(HaveField("Reason", v1alpha1.ReasonNamespacesUnread), HaveField("Message", Not(ContainSubstring(shut.namespace)))))
		g.Expect(endpoint.Status.Tokens).To(ConsistOf(And(HaveField("FirstSeenAt", BeNil()), HaveField("CopiedAt", BeNil()))))
		g.Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionIssuerShared)).To(HaveField("Message", "as told before"))
	}).WithContext(ctx).Should(Succeed())

	By("deciding when it can be read")
	shut.bind(ctx, "another-operator", w.operator)
	Eventually(func(g Gomega) {
		endpoint := get(ctx, w, &v1alpha1.ScimEndpoint{}, "okta")
		g.Expect(endpoint.Status.Tokens).To(ConsistOf(And(HaveField("FirstSeenAt", BeNil()), HaveField("CopiedAt", Not(BeNil())))))
		g.Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionIssuerShared)).To(HaveField("Message", ContainSubstring("another namespace")))
		g.Expect(meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionReady)).To(HaveField("Reason", v1alpha1.ReasonWorksElsewhere))
		other := get(ctx, shut, &v1alpha1.ScimEndpoint{}, "okta")
		g.Expect(other.Status.Tokens).To(ConsistOf(HaveField("FirstSeenAt", Not(BeNil()))))
	}).WithContext(ctx).Should(Succeed())
})
