// Package issuers verifies the tokens of issuers that ScimEndpoints trust: those that requests bring as bearer tokens, and
// those by which OAuth clients prove who they are. It fetches the issuers' keys, and knows nothing of HTTP requests to the
// operator. See README.md.
package issuers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxSetsPerNamespace and maxSets bound how many issuers' keys there are: of one namespace, and of all.
	maxSetsPerNamespace, maxSets = 32, 1000
	// maxFetchesPerNamespace and maxFetches bound how many issuers are asked at the same time.
	maxFetchesPerNamespace, maxFetches = 2, 16
	// maxVerified bounds how many tokens are remembered, with a kilobyte each.
	maxVerified = 4096
)

// limits are how long things take. Tests have others.
type limits struct {
	// fetch bounds one HTTP request.
	fetch time.Duration
	// refresh is after how long keys are fetched again, retry after how long the first time when that failed.
	refresh, retry time.Duration
	// unknownKey is how often at most keys are fetched because a token names one that is not there.
	unknownKey time.Duration
	// kept is how long keys are used while the issuer is away.
	kept time.Duration
	// patience is how long a request waits for keys.
	patience time.Duration
}

// Options are what the caller of New may choose.
type Options struct {
	// Reader is the cache, with the index of package trust.
	Reader client.Reader
	// PrivateHosts are hosts that issuers may have although their addresses are not public: names or addresses in small
	// letters, without ports.
	PrivateHosts []string
	Logger       logr.Logger
	// Now tells the time. Nil means time.Now.
	Now func() time.Time
}

// Issuers verifies tokens.
type Issuers struct {
	reader  client.Reader
	private []string
	log     logr.Logger
	now     func() time.Time
	limits  limits
	// life ends with the operator.
	life     context.Context //nolint:containedctx // keys are fetched for longer than a request lasts
	slots    chan struct{}
	verified *lru.Cache

	// gone are endpoints that have been deleted a short while ago.
	gone *lru.Cache

	mu sync.Mutex
	// endpoints has what was made of each endpoint's elements.
	endpoints map[types.UID]*configured
	sets      map[source]*keySet
	// tenants has what the endpoints of a namespace share.
	tenants map[string]*tenant
}

// tenant is what one namespace may take.
type tenant struct {
	sets  int
	slots chan struct{}
	// work bounds for how long its expressions are evaluated.
	work *rate.Limiter
}

// New returns Issuers that fetch keys until ctx ends.
func New(ctx context.Context, o Options) *Issuers {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Issuers{
		reader: o.Reader, private: o.PrivateHosts, log: o.Logger.WithName("issuers"), now: o.Now, life: ctx,
		limits: limits{
			fetch: 5 * time.Second, refresh: 5 * time.Minute, retry: 5 * time.Second,
			unknownKey: 30 * time.Second, kept: 24 * time.Hour, patience: 5 * time.Second,
		},
		slots: make(chan struct{}, maxFetches), verified: lru.New(maxVerified), gone: lru.New(maxVerified),
		endpoints: map[types.UID]*configured{}, sets: map[source]*keySet{}, tenants: map[string]*tenant{},
	}
}

// Watch makes keys be fetched as soon as a ScimEndpoint names an issuer, and let go when none does. Call it before the
// cache is started.
func (i *Issuers) Watch(ctx context.Context, c cache.Cache) error {
	informer, err := c.GetInformer(ctx, &v1alpha1.ScimEndpoint{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch ScimEndpoints: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { i.see(obj) },    //nolint:contextcheck // as long as the operator lives
		UpdateFunc: func(_, obj any) { i.see(obj) }, //nolint:contextcheck // as long as the operator lives
		DeleteFunc: func(obj any) { //nolint:contextcheck // as long as the operator lives
			if gone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if endpoint, ok := obj.(*v1alpha1.ScimEndpoint); ok {
				i.forget(endpoint.UID)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("handle ScimEndpoints: %w", err)
	}
	return nil
}

func (i *Issuers) see(obj any) {
	endpoint, ok := obj.(*v1alpha1.ScimEndpoint)
	if !ok {
		return
	}
	i.mu.Lock()
	_, known := i.endpoints[endpoint.UID]
	i.mu.Unlock()
	if known || len(endpoint.Spec.Authentication.JWT) > 0 {
		i.configured(endpoint)
	}
}

// Outages returns the issuers of an endpoint whose keys could not be fetched when that was tried last, by this replica.
func (i *Issuers) Outages(endpoint *v1alpha1.ScimEndpoint) []trust.Outage {
	i.mu.Lock()
	c := i.endpoints[endpoint.UID]
	i.mu.Unlock()
	if c == nil || c.generation != endpoint.Generation {
		return nil // it is about to be told of
	}
	var outages []trust.Outage
	for _, e := range c.elements {
		if e.full != "" {
			outages = append(outages, trust.Outage{Element: e.index, Issuer: e.spec.Issuer.URL, Message: e.full, Remedy: "Name fewer issuers."})
			continue
		}
		if e.set == nil {
			continue
		}
		failing, fetched := e.set.outage()
		if failing == nil {
			continue
		}
		outage := trust.Outage{Element: e.index, Issuer: e.spec.Issuer.URL, Message: failing.message, Remedy: failing.remedy, Fetched: fetched}
		if !fetched.IsZero() {
			outage.Until = fetched.Add(i.limits.kept)
		}
		outages = append(outages, outage)
	}
	return outages
}
