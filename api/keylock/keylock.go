// Package keylock locks by key, within a process.
package keylock

import (
	"context"
	"slices"
	"sync"
)

// Locks is a lock for each key in use. The zero value is ready. It makes a look-up and the write
// that depends on it one step; between processes something else has to.
type Locks struct {
	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	// held has one element while somebody holds the lock.
	held chan struct{}
	// users hold the lock or wait for it.
	users int
}

// Lock waits for all of the keys, or returns the context's error and holds none. The returned
// function releases them. A key that is named twice counts once.
func (l *Locks) Lock(ctx context.Context, keys ...string) (release func(), err error) {
	// Always in the same order, so that two callers never wait for each other.
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for i, key := range keys {
		if err := l.acquire(ctx, key); err != nil {
			l.release(keys[:i])
			return nil, err
		}
	}
	return func() { l.release(keys) }, nil
}

func (l *Locks) acquire(ctx context.Context, key string) error {
	entry := l.enter(key)
	select {
	case entry.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.leave(key)
		return context.Cause(ctx)
	}
}

func (l *Locks) enter(key string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := l.locks[key]
	if entry == nil {
		entry = &lock{held: make(chan struct{}, 1)}
		if l.locks == nil {
			l.locks = map[string]*lock{}
		}
		l.locks[key] = entry
	}
	entry.users++
	return entry
}

func (l *Locks) release(keys []string) {
	for _, key := range keys {
		<-l.leave(key).held
	}
}

func (l *Locks) leave(key string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := l.locks[key]
	if entry.users--; entry.users == 0 {
		delete(l.locks, key)
	}
	return entry
}
