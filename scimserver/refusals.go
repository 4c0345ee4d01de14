package scimserver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// refusalStep is how often a replica writes the refusals of one endpoint at most. The first of them is written
	// at once.
	refusalStep = time.Minute
	// maxRefusals is how many kinds of refusals an endpoint's status tells of, and how many of each endpoint wait to be
	// written: whoever causes many of one endpoint's drives out none of another's. Further ones are only counted in the
	// metric.
	maxRefusals = 10
	// refusalKept is after how long a refusal goes from the status, at the next one.
	refusalKept = 30 * 24 * time.Hour
	// indexHost finds ScimEndpoints by the host of their publicURL.
	indexHost = "scimserver.host"
)

// refusals writes into the status of ScimEndpoints why requests for them were refused: at most once a minute for
// each endpoint and replica, whatever the number of requests, and nothing while there are none.
//
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimendpoints/status,verbs=patch
type refusals struct {
	client client.Client
	// reader is the cache.
	reader client.Reader
	log    logr.Logger
	now    func() time.Time

	mu      sync.Mutex
	pending map[types.NamespacedName]map[refusalKind]v1alpha1.Refusal
	written map[types.NamespacedName]time.Time
}

// refusalKind is what one element of status.refusals tells of.
type refusalKind struct {
	reason v1alpha1.RefusalReason
	remedy string
}

