package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// space is the cache of one of several namespaces. What it does not know yet it says at once.
type space struct {
	*heldCache
	namespace string
	scheme    *runtime.Scheme
	log       logr.Logger
	started   atomic.Bool
	// abandoned says that the others have stopped waiting.
	abandoned atomic.Bool

	mu        sync.Mutex
	informers map[schema.GroupVersionKind]cache.Informer
	// whole says that all kinds were known once. What is in waiting runs then.
	whole   bool
	waiting []func() error
}

func newSpace(inner *heldCache, namespace string, scheme *runtime.Scheme, log logr.Logger) *space {
	return &space{heldCache: inner, namespace: namespace, scheme: scheme, log: log, informers: make(map[schema.GroupVersionKind]cache.Informer)}
}

// unreadError is the error of a read of what is not known yet. To others it is an API server that is away for now.
type unreadError struct{ *apierrors.StatusError }

// IsUnread reports whether an error says that the namespace is not known yet, as in the first moments of a start.
func IsUnread(err error) bool {
	_, is := errors.AsType[unreadError](err)
	return is
}

// check returns an unreadError if the objects of a kind, or of a kind's list, are not known yet.
func (s *space) check(of runtime.Object) error {
	gvk, err := apiutil.GVKForObject(of, s.scheme)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	s.mu.Lock()
	informer := s.informers[gvk]
	s.mu.Unlock()
	if informer == nil || informer.HasSynced() {
		return nil // the cache itself says that nobody asked for it
	}
	return unreadError{apierrors.NewServiceUnavailable(fmt.Sprintf("kind %s of namespace %s has not been read yet", gvk.Kind, s.namespace))}
}

// Get implements client.Reader.
func (s *space) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if err := s.check(obj); err != nil {
		return err
	}
	return s.heldCache.Get(ctx, key, obj, opts...)
}

// List implements client.Reader.
func (s *space) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := s.check(list); err != nil {
		return err
	}
	return s.heldCache.List(ctx, list, opts...)
}

// GetInformer implements cache.Informers. It does not wait: where it is to, what is not known is an error.
func (s *space) GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	gvk, err := apiutil.GVKForObject(obj, s.scheme)
	if err != nil {
		return nil, err
	}
	informer, err := s.heldCache.GetInformer(ctx, obj, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if known := s.informers[gvk]; known != nil {
		informer = known
	}
	s.informers[gvk] = informer
	s.mu.Unlock()
	if s.started.Load() && blocks(opts) {
		return informer, s.check(obj)
	}
	return informer, nil
}

// GetInformerForKind implements cache.Informers.
func (s *space) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (cache.Informer, error) {
	obj, err := s.newObject(gvk)
	if err != nil {
		return nil, err
	}
	return s.GetInformer(ctx, obj, opts...)
}

func (s *space) newObject(gvk schema.GroupVersionKind) (client.Object, error) {
	made, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	obj, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no kind of objects", gvk)
	}
	return obj, nil
}

func blocks(opts []cache.InformerGetOption) bool {
	var o cache.InformerGetOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o.BlockUntilSynced == nil || *o.BlockUntilSynced
}

// RemoveInformer implements cache.Informers.
func (s *space) RemoveInformer(ctx context.Context, obj client.Object) error {
	gvk, err := apiutil.GVKForObject(obj, s.scheme)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.informers, gvk)
	s.mu.Unlock()
	return s.heldCache.RemoveInformer(ctx, obj)
}

// IndexField implements client.FieldIndexer.
func (s *space) IndexField(ctx context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	if _, err := s.GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
		return err
	}
	return s.heldCache.IndexField(ctx, obj, field, extract)
}

// complete reports whether all kinds are known that have been asked for.
func (s *space) complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, informer := range s.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return s.started.Load()
}

// givenUp reports whether the others go on without the namespace: from when something there could not be read for a while,
// whatever the tries say that follow, until all is known.
func (s *space) givenUp(health *InformerHealth) bool {
	if s.complete() {
		s.abandoned.Store(false)
	} else if health.gaveUp(s.namespace) {
		s.abandoned.Store(true)
	}
	return s.abandoned.Load()
}

// onceComplete runs f when the namespace is complete for the first time, or now if it has been.
func (s *space) onceComplete(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whole {
		return f()
	}
	s.waiting = append(s.waiting, f)
	return nil
}

// Start implements cache.Informers.
func (s *space) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.heldCache.Start(ctx) })
	s.started.Store(true)
	group.Go(func() error {
		if err := poll(ctx, s.complete); err != nil {
			return nil // the process ends
		}
		s.log.Info("A namespace is known completely", "namespace", s.namespace)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.whole = true
		for _, f := range s.waiting {
			if err := f(); err != nil && ctx.Err() == nil {
				return fmt.Errorf("follow namespace %s: %w", s.namespace, err)
			}
		}
		s.waiting = nil
		return nil
	})
	return group.Wait()
}
