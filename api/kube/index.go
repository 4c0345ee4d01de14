package kube

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// IndexPerNamespace registers indexes of a cache that are read in one namespace at a time, with client.InNamespace. The cache's
// own IndexField keeps every value twice, the second time for reads of all namespaces, and indexes are a large part of what a
// replica holds of a user. Without a namespace such an index finds nothing.
func IndexPerNamespace(c cache.Cache) client.FieldIndexer { return perNamespace{c} }

// The name of an index and the form of its keys are those by which controller-runtime's reader looks.
const indexPrefix = "field:"

func keyIn(namespace, key string) string { return namespace + "/" + key }

// ReadIndex returns what an informer has under a key of an index of IndexPerNamespace, without copying anything: read only. A
// List copies all that it finds, and of a key that many share little is wanted. It reports false for an informer that is made
// of others, as those of several namespaces are. Call it when the informer has synced.
func ReadIndex(informer cache.Informer, field, namespace, key string) (objects []any, ok bool, err error) {
	one, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		return nil, false, nil
	}
	if objects, err = one.GetIndexer().ByIndex(indexPrefix+field, keyIn(namespace, key)); err != nil {
		return nil, true, fmt.Errorf("read index %s: %w", field, err)
	}
	return objects, true, nil
}

type perNamespace struct{ cache.Cache }

// IndexField implements client.FieldIndexer.
func (c perNamespace) IndexField(ctx context.Context, object client.Object, field string, values client.IndexerFunc) error {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch %T: %w", object, err)
	}
	return informer.AddIndexers(toolscache.Indexers{indexPrefix + field: keysPerNamespace(values)})
}

func keysPerNamespace(values client.IndexerFunc) toolscache.IndexFunc {
	return func(stored any) ([]string, error) {
		object, ok := stored.(client.Object)
		if !ok {
			return nil, fmt.Errorf("%T is indexed, which has no metadata", stored)
		}
		keys := values(object)
		named := make([]string, len(keys))
		for i := range keys {
			named[i] = keyIn(object.GetNamespace(), keys[i])
		}
		return named, nil
	}
}
