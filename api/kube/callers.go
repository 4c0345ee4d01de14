package kube

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// besideOthers is how many calls to the API server a namespace has under way at the same time while another one
	// calls, too.
	besideOthers = 4
	// callSize is how many bytes of an object count as one call: what is large is work for etcd, the API server and
	// everybody who watches.
	callSize = 64 << 10
	// calledLately is how long after its last call a namespace counts as one that calls.
	calledLately = 5 * time.Second
	// liveInARow is how many calls of SCIM requests go before one of the others, which so never starve.
	liveInARow = 3
)

// callers bounds the calls to the API server that this process has under way for one namespace. The API server and etcd see
// one account behind all tenants, and serve in the order of arrival: whoever has the most calls there gets the most of
// them. A namespace that calls alone may have as many as it likes. While another one calls, too, each has a few, and
// what comes on top waits here: those of SCIM requests (Live) in one queue, which goes first, and all others in a second.
type callers struct {
	limit int

	mu         sync.Mutex
	namespaces map[string]*caller
}

// caller is a namespace that calls, or did lately.
type caller struct {
	// underWay are its calls, by weight.
	underWay int
	// live and others are the calls that it has no room for, each in the order of arrival.
	live, others []*call
	// passed is how many of live have been let past the first of others.
	passed int
	// last is when it began or ended one.
	last time.Time
}

// next is the queue whose first call goes on next; an empty one if there is none.
func (of *caller) next() *[]*call {
	if len(of.live) > 0 && (len(of.others) == 0 || of.passed < liveInARow) {
		return &of.live
	}
	return &of.others
}

type call struct {
	weight int
	// admitted is closed when the call may go on.
	admitted chan struct{}
}

func newCallers() *callers {
	return &callers{limit: besideOthers, namespaces: make(map[string]*caller)}
}

// bound makes all clients of a configuration share c.
func (c *callers) bound(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return &boundCalls{next, c} })
	return cfg
}

// enter waits until a call of the namespace may go on, or returns the context's error.
func (c *callers) enter(ctx context.Context, namespace string, weight int) (leave func(), err error) {
	one := &call{weight: min(weight, c.limit), admitted: make(chan struct{})}
	c.mu.Lock()
	of := c.namespaces[namespace]
	if of == nil {
		of = &caller{}
		c.namespaces[namespace] = of
	}
	queue := &of.others
	if IsLive(ctx) {
		queue = &of.live
	}
	*queue = append(*queue, one)
	c.admit(namespace, of)
	c.mu.Unlock()
	leave = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		of.underWay -= one.weight
		c.admit(namespace, of)
	}
	select {
	case <-one.admitted:
		return leave, nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	waits := slices.Index(*queue, one)
	if waits >= 0 {
		*queue = slices.Delete(*queue, waits, waits+1)
		c.admit(namespace, of) // a smaller one may have room
	}
	c.mu.Unlock()
	if waits < 0 {
		leave()
	}
	return nil, context.Cause(ctx)
}

// admit lets those calls go on for which there is room. It is called whenever one of the namespace comes, ends or gives up;
// while any waits, one is under way.
func (c *callers) admit(namespace string, of *caller) {
	of.last = time.Now()
	queue := of.next()
	if len(*queue) == 0 {
		return
	}
	alone := c.alone(namespace)
	for ; len(*queue) > 0; queue = of.next() {
		one := (*queue)[0]
		if !alone && of.underWay > 0 && of.underWay+one.weight > c.limit {
			return
		}
		of.underWay += one.weight
		close(one.admitted)
		*queue = (*queue)[1:]
		if queue == &of.live && len(of.others) > 0 {
			of.passed++
		} else {
			of.passed = 0
		}
	}
}

// alone reports whether no other namespace calls, and forgets those that have not for a while.
func (c *callers) alone(namespace string) bool {
	for name, other := range c.namespaces {
		switch {
		case name == namespace:
		case other.underWay > 0 || time.Since(other.last) < calledLately:
			return false
		default:
			delete(c.namespaces, name)
		}
	}
	return true
}

// boundCalls is the transport of a client whose calls are bounded.
type boundCalls struct {
	next    http.RoundTripper
	callers *callers
}

// RoundTrip implements http.RoundTripper. A watch is no work until something happens, and what is of no namespace is of no tenant.
func (b *boundCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	namespace := namespaceOf(r)
	if namespace == "" {
		return b.next.RoundTrip(r)
	}
	sent, _ := r.Context().Value(sentKey{}).(*atomic.Bool)
	leave, err := b.callers.enter(r.Context(), namespace, 1+int(max(r.ContentLength, 0)/callSize))
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper has to
		}
		if sent != nil && !sent.Load() {
			err = &notSent{err}
		}
		return nil, err
	}
	defer leave()
	if sent != nil {
		sent.Store(true)
	}
	return b.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport below.
func (b *boundCalls) WrappedRoundTripper() http.RoundTripper { return b.next }

// namespaceOf is the namespace that a call is about; "" for none, and for a watch.
func namespaceOf(r *http.Request) string {
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/")
	if !found || strings.Contains(r.URL.RawQuery, "watch=") {
		return ""
	}
	namespace, _, _ := strings.Cut(rest, "/")
	return namespace
}
