package store

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	claimsSweptTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_claims_swept_total",
		Help: "Claims on names that the sweeper removed because nobody has them, or restored because they were missing, by action.",
	}, []string{"action"})
	membershipsSweptTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_memberships_swept_total",
		Help: "Members that do not exist, which the sweeper took out of groups.",
	})
	pagesSweptTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_group_pages_swept_total",
		Help: "Pages of members that no group lists, which the sweeper deleted.",
	})
	membershipsMovedTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_memberships_moved_total",
		Help: "Memberships that were brought from spec.groups of users and groups, where older operators kept them, into groups and their pages.",
	})
)

func init() {
	metrics.Registry.MustRegister(claimsSweptTotal, membershipsSweptTotal, pagesSweptTotal, membershipsMovedTotal)
	SweepResult{}.measure() // a counter that appears with its first value shows no increase
}

// measure adds what a sweep has done to the metrics.
func (r SweepResult) measure() {
	claimsSweptTotal.WithLabelValues("removed").Add(float64(r.ClaimsRemoved))
	claimsSweptTotal.WithLabelValues("restored").Add(float64(r.ClaimsRestored))
	membershipsSweptTotal.Add(float64(r.MembershipsRemoved))
	pagesSweptTotal.Add(float64(r.PagesRemoved))
}
