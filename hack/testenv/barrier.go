package testenv

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Barrier keeps an informer from what happens, as an outage of the API server does: its watch ends, the revision that it goes
// on from is forgotten, and it lists again when the barrier is open. It is open at first.
type Barrier struct {
	resource string

	mu      sync.Mutex
	opened  chan struct{} // closed while it is open
	waiting int
	watches []io.Closer
}

// NewBarrier makes a barrier between a client and what it hears of a resource, such as persons.
func NewBarrier(resource string) *Barrier {
	b := &Barrier{resource: resource, opened: make(chan struct{})}
	close(b.opened)
	return b
}

// Shut ends what is being watched. Nothing is heard until Open.
func (b *Barrier) Shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = make(chan struct{})
	for _, watch := range b.watches {
		_ = watch.Close()
	}
	b.watches = nil
}

// Open lets lists and watches through again.
func (b *Barrier) Open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.opened)
}

// Holds is how many lists wait.
func (b *Barrier) Holds() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// wait waits until the barrier is open.
func (b *Barrier) wait(ctx context.Context) error {
	b.mu.Lock()
	opened := b.opened
	b.waiting++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.waiting--
	}()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Around puts the barrier around a client's transport, as rest.Config.Wrap takes it.
func (b *Barrier) Around(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/"+b.resource) {
			return next.RoundTrip(r)
		}
		query := r.URL.Query()
		if query.Get("watch") == "" || query.Get("sendInitialEvents") != "" {
			if err := b.wait(r.Context()); err != nil {
				return nil, err
			}
		}
		response, err := next.RoundTrip(r)
		if err != nil || query.Get("watch") == "" {
			return response, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-b.opened:
			b.watches = append(b.watches, response.Body)
			return response, nil
		default:
		}
		_ = response.Body.Close()
		return &http.Response{
			StatusCode: http.StatusGone, Status: "410 Gone", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(strings.NewReader(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}`)),
		}, nil
	})
}
