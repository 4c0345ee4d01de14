package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

// order holds the ids of one kind in order, by tenant, so that a page is cut out
// without sorting or copying the whole set. Ids are UUIDv7, so new ones go to the
// end. It is fed by an informer and knows how far that has come.
type order struct {
	mu  sync.RWMutex
	ids map[string][]string
	// loose says that ids are as they came: an informer's first list has no order, and to find the place of each of 100,000
	// moves gigabytes. The first look at them sorts them.
	loose atomic.Bool
	// leaving has the ids that this process has taken out before the informer tells so. Until
	// then, events from before the deletion must not bring them back. Ids are never used again.
	leaving map[string]bool
	// seen is a revision that the informer has come to, newest that of its newest event. Only
	// the latter is one that every replica comes to.
	seen, newest int64
	// moved is closed and replaced when seen grows, and when an id is no longer leaving.
	moved chan struct{}
}

func newOrder() *order {
	o := &order{ids: make(map[string][]string), leaving: make(map[string]bool), moved: make(chan struct{})}
	o.loose.Store(true)
	return o
}

// settle sorts the ids of the first list.
func (o *order) settle() {
	if !o.loose.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for tenant, ids := range o.ids {
		slices.Sort(ids)
		o.ids[tenant] = slices.Compact(ids)
	}
	o.loose.Store(false)
}

// handler returns the event handler that feeds the order.
func (o *order) handler() cache.ResourceEventHandler {
	return kube.HandlerFunc(func(old, current client.Object) {
		if current == nil {
			o.observe(old, true)
			return
		}
		o.observe(current, false)
	})
}

func (o *order) observe(obj client.Object, deleted bool) {
	revision := revisionOf(obj)
	o.mu.Lock()
	defer o.mu.Unlock()
	if deleted || obj.GetDeletionTimestamp() != nil {
		o.drop(obj.GetNamespace(), obj.GetName())
		if o.leaving[obj.GetNamespace()+"/"+obj.GetName()] {
			delete(o.leaving, obj.GetNamespace()+"/"+obj.GetName())
			defer o.wake() // even if the event has no new revision
		}
	} else if !o.leaving[obj.GetNamespace()+"/"+obj.GetName()] {
		o.add(obj.GetNamespace(), obj.GetName())
	}
	if revision != unreadableRevision {
		o.newest = max(o.newest, revision)
		o.moveTo(revision)
	}
}

// moveTo is called with the lock held.
func (o *order) moveTo(revision int64) {
	if revision > o.seen {
		o.seen = revision
		o.wake()
	}
}

// wake is called with the lock held.
func (o *order) wake() {
	close(o.moved)
	o.moved = make(chan struct{})
}

// reach notes that the informer is known to have come to the revision.
func (o *order) reach(revision int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moveTo(revision)
}

func (o *order) add(tenant, id string) {
	ids := o.ids[tenant]
	if o.loose.Load() {
		o.ids[tenant] = append(ids, id)
		return
	}
	if i, found := slices.BinarySearch(ids, id); !found {
		o.ids[tenant] = slices.Insert(ids, i, id)
	}
}

// drop reports whether the id was there.
func (o *order) drop(tenant, id string) bool {
	ids := o.ids[tenant]
	if o.loose.Load() {
		o.ids[tenant] = slices.DeleteFunc(ids, func(other string) bool { return other == id })
		return len(o.ids[tenant]) < len(ids)
	}
	i, found := slices.BinarySearch(ids, id)
	if found {
		o.ids[tenant] = slices.Delete(ids, i, i+1)
	}
	return found
}

// remove takes out an id whose deletion this process has just asked for.
func (o *order) remove(tenant, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// An id that is not there has been taken out by the event already.
	if o.drop(tenant, id) {
		o.leaving[tenant+"/"+id] = true
	}
}

// left reports whether this process has taken the id out, and the informer has not told so yet.
func (o *order) left(tenant, id string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.leaving) > 0 && o.leaving[tenant+"/"+id]
}

// cut returns the ids between the bounds that the function chooses, where the
// first of them is, and how many ids there are.
func (o *order) cut(tenant string, bounds func(ids []string) (from, to int)) (ids []string, from, total int) {
	o.settle()
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := o.ids[tenant]
	from, to := bounds(all)
	return slices.Clone(all[from:to]), from, len(all)
}

// all returns every id of a tenant, in order.
func (o *order) all(tenant string) []string {
	ids, _, _ := o.cut(tenant, func(ids []string) (from, to int) { return 0, len(ids) })
	return ids
}

// tenants returns a copy of the ids by tenant.
func (o *order) tenants() map[string][]string {
	o.settle()
	o.mu.RLock()
	defer o.mu.RUnlock()
	tenants := make(map[string][]string, len(o.ids))
	for tenant, ids := range o.ids {
		tenants[tenant] = slices.Clone(ids)
	}
	return tenants
}

// newestEvent returns the revision of the informer's newest event.
func (o *order) newestEvent() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.newest
}

// wait returns when the informer has seen the revision.
func (o *order) wait(ctx context.Context, revision int64) error {
	for {
		o.mu.RLock()
		seen, moved := o.seen, o.moved
		o.mu.RUnlock()
		if seen >= revision {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}
