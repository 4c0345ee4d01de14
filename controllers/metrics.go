package controllers

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The metrics of the controllers. Their labels are namespaces, kinds, rules and reasons,
// all of which are few; none tells of a person.
var (
	// holdsTotal counts decisions of the safety brake, not what is held now.
	holdsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_disables_held_total",
		Help: "Persons that the safety brake has kept from being disabled, by namespace.",
	}, []string{"namespace"})
	failedSubjects = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_rule_failed_subjects",
		Help: "Subjects for which an AutomationRule fails now, by namespace and rule.",
	}, []string{"namespace", "rule"})
	subjectsNow = &subjectCollector{sources: map[*setup]struct{}{}}
)

var (
	subjectsDesc = prometheus.NewDesc("scim_subjects",
		"ScimUsers and ScimGroups, by namespace and kind.", []string{"namespace", "kind"}, nil)
	notReadyDesc = prometheus.NewDesc("scim_subjects_not_ready",
		"ScimUsers and ScimGroups that are not Ready, by namespace, kind and reason. Reason Held: the safety brake.",
		[]string{"namespace", "kind", "reason"}, nil)
	backlogDesc = prometheus.NewDesc("scim_reprocessing_backlog",
		"Subjects that are still to be processed again because a rule has changed, by namespace and kind.",
		[]string{"namespace", "kind"}, nil)
)

func init() {
	metrics.Registry.MustRegister(holdsTotal, failedSubjects, subjectsNow)
}

// forgetRule drops the metric of a rule that is gone.
func forgetRule(key types.NamespacedName) { failedSubjects.DeleteLabelValues(key.Namespace, key.Name) }

// subjectCollector tells what the controllers of this process count while it is the
// leader: of several replicas one tells.
type subjectCollector struct {
	mu sync.Mutex
	// sources are the running controllers; more than one only in tests.
	sources map[*setup]struct{}
}

// Describe implements prometheus.Collector.
func (c *subjectCollector) Describe(to chan<- *prometheus.Desc) {
	to <- subjectsDesc
	to <- notReadyDesc
	to <- backlogDesc
}

// Collect implements prometheus.Collector. Where several controllers tell of the same,
// the last one counts.
func (c *subjectCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[*prometheus.Desc]map[[3]string]int{subjectsDesc: {}, notReadyDesc: {}, backlogDesc: {}}
	for s := range c.sources {
		s.measure(found)
	}
	for desc, values := range found {
		for labels, value := range values {
			used := labels[:2]
			if desc == notReadyDesc {
				used = labels[:]
			}
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), used...)
		}
	}
}

// Start implements manager.Runnable: the metrics tell of these controllers for as long
// as they run.
func (s *setup) Start(ctx context.Context) error {
	subjectsNow.add(s)
	<-ctx.Done()
	subjectsNow.remove(s)
	return nil
}

func (s *setup) measure(found map[*prometheus.Desc]map[[3]string]int) {
	for kind, counted := range map[v1alpha1.SubjectKind]*tally{
		v1alpha1.SubjectScimUser: s.subjects.users, v1alpha1.SubjectScimGroup: s.subjects.groups,
	} {
		for namespace, classes := range counted.all() {
			total := 0
			for class, n := range classes {
				total += n
				if class != classReady {
					found[notReadyDesc][[3]string{namespace, string(kind), class}] = n
				}
			}
			found[subjectsDesc][[3]string{namespace, string(kind)}] = total
		}
	}
	for key, n := range s.reprocessing.left() {
		found[backlogDesc][[3]string{key.namespace, string(key.kind)}] = n
	}
}

func (c *subjectCollector) add(s *setup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources[s] = struct{}{}
}

func (c *subjectCollector) remove(s *setup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sources, s)
}
