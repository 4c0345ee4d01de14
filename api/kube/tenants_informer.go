package kube

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// tenantsInformer is the informers of a kind in all namespaces of a tenants. It counts as synced without the namespaces that
// have been given up; when one of these can be read after all, its objects are events like new ones.
type tenantsInformer struct {
	tenants *tenants
	parts   map[string]cache.Informer
}

// AddEventHandler implements cache.Informer.
func (i *tenantsInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{})
}

// AddEventHandlerWithResyncPeriod implements cache.Informer.
func (i *tenantsInformer) AddEventHandlerWithResyncPeriod(
	h toolscache.ResourceEventHandler, period time.Duration,
) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{ResyncPeriod: &period})
}

// AddEventHandlerWithOptions implements cache.Informer. The handler hears of a namespace from when that is complete.
func (i *tenantsInformer) AddEventHandlerWithOptions(
	h toolscache.ResourceEventHandler, o toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	r := &tenantsRegistration{informer: i, parts: make(map[string]toolscache.ResourceEventHandlerRegistration, len(i.parts))}
	one := &serialHandler{handler: h}
	for namespace, part := range i.parts {
		err := i.tenants.spaces[namespace].onceComplete(func() error { return r.add(namespace, part, one, o) })
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// RemoveEventHandler implements cache.Informer.
func (i *tenantsInformer) RemoveEventHandler(h toolscache.ResourceEventHandlerRegistration) error {
	r, ok := h.(*tenantsRegistration)
	if !ok {
		return fmt.Errorf("%T is of another informer", h)
	}
	return r.remove()
}

// AddIndexers implements cache.Informer.
func (i *tenantsInformer) AddIndexers(indexers toolscache.Indexers) error {
	for _, part := range i.parts {
		if err := part.AddIndexers(indexers); err != nil {
			return err
		}
	}
	return nil
}

// HasSynced implements cache.Informer.
func (i *tenantsInformer) HasSynced() bool {
	for namespace, part := range i.parts {
		if !part.HasSynced() && !i.tenants.spaces[namespace].givenUp(i.tenants.health) {
			return false
		}
	}
	return true
}

// HasSyncedChecker implements cache.Informer.
func (i *tenantsInformer) HasSyncedChecker() toolscache.DoneChecker {
	return &polledCondition{name: "an informer of several namespaces", done: i.HasSynced, ended: i.IsStopped}
}

// IsStopped implements cache.Informer.
func (i *tenantsInformer) IsStopped() bool {
	for _, part := range i.parts {
		if !part.IsStopped() {
			return false
		}
	}
	return true
}

// tenantsRegistration is that of a handler with the informers of all namespaces.
type tenantsRegistration struct {
	informer *tenantsInformer

	mu      sync.Mutex
	parts   map[string]toolscache.ResourceEventHandlerRegistration
	removed bool
}

func (r *tenantsRegistration) add(namespace string, part cache.Informer, h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed {
		return nil
	}
	registration, err := part.AddEventHandlerWithOptions(h, o)
	r.parts[namespace] = registration
	return err
}

func (r *tenantsRegistration) remove() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = true
	for namespace, registration := range r.parts {
		if err := r.informer.parts[namespace].RemoveEventHandler(registration); err != nil {
			return err
		}
	}
	return nil
}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (r *tenantsRegistration) HasSynced() bool {
	r.mu.Lock()
	parts := maps.Clone(r.parts) // a namespace that is complete adds to them, and is asked here
	r.mu.Unlock()
	tenants := r.informer.tenants
	for namespace := range r.informer.parts {
		registration := parts[namespace]
		if (registration == nil || !registration.HasSynced()) && !tenants.spaces[namespace].givenUp(tenants.health) {
			return false
		}
	}
	return true
}

// HasSyncedChecker implements toolscache.ResourceEventHandlerRegistration.
func (r *tenantsRegistration) HasSyncedChecker() toolscache.DoneChecker {
	return &polledCondition{name: "a handler of several namespaces", done: r.HasSynced, ended: r.informer.IsStopped}
}

// serialHandler gives a handler the events of several informers one by one, as a handler of one informer gets them.
type serialHandler struct {
	mu      sync.Mutex
	handler toolscache.ResourceEventHandler
}

// OnAdd implements toolscache.ResourceEventHandler.
func (h *serialHandler) OnAdd(obj any, initial bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler.OnAdd(obj, initial)
}

// OnUpdate implements toolscache.ResourceEventHandler.
func (h *serialHandler) OnUpdate(before, obj any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler.OnUpdate(before, obj)
}

// OnDelete implements toolscache.ResourceEventHandler.
func (h *serialHandler) OnDelete(obj any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handler.OnDelete(obj)
}

// polledCondition is a toolscache.DoneChecker of a condition that sends no signal, so it looks again and again.
type polledCondition struct {
	name        string
	done, ended func() bool
	once        sync.Once
	closed      chan struct{}
}

// Name implements toolscache.DoneChecker.
func (p *polledCondition) Name() string { return p.name }

// Done implements toolscache.DoneChecker.
func (p *polledCondition) Done() <-chan struct{} {
	p.once.Do(func() {
		p.closed = make(chan struct{})
		go func() {
			done := false
			_ = poll(context.Background(), func() bool {
				done = p.done()
				return done || p.ended()
			})
			if done {
				close(p.closed)
			}
		}()
	})
	return p.closed
}
