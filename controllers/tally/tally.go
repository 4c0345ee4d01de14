// Package tally counts objects as the cache tells of them, so that to know their number costs nothing
// however many there are.
package tally

import (
	"context"
	"maps"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

// Tally counts the objects of a kind by namespace and class.
type Tally struct {
	synced toolscache.InformerSynced

	mu sync.Mutex
	// counts keeps zeros, so that a metric falls to 0 instead of ending, until Forget.
	counts map[string]map[string]int
}

// New makes a Tally. Of a cache that runs it counts what that holds first.
func New[T client.Object](ctx context.Context, c cache.Cache, object T, classOf func(T) string) (*Tally, error) {
	t := &Tally{counts: map[string]map[string]int{}}
	var err error
	t.synced, err = kube.Follow(ctx, c, object, func(old, current T) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if isThere(old) {
			t.add(old.GetNamespace(), classOf(old), -1)
		}
		if isThere(current) {
			t.add(current.GetNamespace(), classOf(current), 1)
		}
	})
	return t, err
}

// isThere tells an object from the nil pointer that stands for none.
func isThere[T client.Object](object T) bool {
	var none T
	return any(object) != any(none)
}

func (t *Tally) add(namespace, class string, n int) {
	classes := t.counts[namespace]
	if classes == nil {
		classes = map[string]int{}
		t.counts[namespace] = classes
	}
	classes[class] += n
}

// Synced reports whether the objects that were there at the start are counted.
func (t *Tally) Synced() bool { return t.synced() }

// Wait waits until the objects that were there at the start are counted.
func (t *Tally) Wait(ctx context.Context) error { return kube.WaitFor(ctx, t.synced) }

// Of returns the numbers of a namespace by class.
func (t *Tally) Of(namespace string) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts[namespace])
}

// All returns the numbers by namespace and class.
func (t *Tally) All() map[string]map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]map[string]int, len(t.counts))
	for namespace, classes := range t.counts {
		all[namespace] = maps.Clone(classes)
	}
	return all
}

// Forget drops namespaces in which nothing is left, but for those in which there is something
// else.
func (t *Tally) Forget(there map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.counts, func(namespace string, classes map[string]int) bool {
		if there[namespace] {
			return false
		}
		for _, n := range classes {
			if n != 0 {
				return false
			}
		}
		return true
	})
}
