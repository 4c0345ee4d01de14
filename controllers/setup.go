package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/fairqueue"
	"rservice.dev/scim-operator/controllers/identity"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/tally"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// recorderName is the reporting controller of all Events.
	recorderName = "scim-operator"
	// userConcurrency is how many users are worked on at the same time. A user takes three writes, one after the other, and the
	// request that brings it two: against 16 clients of an API server that is busy mapping keeps pace only from 24 on.
	userConcurrency = 32
	// defaultConcurrency is how many groups, which may be large, and how many Persons, which are hardly ever written.
	defaultConcurrency = 8
	// spareWorker is one that is kept free for a namespace that has nothing in work.
	spareWorker = 1
	// defaultRecheckInterval is seldom enough to do for every user of a large tenant,
	// should a rule break for all of them: nothing is written when nothing changed.
	defaultRecheckInterval = 10 * time.Minute
	// checkedEndpoints is of how many ScimEndpoints it is remembered whether their issuers can be used.
	checkedEndpoints = 1024
	// madeTokens is how many tokens it is remembered of that this process has made them.
	madeTokens = 1024
	// retryBase is after how long a failed reconcile is repeated, then twice that and so on.
	retryBase = 100 * time.Millisecond
)

// Options are what a caller of Setup may choose. The zero value is what the operator
// uses.
type Options struct {
	// Concurrency is how many users, groups and Persons of one namespace are each worked on
	// at the same time. Several namespaces share that, and one worker more. 0 means 32 users, 8 groups and 8 Persons.
	Concurrency int
	// CountInterval is how long the numbers in the status of an AutomationRule or a
	// ScimEndpoint may be behind. 0 means a minute.
	CountInterval time.Duration
	// RecheckInterval is after how long a subject is looked at again that waits for what no
	// event tells of: what the API server rejects, a rule that took too long, the safety
	// brake. 0 means ten minutes.
	RecheckInterval time.Duration
	// Leave takes the user with this id out of all groups of its namespace before it is let go. What was done before is done
	// without a write, and an error is retried. Nil: somebody else does that.
	Leave func(ctx context.Context, namespace, id string) error
	// Exclusive says that no other manager has controllers at work at the same time, as leader
	// election sees to. Without it a Lease keeps each e-mail address and name for one record,
	// which is one write more for each record that is new or gets another address.
	Exclusive bool
	// Faults returns the kinds that the operator cannot read, which every ScimEndpoint then
	// tells of. Nil: they tell of none.
	Faults func() []kube.Fault
	// Outages returns the issuers of an endpoint whose keys cannot be fetched. Nil: endpoints tell of none.
	Outages func(endpoint *v1alpha1.ScimEndpoint) []trust.Outage
	// FaultInterval is how often Faults and Outages are called. 0 means ten seconds.
	FaultInterval time.Duration
	// Bounds are what endpoints may ask for. One that asks for more is told so. The zero value lets them ask for anything.
	Bounds bounds.Bounds
	// Clock tells the time. Nil means the real one.
	Clock clock.PassiveClock
}

// Setup registers the cache's indexes and all controllers with a manager from package
// api/kube. Call it once, before the manager starts.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if o.CountInterval == 0 {
		o.CountInterval = defaultCountInterval
	}
	if o.RecheckInterval == 0 {
		o.RecheckInterval = defaultRecheckInterval
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if err := directory.Register(ctx, kube.IndexPerNamespace(mgr.GetCache())); err != nil {
		return err
	}
	memories := map[v1alpha1.SubjectKind]*directory.Memory{v1alpha1.SubjectScimUser: directory.NewMemory(), v1alpha1.SubjectScimGroup: directory.NewMemory()}
	s := &setup{
		mgr:     mgr,
		options: o,
		client:  mgr.GetClient(),
		find:    dependents{reader: mgr.GetCache(), memories: memories},
		rules:   rulecache.New(),
		status:  verdict.NewWriter(mgr.GetClient(), mgr.GetEventRecorder(recorderName), o.Clock),
	}
	s.reprocessing = newReprocessing(o.Clock)
	var err error
	if s.subjects, err = newSubjectTallies(ctx, s); err != nil {
		return err
	}
	if s.brake, err = brake.New(ctx, s.client, mgr.GetCache(), o.Clock, subjectsNow.held); err != nil {
		return err
	}
	s.runner = &ruleRunner{
		client: s.client, live: mgr.GetAPIReader(), clock: o.Clock, rules: s.rules, recheckInterval: o.RecheckInterval, brake: s.brake, memories: memories, status: s.status,
		identities: identity.NewClaims(s.client, mgr.GetAPIReader(), o.Clock, o.Exclusive),
	}
	return errors.Join(s.publish(ctx), s.reportFaults(), s.users(), s.groups(), s.automationRules(), s.persons(), s.organizations(), s.sites(), s.endpoints(), s.retention(ctx))
}

