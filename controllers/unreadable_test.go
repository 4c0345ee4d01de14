package controllers_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
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
