package kube

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// HandlerFunc returns an informer's handler that calls change for every object that comes, changes or goes. For a new
// one old is nil. For one that is gone current is nil, and old is its last known state. Objects of other types than T
// are left out.
func HandlerFunc[T client.Object](change func(old, current T)) toolscache.ResourceEventHandler {
	var none T
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(added any) {
			if typed, ok := added.(T); ok {
				change(none, typed)
			}
		},
		UpdateFunc: func(from, to any) {
			old, oldOK := from.(T)
			current, currentOK := to.(T)
			if oldOK && currentOK {
				change(old, current)
			}
		},
		DeleteFunc: func(gone any) {
			if unknown, ok := gone.(toolscache.DeletedFinalStateUnknown); ok {
				gone = unknown.Obj
			}
			if typed, ok := gone.(T); ok {
				change(typed, none)
			}
		},
	}
}

// Follow calls change as HandlerFunc does, for every object of a kind that the cache gets, changes or loses. The
// function that it returns reports whether change has been called for all objects that were there at the start. Of a cache
// that runs it gets those that are there first.
func Follow[T client.Object](ctx context.Context, c cache.Cache, object T, change func(old, current T)) (toolscache.InformerSynced, error) {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch %T: %w", object, err)
	}
	registration, err := informer.AddEventHandler(HandlerFunc(change))
	if err != nil {
		return nil, fmt.Errorf("follow %T: %w", object, err)
	}
	return registration.HasSynced, nil
}

// WaitFor waits until what Follow returned reports true, or returns the end of the context.
func WaitFor(ctx context.Context, synced toolscache.InformerSynced) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), synced) {
		return fmt.Errorf("wait for the cache: %w", context.Cause(ctx))
	}
	return nil
}
