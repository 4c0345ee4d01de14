package scimserver

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The metrics of the server. Labels have few values: a route is a pattern such as
// "/Users/{id}", never an address.
var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_http_requests_total",
		Help: "SCIM requests answered, by route, method and HTTP status.",
	}, []string{"route", "method", "status"})
	requestDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "scim_http_request_duration_seconds",
		Help:    "Time from the request's headers to the end of its answer.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"route", "method"})
	requestsInFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "scim_http_requests_in_flight",
		Help: "SCIM requests being served.",
	})
	answersBroken = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_http_answers_broken_off_total",
		Help: "Answers that end too early although their status is one of success, by whom: client, timeout (the client did not read in time), server.",
	}, []string{"by"})
	connectionsCut = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_http_connections_cut_total",
		Help: "Connections closed because there were too many: of strangers, or of clients between two requests.",
	})
	refusalsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_http_refusals_total",
		Help: "Requests that were not let in, by the check that failed. Those that are 429 because there are too many are not among them.",
	}, []string{"reason"})
	panicsTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "scim_http_panics_total",
		Help: "SCIM requests that ended in a panic; each is a bug, and its stack is in the log.",
	})
)

// failures are what alerts look for among the answers.
var failures = []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// countFrom0 makes the counters of the failures of a route before there is one: a counter that
// appears with its first value shows no increase.
func countFrom0(route, method string) {
	for _, status := range failures {
		requestsTotal.WithLabelValues(route, method, strconv.Itoa(status))
	}
}

func init() {
	for _, by := range []string{brokenByClient, brokenByTimeout, brokenByServer} {
		answersBroken.WithLabelValues(by)
	}
	for _, reason := range v1alpha1.RefusalReasons() {
		refusalsTotal.WithLabelValues(string(reason))
	}
	metrics.Registry.MustRegister(requestsTotal, requestDuration, requestsInFlight, answersBroken, connectionsCut, refusalsTotal, panicsTotal)
}
