package fairqueue

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The metrics are controller-runtime's own, so that dashboards and alerts for its controllers hold for these, too. It
// registers them without handing them out; the registry does, to whoever describes them in the same words.
var (
	depth = registered(prometheus.NewGaugeVec(gauge(ctrlmetrics.DepthKey, "Current depth of workqueue by workqueue and priority"),
		[]string{"name", "controller", "priority"}))
	adds = registered(prometheus.NewCounterVec(counter(ctrlmetrics.AddsKey, "Total number of adds handled by workqueue"),
		[]string{"name", "controller"}))
	retries = registered(prometheus.NewCounterVec(counter(ctrlmetrics.RetriesKey, "Total number of items added to the workqueue with a non-zero delay "+
		"(rate-limited requeues, explicit RequeueAfter or AddAfter calls)"), []string{"name", "controller"}))
	latency = registered(prometheus.NewHistogramVec(histogram(ctrlmetrics.QueueLatencyKey, "How long in seconds an item stays in workqueue before "+
		"being requested"), []string{"name", "controller"}))
	workDuration = registered(prometheus.NewHistogramVec(histogram(ctrlmetrics.WorkDurationKey, "How long in seconds processing an item from "+
		"workqueue takes."), []string{"name", "controller"}))
	unfinished = registered(prometheus.NewGaugeVec(gauge(ctrlmetrics.UnfinishedWorkKey, "How many seconds of work has been done that "+
		"is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck "+
		"threads by observing the rate at which this increases."), []string{"name", "controller"}))
	longest = registered(prometheus.NewGaugeVec(gauge(ctrlmetrics.LongestRunningProcessorKey, "How many seconds has the longest running "+
		"processor for workqueue been running."), []string{"name", "controller"}))
)

func gauge(key, help string) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Subsystem: ctrlmetrics.WorkQueueSubsystem, Name: key, Help: help}
}

func counter(key, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Subsystem: ctrlmetrics.WorkQueueSubsystem, Name: key, Help: help}
}

func histogram(key, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Subsystem: ctrlmetrics.WorkQueueSubsystem, Name: key, Help: help}
}

// registered gives the collector that the registry has. It panics, like prometheus.MustRegister, where that is another one.
func registered[C prometheus.Collector](described C) C {
	err := ctrlmetrics.Registry.Register(described)
	var already prometheus.AlreadyRegisteredError
	if !errors.As(err, &already) {
		panic(fmt.Errorf("controller-runtime has no such metric: %w", err))
	}
	return already.ExistingCollector.(C)
}

// metrics are those of one controller's queue.
type metrics struct {
	depth                 [lanes]prometheus.Gauge
	adds, retries         prometheus.Counter
	latency, workDuration prometheus.Observer
	unfinished, longest   prometheus.Gauge
}

func metricsOf(controller string) metrics {
	of := func(priority int) prometheus.Gauge {
		return depth.WithLabelValues(controller, controller, strconv.Itoa(priority))
	}
	return metrics{
		depth:        [lanes]prometheus.Gauge{ordinary: of(0), low: of(handler.LowPriority)},
		adds:         adds.WithLabelValues(controller, controller),
		retries:      retries.WithLabelValues(controller, controller),
		latency:      latency.WithLabelValues(controller, controller),
		workDuration: workDuration.WithLabelValues(controller, controller),
		unfinished:   unfinished.WithLabelValues(controller, controller),
		longest:      longest.WithLabelValues(controller, controller),
	}
}

func (m metrics) added(to lane) {
	m.adds.Inc()
	m.depth[to].Inc()
}

func (m metrics) taken(from lane, waited time.Duration) {
	m.depth[from].Dec()
	m.latency.Observe(waited.Seconds())
}

func (m metrics) raised(from, to lane) {
	m.depth[from].Dec()
	m.depth[to].Inc()
}
