package controllers

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/tally"
)

// The metrics of the controllers. Their labels are namespaces, kinds, rules and reasons,
// all of which are few; none tells of a person. The series of a namespace end when nothing is left in it.
var subjectsNow = &subjectCollector{sources: map[*setup]bool{}, holds: map[holdKey]int{}}

var (
	subjectsDesc = prometheus.NewDesc("scim_subjects",
		"ScimUsers and ScimGroups, by namespace and kind. Every replica tells the same.", []string{"namespace", "kind"}, nil)
	notReadyDesc = prometheus.NewDesc("scim_subjects_not_ready",
		"ScimUsers and ScimGroups that are not Ready, by namespace, kind and reason. Reason Held: the safety brake, which can hold Persons "+
			"without a ScimUser, too. Kind Person has those, and what is protected and stays enabled without one. Every replica tells the same.",
		[]string{"namespace", "kind", "reason"}, nil)
	failedDesc = prometheus.NewDesc("scim_rule_failed_subjects",
		"Subjects for which an AutomationRule fails now, by namespace and rule. Every replica tells the same.", []string{"namespace", "rule"}, nil)
	backlogDesc = prometheus.NewDesc("scim_reprocessing_backlog",
		"Subjects that are still to be processed again because a rule has changed, by namespace and kind. Only the leader tells.",
		[]string{"namespace", "kind"}, nil)
	weakenedDesc = prometheus.NewDesc("scim_brake_weakened",
		"1 while the safety brake of a namespace is off, or its limits hardly hold anything, else 0. Every replica tells the same.",
		[]string{"namespace"}, nil)
	endsDesc = prometheus.NewDesc("scim_credential_expires_timestamp_seconds",
		"When the token of a ScimEndpoint or a client's last secret ends or has ended, of those with condition CredentialExpiring. Every replica tells the same.",
		[]string{"namespace", "endpoint"}, nil)
	// holdsDesc counts decisions of the safety brake, not what is held now.
	holdsDesc = prometheus.NewDesc("scim_holds_total",
		"How often the safety brake has kept something from a Person, by namespace and effect.", []string{"namespace", "effect"}, nil)
)

func init() { metrics.Registry.MustRegister(subjectsNow) }

// subjectCollector tells what the caches of this process hold, so that neither a change of
// the leader nor its crash leaves a gap, and what its controllers count while they run.
type subjectCollector struct {
	mu sync.Mutex
	// sources are what there is in this process, and whether its controllers run. More than
	// one only in tests.
	sources map[*setup]bool
	// holds are what the brake has held in this process.
	holds map[holdKey]int
}

// holdKey are the labels of what the brake has held.
type holdKey struct {
	namespace string
	effect    v1alpha1.HeldEffect
}

// Describe implements prometheus.Collector.
func (c *subjectCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{subjectsDesc, notReadyDesc, failedDesc, backlogDesc, weakenedDesc, endsDesc, holdsDesc} {
		to <- desc
	}
}

// measured are values by metric and labels.
type measured map[*prometheus.Desc]map[[3]string]int

// Collect implements prometheus.Collector. Where several sources tell of the same, the last
// one counts.
func (c *subjectCollector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := measured{subjectsDesc: {}, notReadyDesc: {}, failedDesc: {}, backlogDesc: {}, weakenedDesc: {}, endsDesc: {}}
	there, known := map[string]bool{}, len(c.sources) > 0
	for s := range c.sources {
		known = s.addNamespaces(there) && known
	}
	for namespace := range there {
		// A counter that appears with its first value shows no increase.
		for _, e := range brake.Effects {
			c.holds[holdKey{namespace, e}] += 0
		}
	}
	if known {
		maps.DeleteFunc(c.holds, func(key holdKey, _ int) bool { return !there[key.namespace] })
	}
	for s, leads := range c.sources {
		s.measure(found, there, leads)
	}
	for desc, values := range found {
		for labels, value := range values {
			used := labels[:2]
			switch desc {
			case notReadyDesc:
				used = labels[:]
			case weakenedDesc:
				used = labels[:1]
			}
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), used...)
		}
	}
	for key, n := range c.holds {
		to <- prometheus.MustNewConstMetric(holdsDesc, prometheus.CounterValue, float64(n), key.namespace, string(key.effect))
	}
}

// held counts a decision of the safety brake.
func (c *subjectCollector) held(namespace string, e v1alpha1.HeldEffect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[holdKey{namespace, e}]++
}

// during lets the metrics tell of s while ctx lasts.
func (c *subjectCollector) during(ctx context.Context, s *setup, leads bool) {
	c.mu.Lock()
	c.sources[s] = c.sources[s] || leads
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sources, s)
}

// everywhere is a Runnable of all replicas.
type everywhere struct{ manager.RunnableFunc }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (everywhere) NeedLeaderElection() bool { return false }

// publish lets the metrics tell of this manager.
func (s *setup) publish(ctx context.Context) (err error) {
	if s.failures, err = follow(ctx, s.mgr.GetCache(), &v1alpha1.AutomationRule{}, func(r *v1alpha1.AutomationRule) (int64, bool) {
		return r.Status.Failed, true
	}); err != nil {
		return err
	}
	if s.ends, err = follow(ctx, s.mgr.GetCache(), &v1alpha1.ScimEndpoint{}, func(e *v1alpha1.ScimEndpoint) (int64, bool) {
		return endOfCredential(e, s.status.Now())
	}); err != nil {
		return err
	}
	if s.tenants, err = tally.New(ctx, s.mgr.GetCache(), &v1alpha1.ScimEndpoint{}, classOfEndpoint); err != nil {
		return err
	}
	if s.heldPersons, err = tally.New(ctx, s.mgr.GetCache(), &v1alpha1.Person{}, classOfPerson); err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{
		everywhere{func(ctx context.Context) error { subjectsNow.during(ctx, s, false); return nil }},
		manager.RunnableFunc(func(ctx context.Context) error { subjectsNow.during(ctx, s, true); return nil }),
	} {
		if err := s.mgr.Add(runnable); err != nil {
			return err
		}
	}
	return nil
}

