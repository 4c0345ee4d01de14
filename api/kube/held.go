package kube

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// object is a kind of objects.
type object[T any] interface {
	*T
	client.Object
}

// Held returns an object as the reader has it, or nil if that has none. Of a manager's cache it is the cache's own: read only,
// also its fields. A client.Reader copies at least an object's outermost part, which costs several times what finding it does.
// It does not wait for this process's writes.
func Held[T any, P object[T]](ctx context.Context, reader client.Reader, namespace, name string) (P, error) {
	if objects := heldBy(reader, reflect.TypeFor[P](), namespace); objects != nil {
		found, exists, err := objects.GetByKey(namespace + "/" + name)
		if err != nil || !exists {
			return nil, err
		}
		return as[P](found)
	}
	obj := P(new(T))
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return obj, err
}

// HeldUnder returns the objects that an index which IndexField has registered has for a value, as Held does.
func HeldUnder[T, L any, P object[T], PL interface {
	*L
	client.ObjectList
}](ctx context.Context, reader client.Reader, namespace, index, value string) ([]P, error) {
	var held []P
	if objects := heldBy(reader, reflect.TypeFor[P](), namespace); objects != nil {
		// So controller-runtime names the indexes of IndexField, and what is in them.
		found, err := objects.ByIndex("field:"+index, namespace+"/"+value)
		if err != nil {
			return nil, err
		}
		held = make([]P, len(found))
		for i := range found {
			if held[i], err = as[P](found[i]); err != nil {
				return nil, err
			}
		}
		return held, nil
	}
	list := PL(new(L))
	err := reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	return held, meta.EachListItem(list, func(item runtime.Object) error {
		obj, err := as[P](item)
		held = append(held, obj)
		return err
	})
}

func as[P any](found any) (P, error) {
	obj, ok := found.(P)
	if !ok {
		return obj, fmt.Errorf("a cache has a %T where there is none to be", found)
	}
	return obj, nil
}

// heldBy returns the objects of a type that a manager's cache holds in a namespace; nil of any other reader, and of what the
// cache does not know completely yet: the reader itself says then what to do.
func heldBy(reader client.Reader, objects reflect.Type, namespace string) toolscache.Indexer {
	var held *heldCache
	if cache, ok := reader.(interface{ heldIn(string) *heldCache }); ok {
		held = cache.heldIn(namespace)
	}
	if held == nil {
		return nil
	}
	found, ok := held.informers.Load(objects)
	if !ok {
		return nil
	}
	informer, ok := found.(toolscache.SharedIndexInformer)
	if !ok || !informer.HasSynced() {
		return nil
	}
	return informer.GetIndexer()
}

// heldCache is a cache that knows its informers, to which controller-runtime shows no way.
type heldCache struct {
	cache.Cache
	// informers are those by the Go type of their objects. Objects of all kinds of which only metadata is read have one type, so
	// their informers would overwrite each other: the operator reads such ones live.
	informers sync.Map
}

// newHeldCache is cache.New. An informer that the cache does not take is made again, and the last one counts.
func newHeldCache(cfg *rest.Config, o cache.Options) (*heldCache, error) {
	newInformer := o.NewInformer
	if newInformer == nil {
		newInformer = toolscache.NewSharedIndexInformer
	}
	held := &heldCache{}
	o.NewInformer = func(
		from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		informer := newInformer(from, object, resync, indexers)
		held.informers.Store(reflect.TypeOf(object), informer)
		return informer
	}
	var err error
	held.Cache, err = cache.New(cfg, o)
	return held, err
}

func (c *heldCache) own() *heldCache { return c }

// heldIn returns the cache that has the objects of a namespace, or nil.
func (c *heldCache) heldIn(string) *heldCache { return c }

func (s *space) heldIn(namespace string) *heldCache {
	if namespace != s.namespace {
		return nil
	}
	return s.heldCache
}

func (t *tenants) heldIn(namespace string) *heldCache {
	if s := t.spaces[namespace]; s != nil {
		return s.heldCache
	}
	return nil
}
