package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/v1alpha1"
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

var _ = Describe("Metrics", func() {
	It("tell of subjects, of what is not Ready and why, of rules that fail and of the brake", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		stop := w.start(ctx, countOften)
		Expect(w.Create(ctx, limitedTo(1))).To(Succeed())
		users := w.createUsers(ctx, 4)
		Eventually(metric("scim_subjects", w.namespace, "ScimUser")).Should(Equal(4.0))
		w.deactivate(ctx, users[:3]...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 3, held: 2})
		Eventually(metric("scim_subjects_not_ready", w.namespace, "ScimUser", v1alpha1.ReasonHeld)).Should(Equal(2.0))
		Expect(metric("scim_disables_held_total", w.namespace)()).To(BeNumerically(">=", 2.0))

		failing := locationRule()
		Expect(w.Create(ctx, failing)).To(Succeed())
		Eventually(metric("scim_rule_failed_subjects", w.namespace, failing.Name)).Should(Equal(4.0))
		eventually(ctx, w, failing, reprocessed(4))
		Eventually(metric("scim_reprocessing_backlog", w.namespace, "ScimUser")).Should(BeNumerically("<=", 0))
		Expect(w.Delete(ctx, failing)).To(Succeed())
		Eventually(metric("scim_rule_failed_subjects", w.namespace, failing.Name)).Should(Equal(-1.0))
		stop()
		Expect(metric("scim_subjects", w.namespace, "ScimUser")()).To(Equal(-1.0), "only running controllers tell")
	})
})