// setup holds what the controllers share.
type setup struct {
	mgr     ctrl.Manager
	options Options
	client  client.Client
	find    dependents
	rules   *rulecache.Cache
	status  *verdict.Writer
	runner  *ruleRunner
	brake   *brake.Brake
	// reprocessing follows what changes of rules cause.
	reprocessing *reprocessing
	// subjects are counted for endpoints and metrics.
	subjects subjectTallies
	// failures, ScimEndpoints and Persons that are held are counted for metrics.
	failures *followed
	// ends are when tokens end that do so soon.
	ends                 *followed
	tenants, heldPersons *tally.Tally
}

func (s *setup) users() error {
	return s.complete("scimuser", cmp.Or(s.options.Concurrency, userConcurrency)+spareWorker,
		s.tracked(&userReconciler{client: s.client, status: s.status, runner: s.runner, leaveGroups: s.options.Leave}, v1alpha1.SubjectScimUser),
		func(b *builder.Builder) {
			b.For(&v1alpha1.ScimUser{}, specOrRerunChanges).WatchesRawSource(s.resumed(v1alpha1.SubjectScimUser))
		})
}

func (s *setup) groups() error {
	return s.complete("scimgroup", cmp.Or(s.options.Concurrency, defaultConcurrency)+spareWorker,
		s.tracked(&groupReconciler{client: s.client, status: s.status, runner: s.runner}, v1alpha1.SubjectScimGroup),
		func(b *builder.Builder) {
			b.For(&v1alpha1.ScimGroup{}, builder.WithPredicates(specOrRerun, moreThanMembers)).WatchesRawSource(s.resumed(v1alpha1.SubjectScimGroup))
		})
}

// tracked makes a reconciler of subjects tell how far they are.
func (s *setup) tracked(r reconcile.Reconciler, kind v1alpha1.SubjectKind) reconcile.Reconciler {
	return tracked{Reconciler: r, reprocessing: s.reprocessing, kind: kind, recheck: s.options.RecheckInterval}
}

// resumed is where the subjects of rules come from that no event has told of.
func (s *setup) resumed(kind v1alpha1.SubjectKind) source.Source {
	return source.Channel(s.reprocessing.subjects[kind], s.reprocessing.onResume(s.find, kind))
}

func (s *setup) automationRules() error {
	reconciler := &ruleReconciler{client: s.client, status: s.status, rules: s.rules, find: s.find, reprocessing: s.reprocessing, linter: newLinter()}
	return s.complete("automationrule", 1, reconciler,
		func(b *builder.Builder) {
			b.For(&v1alpha1.AutomationRule{}, specOrRerunChanges).
				WatchesRawSource(source.Channel(s.reprocessing.rules, &handler.EnqueueRequestForObject{}))
		})
}

func (s *setup) persons() error {
	return s.complete("person", cmp.Or(s.options.Concurrency, defaultConcurrency)+spareWorker, &personReconciler{client: s.client, live: s.mgr.GetAPIReader(), status: s.status, brake: s.brake},
		func(b *builder.Builder) {
			b.For(&v1alpha1.Person{}, specChanges)
		})
}

func (s *setup) organizations() error {
	return s.complete("organization", 1, &organizationReconciler{client: s.client, status: s.status},
		func(b *builder.Builder) {
			b.For(&v1alpha1.Organization{}, specChanges)
		})
}

