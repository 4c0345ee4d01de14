package store

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

func TestSweepsAreMeasured(t *testing.T) {
	total := func(name, action string) float64 {
		families, err := metrics.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if labels := metric.GetLabel(); family.GetName() == name && (action == "" || labels[0].GetValue() == action) {
					return metric.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
	for _, c := range []struct {
		name, action string
		want         float64
	}{
		{"scim_claims_swept_total", "removed", 3}, {"scim_claims_swept_total", "restored", 2}, {"scim_memberships_swept_total", "", 1},
	} {
		before := total(c.name, c.action)
		SweepResult{ClaimsRemoved: 3, ClaimsRestored: 2, MembershipsRemoved: 1}.measure()
		if got := total(c.name, c.action) - before; got != c.want {
			t.Errorf("%s %s grew by %v, want %v", c.name, c.action, got, c.want)
		}
	}
}
