package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// faultLasts is how long a kind must have been unreadable to be told of: while an API
	// server starts it refuses what it allows later.
	faultLasts = 30 * time.Second
	// faultForgotten is how long after the last failure a kind counts as readable again, if
	// nothing tells of it before. A reflector tries again within a minute.
	faultForgotten = 3 * time.Minute
	// maxFaultMessage bounds what the API server says.
	maxFaultMessage = 300
)

// Fault is a kind that cannot be read, for a cause that does not pass by itself. What the
// cache has of it is old, or nothing.
type Fault struct {
	// Namespace is where it cannot be read; empty where the operator works in all of them.
	Namespace string
	// Kind is the kind, such as Person.
	Kind string
	// Reason is v1alpha1.ReasonUnreadable or v1alpha1.ReasonRefused.
	Reason string
	// Message says what is wrong, without values of objects.
	Message string
	// Since is when a try failed first.
	Since time.Time
}

// InformerHealth knows which kinds a manager's informers cannot read. An API server that is
// away or overloaded is no fault of this sort: it comes back, and the cache with it.
type InformerHealth struct {
	serving []client.Object
	clock   clock.PassiveClock
	// namespaces are those that the operator works in; empty means all.
	namespaces []string
	// elected is closed when the process leads; nil where nobody is elected.
	elected <-chan struct{}

	mu     sync.Mutex
	faults map[faultKey]*fault
}

type faultKey struct{ namespace, kind string }

type fault struct {
	Fault
	// reflector tells by its revision that it has read the kind since the last failure.
	reflector reflector
	revision  string
	last      time.Time
}

// reflector is the part of toolscache.Reflector that is looked at.
type reflector interface {
	LastSyncResourceVersion() string
}

// NewInformerHealth returns what Options.Informers takes. A replica whose informers cannot read
// one of the kinds in serving is not ready, and a manager starts what needs no leader election
// as soon as these are complete, whatever becomes of other kinds.
func NewInformerHealth(serving ...client.Object) *InformerHealth {
	return &InformerHealth{serving: serving, clock: clock.RealClock{}, faults: map[faultKey]*fault{}}
}

// Faults returns the kinds that cannot be read and have not been for a while, by namespace and name.
func (h *InformerHealth) Faults() []Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.Now()
	var found []Fault
	for key, f := range h.faults {
		switch {
		case f.reflector.LastSyncResourceVersion() != f.revision, now.Sub(f.last) > faultForgotten:
			delete(h.faults, key)
		case now.Sub(f.Since) >= faultLasts:
			found = append(found, f.Fault)
		}
	}
	slices.SortFunc(found, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind))
	})
	return found
}

// Ready is a healthz.Checker: nil while the kinds that serving needs can be read, of several
// namespaces in one of them at least: the others are served.
func (h *InformerHealth) Ready(*http.Request) error {
	var first *Fault
	without := map[string]bool{}
	for _, f := range h.Faults() {
		if h.serves(f.Kind) {
			first = cmp.Or(first, &f)
			without[f.Namespace] = true
		}
	}
	if len(without) < max(1, len(h.namespaces)) {
		return nil
	}
	return fmt.Errorf("kind %s cannot be read since %s: %s", first.Kind, first.Since.UTC().Format(time.RFC3339), first.Message)
}

// serves reports whether a kind is one of those that serving needs.
func (h *InformerHealth) serves(kind string) bool {
	return slices.ContainsFunc(h.serving, func(obj client.Object) bool { return kindOf(fmt.Sprintf("%T", obj)) == kind })
}

// leads reports whether the process leads, or nobody has to.
func (h *InformerHealth) leads() bool {
	if h.elected == nil {
		return true
	}
	select {
	case <-h.elected:
		return true
	default:
		return false
	}
}

// gaveUp reports whether something of the namespace cannot be read, so that the others do not wait for it.
func (h *InformerHealth) gaveUp(namespace string) bool {
	return h != nil && slices.ContainsFunc(h.Faults(), func(f Fault) bool { return f.Namespace == namespace })
}

var unreadableDesc = prometheus.NewDesc("scim_unreadable_kinds",
	"1 for each kind that this replica cannot read from the API server, by namespace (empty: all), kind and reason: Unreadable, Refused.",
	[]string{"namespace", "kind", "reason"}, nil)

// Publish shows the faults as a metric.
func (h *InformerHealth) Publish() error { return metrics.Registry.Register(h) }

