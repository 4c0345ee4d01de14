package admission

import (
	"context"
	"sync"
)

// turns lets one count at a time. Of each namespace no more than one waits for it, so that one in which many rules are
// applied without end keeps another one waiting for a single count of its own.
type turns struct {
	counting chan struct{}

	mu         sync.Mutex
	namespaces map[string]*turn
}

// turn is that of a namespace.
type turn struct {
	next chan struct{}
	// users are the requests that have it or wait for it.
	users int
}

func newTurns() *turns {
	return &turns{counting: make(chan struct{}, 1), namespaces: map[string]*turn{}}
}

// take waits until a request of a namespace may count, which ends with done, or until its context ends.
func (t *turns) take(ctx context.Context, namespace string) (done func(), err error) {
	own := t.of(namespace)
	if err := enter(ctx, own.next); err != nil {
		t.leave(namespace, own)
		return nil, err
	}
	if err := enter(ctx, t.counting); err != nil {
		<-own.next
		t.leave(namespace, own)
		return nil, err
	}
	return func() {
		<-t.counting
		<-own.next
		t.leave(namespace, own)
	}, nil
}

// enter waits for the only place in a channel. Who comes first gets it first.
func enter(ctx context.Context, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) of(namespace string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.namespaces[namespace]
	if own == nil {
		own = &turn{next: make(chan struct{}, 1)}
		t.namespaces[namespace] = own
	}
	own.users++
	return own
}

func (t *turns) leave(namespace string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.namespaces, namespace)
	}
}