// classOfPerson is ReasonHeld for a Person without a user that the safety brake holds, and
// ReasonPersonProtected for one that stays enabled because it is protected. Those of users are
// counted there.
func classOfPerson(p *v1alpha1.Person) string {
	if p.Status.HeldGeneration != 0 {
		return v1alpha1.ReasonHeld
	}
	if class := classOf(p.Status.Conditions); class == v1alpha1.ReasonPersonProtected {
		return class
	}
	return classReady
}

// classOfEndpoint is the condition BrakeWeakened of a ScimEndpoint that has it.
func classOfEndpoint(e *v1alpha1.ScimEndpoint) string {
	if meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionBrakeWeakened) {
		return v1alpha1.ConditionBrakeWeakened
	}
	return classReady
}

// addNamespaces adds those in which there is something to tell of, and reports whether that is all
// of them. What is known of others is dropped.
func (s *setup) addNamespaces(there map[string]bool) bool {
	known := s.failures.synced()
	for rule := range s.failures.all() {
		there[rule.Namespace] = true
	}
	tallies := []*tally.Tally{s.subjects.users, s.subjects.groups, s.tenants, s.heldPersons}
	for _, counted := range tallies {
		known = known && counted.Synced()
		for namespace, classes := range counted.All() {
			for class, n := range classes {
				if n > 0 && (counted != s.heldPersons || class != classReady) {
					there[namespace] = true
				}
			}
		}
	}
	for _, counted := range tallies {
		if known {
			counted.Forget(there)
		}
	}
	return known
}

func (s *setup) measure(found measured, there map[string]bool, leads bool) {
	for kind, counted := range map[v1alpha1.SubjectKind]*tally.Tally{
		v1alpha1.SubjectScimUser: s.subjects.users, v1alpha1.SubjectScimGroup: s.subjects.groups,
	} {
		if !counted.Synced() {
			continue
		}
		for namespace, classes := range counted.All() {
			total := 0
			if kind == v1alpha1.SubjectScimUser {
				found[notReadyDesc][[3]string{namespace, string(kind), v1alpha1.ReasonHeld}] = 0
			}
			for class, n := range classes {
				total += n
				if class != classReady {
					found[notReadyDesc][[3]string{namespace, string(kind), class}] = n
				}
			}
			found[subjectsDesc][[3]string{namespace, string(kind)}] = total
		}
	}
	s.measurePersons(found, there)
	if s.tenants.Synced() {
		for namespace := range there {
			found[weakenedDesc][[3]string{namespace}] = min(1, s.tenants.Of(namespace)[v1alpha1.ConditionBrakeWeakened])
		}
	}
	s.failures.measure(found[failedDesc])
	s.ends.measure(found[endsDesc])
	if !leads {
		return
	}
	for key, n := range s.reprocessing.left() {
		found[backlogDesc][[3]string{key.namespace, string(key.kind)}] = n
	}
}

// measurePersons tells of Persons that have something wrong with them and no user to tell of it.
func (s *setup) measurePersons(found measured, there map[string]bool) {
	if !s.heldPersons.Synced() {
		return
	}
	for namespace := range there {
		counts := s.heldPersons.Of(namespace)
		for _, reason := range []string{v1alpha1.ReasonHeld, v1alpha1.ReasonPersonProtected} {
			found[notReadyDesc][[3]string{namespace, string(v1alpha1.RecordPerson), reason}] = counts[reason]
		}
	}
}

// endOfCredential is when the first credential of an endpoint ends or has ended that has no successor and that a client needs, in
// seconds since 1970, if the endpoint says that one does.
func endOfCredential(e *v1alpha1.ScimEndpoint, now time.Time) (int64, bool) {
	if !meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionCredentialExpiring) {
		return 0, false
	}
	var end time.Time
	needed := missed(e, now)
	for _, token := range e.Status.Tokens {
		if needed && token.State == v1alpha1.TokenCurrent && token.ExpiresAt != nil {
			end = token.ExpiresAt.Time
		}
	}
	for _, oauthClient := range e.Status.Connection.Clients {
		end = sooner(end, lastOf(oauthClient.Secrets))
	}
	return end.Unix(), !end.IsZero()
}

// followed is a number that each object of a kind has, as its status tells; some may have none.
type followed struct {
	synced toolscache.InformerSynced

	mu      sync.Mutex
	numbers map[types.NamespacedName]int64
}

func follow[T any, P interface {
	*T
	client.Object
}](ctx context.Context, c cache.Cache, object P, number func(P) (int64, bool)) (*followed, error) {
	f := &followed{numbers: map[types.NamespacedName]int64{}}
	var err error
	f.synced, err = kube.Follow(ctx, c, object, func(old, current P) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if old != nil {
			delete(f.numbers, client.ObjectKeyFromObject(old))
		}
		if current == nil {
			return
		}
		if n, has := number(current); has {
			f.numbers[client.ObjectKeyFromObject(current)] = n
		}
	})
	return f, err
}

// measure adds the numbers to those of a metric, by namespace and name.
func (f *followed) measure(into map[[3]string]int) {
	if !f.synced() {
		return
	}
	for of, n := range f.all() {
		into[[3]string{of.Namespace, of.Name}] = int(n)
	}
}

// all returns the numbers by object.
func (f *followed) all() map[types.NamespacedName]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.numbers)
}
