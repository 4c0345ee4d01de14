package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// holdsTotal counts decisions of the safety brake, not what is held now.
var holdsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "scim_disables_held_total",
	Help: "Persons that the safety brake has kept from being disabled, by namespace.",
}, []string{"namespace"})

func init() {
	metrics.Registry.MustRegister(holdsTotal)
}