// Describe implements prometheus.Collector.
func (h *InformerHealth) Describe(to chan<- *prometheus.Desc) { to <- unreadableDesc }

// Collect implements prometheus.Collector.
func (h *InformerHealth) Collect(to chan<- prometheus.Metric) {
	for _, f := range h.Faults() {
		to <- prometheus.MustNewConstMetric(unreadableDesc, prometheus.GaugeValue, 1, f.Namespace, f.Kind, f.Reason)
	}
}

// watchErrorHandler is what all informers of a namespace call after each try that failed.
func (h *InformerHealth) watchErrorHandler(log logr.Logger, namespace string) toolscache.WatchErrorHandlerWithContext {
	return func(ctx context.Context, r *toolscache.Reflector, err error) {
		kind := kindOf(r.TypeDescription())
		if h.note(namespace, kind, r, err) {
			reason, message := lastingCause(err)
			log.Error(nil, "A kind cannot be read; what is known of it gets old", "namespace", namespace, "kind", kind, "reason", reason, "cause", message)
			return
		}
		toolscache.DefaultWatchErrorHandler(ctx, r, err)
	}
}

// note takes down a failure and reports whether its cause is one that lasts. After one that
// passes nobody knows, so it begins anew.
func (h *InformerHealth) note(namespace, kind string, r reflector, err error) bool {
	reason, message := lastingCause(err)
	now := h.clock.Now()
	key := faultKey{namespace, kind}
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		delete(h.faults, key)
		return false
	}
	f := h.faults[key]
	if f == nil || now.Sub(f.last) > faultForgotten {
		f = &fault{Fault: Fault{Namespace: namespace, Kind: kind, Since: now}}
		h.faults[key] = f
	}
	f.Reason, f.Message = reason, message
	f.reflector, f.revision, f.last = r, r.LastSyncResourceVersion(), now
	return true
}

// kindOf is the kind that a type's name ends with, such as Person of *v1alpha1.Person.
func kindOf(typeName string) string { return typeName[strings.LastIndex(typeName, ".")+1:] }

// lastingCause returns a reason and a message for an error that does not pass by itself, and
// nothing for an API server that is away, restarts, is overloaded or has forgotten a revision.
func lastingCause(err error) (reason, message string) {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		switch code := int(status.ErrStatus.Code); {
		case code < 400, code >= 500:
			return "", ""
		case code == http.StatusRequestTimeout, code == http.StatusConflict, code == http.StatusGone, code == http.StatusTooManyRequests:
			return "", ""
		}
		text := status.ErrStatus.Message
		return v1alpha1.ReasonRefused, text[:min(len(text), maxFaultMessage)]
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return "", ""
	}
	for _, passing := range []error{io.EOF, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, passing) {
			return "", ""
		}
	}
	if utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) {
		return "", ""
	}
	return v1alpha1.ReasonUnreadable, "an object is stored in a form that this version cannot read: " + withoutValue(err)
}

var numberLiteral = regexp.MustCompile(`^(json: cannot unmarshal number) \S+`)

// withoutValue is what an error of a decoder says of types and fields.
func withoutValue(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	if text := err.Error(); strings.HasPrefix(text, "json: cannot unmarshal ") {
		return numberLiteral.ReplaceAllString(text, "$1")
	}
	return fmt.Sprintf("%T", err)
}

// newCache is manager.Options.NewCache.
func (h *InformerHealth) newCache(cfg *rest.Config, o cache.Options) (cache.Cache, error) {
	o.NewInformer = (&first{health: h}).newInformer
	inner, err := newHeldCache(cfg, o)
	if err != nil || len(h.serving) == 0 {
		return inner, err
	}
	return &servingCache{heldCache: inner, serving: h.serving}, nil
}

// servingCache lets a manager start what serves before kinds that only controllers read are
// complete, which one that cannot be read never is.
type servingCache struct {
	*heldCache
	serving []client.Object
	asked   atomic.Bool
}

// WaitForCacheSync waits for the kinds that serving needs when it is called first: the manager
// does that before it starts anything else. After that each controller calls it, and waits for all.
func (c *servingCache) WaitForCacheSync(ctx context.Context) bool {
	if c.asked.Swap(true) {
		return c.heldCache.WaitForCacheSync(ctx)
	}
	for _, obj := range c.serving {
		informer, err := c.GetInformer(ctx, obj, cache.BlockUntilSynced(false))
		if err != nil || !toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return false
		}
	}
	return true
}