func (s *setup) sites() error {
	return s.complete("site", 1, &siteReconciler{client: s.client, status: s.status},
		func(b *builder.Builder) {
			b.For(&v1alpha1.Site{}, specChanges)
		})
}

func (s *setup) endpoints() error {
	reconciler := &endpointReconciler{
		client: s.client, cache: s.mgr.GetCache(), live: s.mgr.GetAPIReader(), status: s.status, rules: s.rules, subjects: s.subjects, brake: s.brake,
		bounds: s.options.Bounds, outages: s.options.Outages, checked: lru.New(checkedEndpoints), made: lru.New(madeTokens),
		assertions: newAssertionSweeper(s.mgr.GetAPIReader(), s.client),
	}
	away := make(chan event.GenericEvent)
	if s.options.Outages != nil {
		watch := &outageWatch{
			reader: s.mgr.GetCache(), outages: s.options.Outages, interval: cmp.Or(s.options.FaultInterval, defaultFaultInterval), changed: away,
		}
		if err := s.mgr.Add(watch); err != nil {
			return fmt.Errorf("watch for issuers that do not answer: %w", err)
		}
	}
	return s.complete("scimendpoint", 1, reconciler,
		func(b *builder.Builder) {
			b.For(&v1alpha1.ScimEndpoint{}, specOrAnnotationChanges).
				Watches(&v1alpha1.ScimEndpoint{}, rivalsOf(s.mgr.GetCache())).
				WatchesRawSource(source.Channel(away, &handler.EnqueueRequestForObject{}))
		})
}

// reportFaults adds the reporter, if there is somebody to ask.
func (s *setup) reportFaults() error {
	if s.options.Faults == nil {
		return nil
	}
	interval := cmp.Or(s.options.FaultInterval, defaultFaultInterval)
	return s.mgr.Add(&faultReporter{client: s.client, cache: s.mgr.GetCache(), status: s.status, faults: s.options.Faults, interval: interval})
}

// retention deletes the Persons of those who left long ago, where an endpoint says so.
func (s *setup) retention(ctx context.Context) error {
	index, err := newLeavers(ctx, s.mgr.GetCache())
	if err != nil {
		return err
	}
	reconciler := &retentionReconciler{
		client: s.client, live: s.mgr.GetAPIReader(), status: s.status, clock: s.options.Clock, leavers: index,
		identities: s.runner.identities, interval: retentionCounts * s.options.CountInterval,
	}
	return s.complete("retention", 1, reconciler, func(b *builder.Builder) {
		b.For(&v1alpha1.ScimEndpoint{}, specOrAnnotationChanges)
	})
}

// specChanged leaves out changes of status and metadata. A deletion counts as a change
// of the spec where there is a finalizer, because it raises the generation.
var specChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return changedSpec(e.ObjectOld, e.ObjectNew) }}

var specChanges = builder.WithPredicates(specChanged)

// specOrRerun also lets the annotation through that asks for a run.
var specOrRerun = predicate.Or(
	specChanged,
	predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		asked := execution.AskedRerun(e.ObjectNew)
		return asked != "" && asked != execution.AskedRerun(e.ObjectOld)
	}},
)

var specOrRerunChanges = builder.WithPredicates(specOrRerun)

// specOrAnnotationChanges also lets through what an annotation asks for.
var specOrAnnotationChanges = builder.WithPredicates(predicate.Or(specChanged, predicate.AnnotationChangedPredicate{}))

func (s *setup) complete(name string, workers int, r reconcile.Reconciler, watch func(*builder.Builder)) error {
	b := ctrl.NewControllerManagedBy(s.mgr).Named(name).WithOptions(controller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryBase, verdict.MaxRetryDelay),
		NewQueue: func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) queue {
			return fairqueue.New(name, workers, limiter)
		},
	})
	watch(b)
	for _, one := range s.triggers(name) {
		b.Watches(one.changed, one.handler)
	}
	if err := b.Complete(verdict.Replanning(r)); err != nil {
		return fmt.Errorf("set up controller %s: %w", name, err)
	}
	return nil
}
