package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// leadersKind is read by the controllers alone, so that a replica that does not lead holds nothing of it: the webhook, which
// every replica serves, plans without executions. When the process leads, controllers wait for it as they do at a start.
const leadersKind = "AutomationRuleExecution"

// first lets a cache read the kinds that serving needs before all others. To decode what is stored takes most of a start,
// and the kinds that only controllers read, Persons and executions, are more than twice the bytes: read at the same time,
// they keep the SCIM server waiting for processors that it needs itself.
type first struct {
	health *InformerHealth

	mu sync.Mutex
	// serving tells by kind whether it is known. An informer that the cache did not take is made again, and the last one counts.
	serving map[string]toolscache.InformerSynced
	// passed says that nobody waits any more: later relists are not part of a start.
	passed bool
}

// newInformer is cache.Options.NewInformer.
func (f *first) newInformer(
	from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	kind := kindOf(fmt.Sprintf("%T", object))
	own, ok := from.(*toolscache.ListWatch)
	switch {
	case ok && kind == leadersKind:
		from = f.behind(own, func() bool { return f.done() && f.health.leads() })
	case ok && !f.health.serves(kind):
		from = f.behind(own, f.done)
	}
	informer := toolscache.NewSharedIndexInformer(from, object, resync, indexers)
	if f.health.serves(kind) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.serving == nil {
			f.serving = make(map[string]toolscache.InformerSynced)
		}
		f.serving[kind] = informer.HasSynced
	}
	return informer
}

// behind lists and watches when it is its turn.
func (*first) behind(own *toolscache.ListWatch, turn func() bool) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if err := poll(ctx, turn); err != nil {
				return nil, err
			}
			return own.ListWithContextFunc(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if err := poll(ctx, turn); err != nil {
				return nil, err
			}
			return own.WatchFuncWithContext(ctx, options)
		},
	}
}

// done reports whether the kinds that serving needs are known, or one of them cannot be read: then nobody knows when they
// will be, and controllers can at least tell of it. It stays so once it is.
func (f *first) done() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.passed {
		return true
	}
	gaveUp := f.health.gaveUp("")
	for _, synced := range f.serving {
		if !gaveUp && !synced() {
			return false
		}
	}
	f.passed = gaveUp || len(f.serving) == len(f.health.serving) // else somebody asks for the others yet
	return true
}
