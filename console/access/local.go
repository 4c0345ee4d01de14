package access

import (
	"context"
	"errors"
	"fmt"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/controllers/directory"
)

// Calls in a second to the API server, and at once after a pause, unless the configuration says more: a page asks for a few rights
// and objects.
const (
	callsPerSecond = 100
	callsAtOnce    = 200
)

// Local is the person of a kubeconfig. What is read of a namespace is held in a cache from the first read of its kind on.
type Local struct {
	*Reviews
	user   authenticationv1.UserInfo
	client client.Client
	// start makes the cache of a namespace, which lasts as long as the console.
	start func(namespace string) (*kube.Lazy, error)

	mu     sync.Mutex
	caches map[string]*kube.Lazy
}

var _ Caller = (*Local)(nil)

// NewLocal asks the cluster who the credentials are. Caches end with ctx.
func NewLocal(ctx context.Context, cfg *rest.Config) (*Local, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = max(cfg.QPS, callsPerSecond), max(cfg.Burst, callsAtOnce)
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	user, err := WhoAmI(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Local{
		Reviews: NewReviews(c), user: user, client: c, caches: map[string]*kube.Lazy{},
		start: func(namespace string) (*kube.Lazy, error) { return startCache(ctx, cfg, namespace) },
	}, nil
}

func startCache(ctx context.Context, cfg *rest.Config, namespace string) (*kube.Lazy, error) {
	lazy, err := kube.NewLazy(cfg, namespace)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(membership.Register(ctx, lazy), userindex.Register(ctx, lazy), directory.Register(ctx, lazy)); err != nil {
		return nil, err
	}
	// Start returns when ctx ends, and before that never: it only waits for informers.
	go func() { _ = lazy.Start(ctx) }()
	if !lazy.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("start the cache of namespace %s: %w", namespace, context.Cause(ctx))
	}
	return lazy, nil
}

// User implements Caller.
func (l *Local) User() authenticationv1.UserInfo { return l.user }

// Client implements Caller.
func (l *Local) Client() client.Client { return l.client }

// Reader implements Caller.
func (l *Local) Reader(_ context.Context, namespace string) (client.Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cache := l.caches[namespace]
	if cache == nil {
		var err error
		if cache, err = l.start(namespace); err != nil {
			return nil, err
		}
		l.caches[namespace] = cache
	}
	return &Guard{caller: l, namespace: namespace, cache: cache, lazy: true}, nil
}
