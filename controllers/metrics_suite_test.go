package controllers_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// metric is the value of a metric of a namespace, with the values of its other labels
// in any order; -1 if there is none.
func metric(name, namespace string, labels ...string) func() float64 {
	return func() float64 {
		families, err := metrics.Registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		for _, family := range families {
			for _, found := range family.GetMetric() {
				var values []string
				for _, label := range found.GetLabel() {
					values = append(values, label.GetValue())
				}
				if match, _ := ConsistOf(append(labels, namespace)).Match(values); family.GetName() == name && match {
					if counter := found.GetCounter(); counter != nil {
						return counter.GetValue()
					}
					return found.GetGauge().GetValue()
				}
			}
		}
		return -1
	}
}

// seriesOf are the names of this package's metrics that tell of a namespace.
func seriesOf(namespace string) []string {
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, family := range families {
		for _, found := range family.GetMetric() {
			for _, label := range found.GetLabel() {
				if strings.HasPrefix(family.GetName(), "scim_") && label.GetValue() == namespace {
					names = append(names, family.GetName())
				}
			}
		}
	}
	return names
}

var _ = Describe("Metrics", Label("race"), func() {
	It("tell of subjects, of what is not Ready and why, of rules that fail and of the brake", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		stop := w.start(ctx, countOften)
		Expect(w.Create(ctx, limitedTo(1))).To(Succeed())
		users := w.createUsers(ctx, 4)
		Eventually(metric("scim_subjects", w.namespace, "ScimUser")).Should(Equal(4.0))
		Eventually(metric("scim_holds_total", w.namespace, string(v1alpha1.HeldDisable))).Should(BeZero(), "there before the first one is held, or Prometheus sees no increase")
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonHeld)).Should(BeZero())
		w.deactivate(ctx, users[:3]...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 3, held: 2})
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonHeld)).Should(Equal(2.0))
		Expect(metric("scim_holds_total", w.namespace, string(v1alpha1.HeldDisable))()).To(BeNumerically(">=", 2.0))
		w.deactivate(ctx, users[3])
		w.release(ctx, eventually(ctx, w, newEndpoint("okta"), holds(3)))
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonHeld)).Should(BeZero(), "not gone: it falls to 0")

		failing := locationRule()
		Expect(w.Create(ctx, failing)).To(Succeed())
		Eventually(metric("scim_rule_failed_subjects", w.namespace, failing.Name)).Should(Equal(4.0))
		eventually(ctx, w, failing, reprocessed(4))
		Eventually(metric("scim_reprocessing_backlog", w.namespace, "ScimUser")).Should(BeNumerically("<=", 0))
		Expect(w.Delete(ctx, failing)).To(Succeed())
		Eventually(metric("scim_rule_failed_subjects", w.namespace, failing.Name)).Should(Equal(-1.0))
		stop()
		Expect(metric("scim_subjects", w.namespace, "ScimUser")()).To(Equal(-1.0), "only a running manager tells")
	})

	It("tell of Persons that are held and have no user, and end with the namespace's last object", func(ctx SpecContext) {
		w := newWorld(ctx)
		endpoint, rule := limitedTo(1), locationRule()
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		Expect(w.Create(ctx, rule)).To(Succeed())
		w.start(ctx, countOften)
		Eventually(metric("scim_holds_total", w.namespace, string(v1alpha1.HeldDisable))).Should(BeZero(), "there before the first user is")
		for i := range 3 {
			orphan := newPerson(fmt.Sprintf("orphan-%d", i), fmt.Sprintf("orphan-%d@example.com", i))
			orphan.Spec.Source, orphan.Spec.SourceID = v1alpha1.SourceSCIM, fmt.Sprintf("gone-%d", i)
			Expect(w.Create(ctx, orphan)).To(Succeed())
		}
		Eventually(metric("scim_subjects_not_ready", w.namespace, "Person", v1alpha1.ReasonHeld)).Should(Equal(2.0))
		user := newUser("jane@example.com", "Jane Roe")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonExpressionError))
		Eventually(metric("scim_rule_failed_subjects", w.namespace, rule.Name)).Should(Equal(1.0))

		By("staying at 0 while something is there that there may be more of")
		Expect(w.Delete(ctx, user)).To(Succeed())
		Eventually(metric("scim_subjects", w.namespace, "ScimUser")).Should(BeZero())
		Expect(w.Delete(ctx, rule)).To(Succeed())
		w.release(ctx, eventually(ctx, w, endpoint, holds(2)))
		Eventually(metric("scim_subjects_not_ready", w.namespace, "Person", v1alpha1.ReasonHeld)).Should(BeZero())
		Eventually(metric("scim_rule_failed_subjects", w.namespace, rule.Name)).Should(Equal(-1.0))
		Consistently(metric("scim_subjects", w.namespace, "ScimUser"), "100ms").Should(BeZero())

		By("ending where there is nothing")
		Expect(w.Delete(ctx, endpoint)).To(Succeed())
		Eventually(func() []string { return seriesOf(w.namespace) }).Should(BeEmpty())
	})

	It("of what is stored are told by a replica that does not lead, too", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		stop := w.start(ctx, countOften)
		w.createUsers(ctx, 3)
		Expect(w.Create(ctx, locationRule())).To(Succeed())
		eventually(ctx, w, locationRule(), subjects(metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed))
		// All three have to have failed: the rule says so after the first.
		eventually(ctx, w, locationRule(), HaveField("Status.Failed", int64(3)))
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonExpressionError)).Should(Equal(3.0))
		stop()

		someone := "someone-else"
		lease := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "scim-operator." + v1alpha1.GroupVersion.Group},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: &someone, LeaseDurationSeconds: new(int32(3600)), AcquireTime: new(metav1.NowMicro()), RenewTime: new(metav1.NowMicro()),
			},
		}
		Expect(w.Create(ctx, lease)).To(Succeed())
		standby := suite.NewManager(env.Config, []string{w.namespace}, func(o *kube.Options) {
			o.LeaderElection, o.LeaderElectionNamespace = true, w.namespace
		})
		stop = w.run(ctx, standby, countOften)
		Eventually(metric("scim_subjects", w.namespace, "ScimUser")).Should(Equal(3.0))
		Eventually(metric("scim_rule_failed_subjects", w.namespace, "location")).Should(Equal(3.0))
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonExpressionError)).Should(Equal(3.0))

		By("but for what only the leader does")
		changed := locationRule()
		update(ctx, w, changed, func(r *v1alpha1.AutomationRule) { r.Spec.Position = new(int32(21)) })
		Eventually(func(g Gomega) {
			cached := &v1alpha1.AutomationRule{}
			g.Expect(standby.GetCache().Get(ctx, client.ObjectKeyFromObject(changed), cached)).To(Succeed())
			g.Expect(cached.Generation).To(Equal(changed.Generation))
		}).Should(Succeed())
		Expect(metric("scim_reprocessing_backlog", w.namespace, "ScimUser")()).To(Equal(-1.0))
		stop()
	})
})