// newRefusals registers the index. Call it before the cache is started.
func newRefusals(ctx context.Context, c client.Client, cache cache.Cache, log logr.Logger, now func() time.Time) (*refusals, error) {
	err := cache.IndexField(ctx, &v1alpha1.ScimEndpoint{}, indexHost, func(obj client.Object) []string {
		if endpoint, ok := obj.(*v1alpha1.ScimEndpoint); ok {
			if host := hostOf(endpoint.Spec.PublicURL); host != "" {
				return []string{host}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("index ScimEndpoints by host: %w", err)
	}
	return &refusals{
		client: c, reader: cache, log: log, now: now,
		pending: map[types.NamespacedName]map[refusalKind]v1alpha1.Refusal{}, written: map[types.NamespacedName]time.Time{},
	}, nil
}

// addressed are the endpoints that requests to this host are for: one, or none where several share the host, as the
// owner of one must not learn of requests to another.
func (l *refusals) addressed(ctx context.Context, host string) []types.NamespacedName {
	if l == nil {
		return nil
	}
	var endpoints v1alpha1.ScimEndpointList
	err := l.reader.List(ctx, &endpoints, client.MatchingFields{indexHost: foldHost(host)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		l.log.V(1).Info("Could not look up whose refusal it is", "error", err.Error())
		return nil
	}
	if len(endpoints.Items) != 1 {
		return nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(&endpoints.Items[0])}
}

// note takes down a refusal. A nil refusals takes down nothing.
func (l *refusals) note(f *refusal, source string) {
	if l == nil {
		return
	}
	now := v1alpha1.NewTimestamp(l.now())
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, endpoint := range f.endpoints {
		l.wait(endpoint, v1alpha1.Refusal{
			Reason: f.reason, Remedy: f.remedy, Message: f.message, Source: source, Count: 1, FirstAt: now, LastAt: now,
		})
	}
}

// wait lets a refusal wait to be written, if there is room. One of the same kind that waits already is joined with it.
// The lock is held.
func (l *refusals) wait(endpoint types.NamespacedName, told v1alpha1.Refusal) {
	kinds := l.pending[endpoint]
	if kinds == nil {
		kinds = map[refusalKind]v1alpha1.Refusal{}
		l.pending[endpoint] = kinds
	}
	kind := refusalKind{told.Reason, told.Remedy}
	other, known := kinds[kind]
	switch {
	case known && other.LastAt.After(told.LastAt.Time):
		kinds[kind] = joined(told, other)
	case known:
		kinds[kind] = joined(other, told)
	case len(kinds) < maxRefusals:
		kinds[kind] = told
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (l *refusals) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (l *refusals) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, l.flush, lastUsePoll)
	return nil
}

// flush writes what waits, of the endpoints whose turn it is.
func (l *refusals) flush(ctx context.Context) {
	for endpoint, news := range l.due() {
		if err := l.write(ctx, endpoint, news); err != nil {
			l.log.V(1).Info("Could not write why requests were refused", "endpoint", endpoint, "error", err.Error())
			l.keep(endpoint, news)
		}
	}
}

// due takes the refusals out of those that wait, by endpoint.
func (l *refusals) due() map[types.NamespacedName][]v1alpha1.Refusal {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.written, func(_ types.NamespacedName, at time.Time) bool { return now.Sub(at) >= refusalStep })
	due := map[types.NamespacedName][]v1alpha1.Refusal{}
	for endpoint, kinds := range l.pending {
		if _, early := l.written[endpoint]; !early {
			due[endpoint] = slices.Collect(maps.Values(kinds))
			delete(l.pending, endpoint)
			l.written[endpoint] = now
		}
	}
	return due
}

// keep lets the refusals wait for the next turn of the endpoint.
func (l *refusals) keep(endpoint types.NamespacedName, news []v1alpha1.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, told := range news {
		l.wait(endpoint, told)
	}
}

func (l *refusals) write(ctx context.Context, key types.NamespacedName, news []v1alpha1.Refusal) error {
	ctx, cancel := context.WithTimeout(ctx, lastUseTimeout)
	defer cancel()
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := l.reader.Get(ctx, key, endpoint, client.UnsafeDisableDeepCopy); err != nil {
		return client.IgnoreNotFound(err)
	}
	told := slices.Clone(news)
	for i := range told {
		told[i].Remedy = strings.ReplaceAll(told[i].Remedy, readToken, endpoint.ReadTokenCommand())
	}
	all := merged(endpoint.Status.Refusals, told, l.now())
	data, err := json.Marshal(map[string]any{
		// Of two replicas that write at the same moment one waits for its next turn.
		"metadata": map[string]string{"resourceVersion": endpoint.ResourceVersion},
		"status":   map[string]any{"refusals": all},
	})
	if err != nil {
		return fmt.Errorf("encode refusals: %w", err)
	}
	target := &v1alpha1.ScimEndpoint{}
	target.Namespace, target.Name = key.Namespace, key.Name
	err = l.client.Status().Patch(ctx, target, client.RawPatch(types.MergePatchType, data), client.DisableReadYourWritesConsistency)
	return client.IgnoreNotFound(err)
}

// merged returns what the status is to tell: newest first, no more than there is room for.
func merged(told, news []v1alpha1.Refusal, now time.Time) []v1alpha1.Refusal {
	all := slices.Clone(told)
	for _, f := range news {
		same := slices.IndexFunc(all, func(t v1alpha1.Refusal) bool { return t.Reason == f.Reason && t.Remedy == f.Remedy })
		if same < 0 {
			all = append(all, f)
			continue
		}
		all[same] = joined(all[same], f)
	}
	all = slices.DeleteFunc(all, func(f v1alpha1.Refusal) bool { return now.Sub(f.LastAt.Time) > refusalKept })
	slices.SortStableFunc(all, func(a, b v1alpha1.Refusal) int {
		return cmp.Or(b.LastAt.Compare(a.LastAt.Time), cmp.Compare(a.Reason, b.Reason))
	})
	return all[:min(len(all), maxRefusals)]
}

// joined is one refusal made of an earlier and a later one of the same kind.
func joined(earlier, later v1alpha1.Refusal) v1alpha1.Refusal {
	later.FirstAt = earlier.FirstAt
	later.Count += earlier.Count
	return later
}

// hostOf is the host of a publicURL with its port, folded; "" if it has none.
func hostOf(publicURL string) string {
	parsed, err := url.Parse(publicURL)
	if err != nil {
		return ""
	}
	return foldHost(parsed.Host)
}

// foldHost makes two spellings of one host the same.
func foldHost(host string) string {
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
