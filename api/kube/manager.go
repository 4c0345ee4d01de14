// Package kube connects to a cluster: scheme, cache, client and manager, set up
// in one way for the operator and for its tests.
package kube

import (
	"cmp"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/digest"
	v1alpha1 "rservice.dev/scim-operator/api/v1alpha1"
)

// FieldOwner is the field manager of every write that no rule owns.
const FieldOwner = "scim-operator"

// reconcileTimeout ends a reconcile that hangs. It also bounds the waits of the
// read-your-writes client, which have no limit of their own.
const reconcileTimeout = time.Minute

// patience is longer than any process lives.
const patience = 10 * 365 * 24 * time.Hour

// DefaultLeaderElectionLease lets every replica go on answering while an API server restarts.
const DefaultLeaderElectionLease = time.Minute

// Options are what differs between the operator and its tests.
type Options struct {
	// Namespaces are those that the operator works in; empty means all. What cannot be read in one
	// of them does not hold up the others.
	Namespaces []string
	// LeaderElection makes only one of several replicas run the controllers.
	LeaderElection bool
	// LeaderElectionNamespace is where the election's Lease is; empty means the
	// namespace that the process runs in.
	LeaderElectionNamespace string
	// LeaderElectionLease is how long the leader's Lease lasts without being renewed; 0 means
	// DefaultLeaderElectionLease. The controllers stand still for so long when the leader's
	// process dies. A leader that cannot renew it for two thirds of that, because the API
	// server is away, ends, and its SCIM server with it.
	LeaderElectionLease time.Duration
	// MetricsBindAddress is where metrics are served; "0" switches them off.
	MetricsBindAddress string
	// HealthProbeBindAddress is where probes are served; "" and "0" switch them off.
	HealthProbeBindAddress string
	// PprofBindAddress is where profiles are served; "" and "0" switch them off.
	PprofBindAddress string
	// GracefulShutdownTimeout bounds the stop of the SCIM server and controllers.
	GracefulShutdownTimeout time.Duration
	// Logger is the root logger.
	Logger logr.Logger
	// Informers is told which kinds cannot be read, and adds a readiness check. Nil: they are
	// only logged, and nothing but caches starts before all of them are complete.
	Informers *InformerHealth
	// SkipNameValidation lets one process run the same controllers twice, as tests
	// with two replicas do.
	SkipNameValidation bool
}

// NewScheme returns a scheme with the API's kinds and the built-in ones in use.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, coordinationv1.AddToScheme, eventsv1.AddToScheme,
		authenticationv1.AddToScheme, authorizationv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("build scheme: %w", err)
		}
	}
	return s, nil
}

// NewManager returns a manager whose client reads its own writes from the cache.
//
// Three rules come with it. Every context given to the client needs a deadline,
// because a read waits for the cache to see earlier writes. Leases are never
// cached, and they and everything else without an informer are written with
// client.DisableReadYourWritesConsistency. Of Secrets only those with the label
// of a ScimEndpoint are cached; read others with the APIReader.
func NewManager(cfg *rest.Config, o Options) (ctrl.Manager, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	cacheOptions, err := cacheOptions()
	if err != nil {
		return nil, err
	}
	newCache, newClient := o.caching(&cacheOptions)
	lease := cmp.Or(o.LeaderElectionLease, DefaultLeaderElectionLease)
	mgr, err := ctrl.NewManager(newCallers().bound(cfg), ctrl.Options{
		Scheme:    scheme,
		Logger:    o.Logger,
		Cache:     cacheOptions,
		NewCache:  newCache,
		NewClient: newClient,
		Client: client.Options{
			FieldOwner:      FieldOwner,
			FieldValidation: metav1.FieldValidationStrict,
			Cache: &client.CacheOptions{
				DisableFor:                      []client.Object{&coordinationv1.Lease{}},
				EnableReadYourWritesConsistency: new(true),
			},
		},
		Controller: config.Controller{
			SkipNameValidation:    new(o.SkipNameValidation),
			ReconciliationTimeout: reconcileTimeout,
			EnableWarmup:          new(true),
			// A kind that cannot be read keeps controllers waiting, and must not end the
			// process, which serves SCIM meanwhile and tells what is wrong.
			CacheSyncTimeout: patience,
		},
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              "scim-operator." + v1alpha1.GroupVersion.Group,
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionConfig:          cfg, // which does not wait for tenants, nor they for it
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 new(lease),
		RenewDeadline:                 new(lease * 2 / 3),
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsBindAddress},
		HealthProbeBindAddress:        o.HealthProbeBindAddress,
		PprofBindAddress:              o.PprofBindAddress,
		GracefulShutdownTimeout:       new(o.GracefulShutdownTimeout),
	})
	if err != nil {
		return nil, fmt.Errorf("create manager: %w", err)
	}
	if o.Informers != nil {
		o.Informers.elected = mgr.Elected()
		if err := mgr.AddReadyzCheck("informers", o.Informers.Ready); err != nil {
			return nil, fmt.Errorf("add a readiness check: %w", err)
		}
	}
	return mgr, nil
}

// caching returns what makes the manager's cache, which it completes the options for, and its client.
func (o Options) caching(options *cache.Options) (cache.NewCacheFunc, client.NewClientFunc) {
	switch {
	case len(o.Namespaces) > 0:
		return func(cfg *rest.Config, options cache.Options) (cache.Cache, error) {
			return newTenants(cfg, options, o.Namespaces, o.Informers, o.Logger)
		}, newTenantsClient
	case o.Informers != nil:
		options.DefaultWatchErrorHandler = o.Informers.watchErrorHandler(o.Logger, "")
		return o.Informers.newCache, newConsistentClient
	}
	return func(cfg *rest.Config, options cache.Options) (cache.Cache, error) { return newHeldCache(cfg, options) }, newConsistentClient
}

func cacheOptions() (cache.Options, error) {
	hasEndpoint, err := labels.NewRequirement(v1alpha1.LabelEndpoint, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select token Secrets: %w", err)
	}
	options := cache.Options{
		// A read of a kind that nobody asked to watch is a mistake, not a reason to
		// start watching it.
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:                    {Label: labels.NewSelector().Add(*hasEndpoint), Transform: onlyTokens},
			&v1alpha1.AutomationRuleExecution{}: {Transform: digest.Strip},
			// Rules leave alone what others applied.
			&v1alpha1.Person{}:       {Transform: applied.Strip},
			&v1alpha1.Organization{}: {Transform: applied.Strip},
			&v1alpha1.Site{}:         {Transform: applied.Strip},
		},
	}
	return options, nil
}
