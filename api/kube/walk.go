package kube

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Walk shows each object of a namespace as the reader has it, in no order, until visit returns false. Of a manager's cache, or of a
// Lazy, they are the cache's own: read only, also their fields. It costs a pointer an object. Of any other reader it is a List.
func Walk[T, L any, P object[T], PL interface {
	*L
	client.ObjectList
}](ctx context.Context, reader client.Reader, namespace string, visit func(P) bool) error {
	if lazy, ok := reader.(*Lazy); ok {
		if err := lazy.watch(ctx, P(new(T))); err != nil {
			return err
		}
	}
	if objects := heldBy(reader, reflect.TypeFor[P](), namespace); objects != nil {
		found, err := objects.ByIndex(toolscache.NamespaceIndex, namespace)
		if err != nil {
			return fmt.Errorf("read what namespace %s has: %w", namespace, err)
		}
		for i := range found {
			if object, err := as[P](found[i]); err != nil || !visit(object) {
				return err
			}
		}
		return nil
	}
	list := PL(new(L))
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	more := true
	return meta.EachListItem(list, func(item runtime.Object) error {
		object, err := as[P](item)
		more = more && err == nil && visit(object)
		return err
	})
}

// Revision names the state of what a cache holds of the kind of object in a namespace: another one after each change, and now and
// then without one. It is "" of what the cache does not hold, and of any other reader.
func Revision(reader client.Reader, namespace string, object client.Object) string {
	cache, ok := reader.(interface{ heldIn(string) *heldCache })
	if !ok {
		return ""
	}
	held := cache.heldIn(namespace)
	if held == nil {
		return ""
	}
	found, ok := held.informers.Load(reflect.TypeOf(object))
	if !ok {
		return ""
	}
	if informer, ok := found.(reflector); ok {
		return informer.LastSyncResourceVersion()
	}
	return ""
}
