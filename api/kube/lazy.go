package kube

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Lazy is the cache of one namespace for one person's console: it begins to watch a kind when that is read first, and the read
// waits until the kind is known, or until its context ends. Held and its like find in it what it has. Whoever reads has to be
// allowed to list and watch the kind: otherwise the read waits in vain.
type Lazy struct {
	*heldCache
	scheme *runtime.Scheme

	mu      sync.Mutex
	indexes map[reflect.Type]toolscache.Indexers
}

// NewLazy makes one. Register indexes on it, start it, then read.
func NewLazy(cfg *rest.Config, namespace string) (*Lazy, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	options, err := cacheOptions()
	if err != nil {
		return nil, err
	}
	lazy := &Lazy{scheme: scheme, indexes: map[reflect.Type]toolscache.Indexers{}}
	options.Scheme = scheme
	options.DefaultNamespaces = map[string]cache.Config{namespace: {}}
	options.NewInformer = func(
		from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		lazy.mu.Lock()
		defer lazy.mu.Unlock()
		all := maps.Clone(indexers)
		maps.Copy(all, lazy.indexes[reflect.TypeOf(object)])
		return toolscache.NewSharedIndexInformer(from, object, resync, all)
	}
	if lazy.heldCache, err = newHeldCache(cfg, options); err != nil {
		return nil, fmt.Errorf("make a cache of namespace %s: %w", namespace, err)
	}
	return lazy, nil
}

// IndexField implements client.FieldIndexer. The kind is watched when it is read, not before.
func (l *Lazy) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := reflect.TypeOf(object)
	if l.indexes[kind] == nil {
		l.indexes[kind] = toolscache.Indexers{}
	}
	l.indexes[kind][indexPrefix+field] = keysPerNamespace(values)
	return nil
}

// Get implements client.Reader.
func (l *Lazy) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if err := l.watch(ctx, into); err != nil {
		return err
	}
	return l.heldCache.Get(ctx, key, into, opts...)
}

// List implements client.Reader.
func (l *Lazy) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(into, l.scheme)
	if err != nil {
		return fmt.Errorf("find the kind of %T: %w", into, err)
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	item, err := l.scheme.New(gvk)
	if err != nil {
		return fmt.Errorf("find the kind of %T: %w", into, err)
	}
	object, ok := item.(client.Object)
	if !ok {
		return fmt.Errorf("%T is a list of what has no metadata", into)
	}
	if err := l.watch(ctx, object); err != nil {
		return err
	}
	return l.heldCache.List(ctx, into, opts...)
}

// watch begins to watch a kind, and waits until it is known.
func (l *Lazy) watch(ctx context.Context, object client.Object) error {
	informer, err := l.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch %T: %w", object, err)
	}
	if informer.HasSynced() {
		return nil
	}
	return WaitFor(ctx, informer.HasSynced)
}
