package controllers

import (
	"context"
	"fmt"
	"maps"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

// follow calls change for every object of a kind that the cache gets, changes or
// loses: old is nil for a new one, current is nil for one that is gone. It returns
// what tells whether all objects that were there at the start have been told of.
func follow[T client.Object](ctx context.Context, c cache.Cache, object T, change func(old, current T)) (toolscache.InformerSynced, error) {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch %T: %w", object, err)
	}
	registration, err := informer.AddEventHandler(kube.HandlerFunc(change))
	if err != nil {
		return nil, fmt.Errorf("follow %T: %w", object, err)
	}
	return registration.HasSynced, nil
}

// waitFor waits until the objects that were there at the start have been told of.
func waitFor(ctx context.Context, synced toolscache.InformerSynced) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), synced) {
		return fmt.Errorf("wait for the cache: %w", context.Cause(ctx))
	}
	return nil
}

// tally counts the objects of a kind by namespace and class as the cache's events
// tell of them, so that to know their number costs nothing however many there are.
type tally struct {
	synced toolscache.InformerSynced

	mu sync.Mutex
	// counts keeps zeros, so that a metric falls to 0 instead of ending, until forget.
	counts map[string]map[string]int
}

// newTally makes a tally. Call it before the cache is started.
func newTally[T client.Object](ctx context.Context, c cache.Cache, object T, classOf func(T) string) (*tally, error) {
	t := &tally{counts: map[string]map[string]int{}}
	var err error
	t.synced, err = follow(ctx, c, object, func(old, current T) {
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

func (t *tally) add(namespace, class string, n int) {
	classes := t.counts[namespace]
	if classes == nil {
		classes = map[string]int{}
		t.counts[namespace] = classes
	}
	classes[class] += n
}

// of returns the numbers of a namespace by class.
func (t *tally) of(namespace string) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts[namespace])
}

// all returns the numbers by namespace and class.
func (t *tally) all() map[string]map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]map[string]int, len(t.counts))
	for namespace, classes := range t.counts {
		all[namespace] = maps.Clone(classes)
	}
	return all
}

// forget drops namespaces in which nothing is left, but for those in which there is something
// else.
func (t *tally) forget(there map[string]bool) {
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
