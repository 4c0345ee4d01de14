package controllers

import (
	"slices"
	"sync"
)

// keyLock is a set of locks by key. It makes a look-up and the write that depends on
// it one step within this process. Between processes the deterministic name of a
// record does that.
type keyLock struct {
	mu    sync.Mutex
	locks map[string]*countedLock
}

type countedLock struct {
	mu    sync.Mutex
	users int
}

func newKeyLock() *keyLock {
	return &keyLock{locks: map[string]*countedLock{}}
}

// lock waits for all of the keys and returns the function that releases them.
func (l *keyLock) lock(keys []string) func() {
	// Always in the same order, so that two callers never wait for each other.
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for _, key := range keys {
		l.entry(key).mu.Lock()
	}
	return func() {
		for _, key := range keys {
			l.release(key)
		}
	}
}

func (l *keyLock) entry(key string) *countedLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, ok := l.locks[key]
	if !ok {
		entry = &countedLock{}
		l.locks[key] = entry
	}
	entry.users++
	return entry
}

func (l *keyLock) release(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := l.locks[key]
	entry.mu.Unlock()
	if entry.users--; entry.users == 0 {
		delete(l.locks, key)
	}
}
