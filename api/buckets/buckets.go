// Package buckets makes indexes of the cache cheap whose values are unique, or nearly so. client-go keeps a map for each
// value of an index, and controller-runtime two values for each: of an index with one object a value that is 290 bytes
// an object. Here all values share a fixed number of buckets, so that the maps fill, and whoever reads a bucket leaves
// out what has another value.
//
// The index stays one of the cache: it changes under the same lock as the objects, before any handler hears of it.
package buckets

import (
	"context"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Count is how many buckets an index has in each namespace.
type Count uint64

const (
	// Few buckets are for what is found seldom: of 100,000 values a bucket has six.
	Few Count = 1 << 14
	// Many are for what requests look for: to read a bucket costs a microsecond for each object that is left out.
	Many Count = 1 << 16
)

// seed keeps clients, whose values these are, from filling one bucket.
var seed = maphash.MakeSeed()

// Key is what a value is under in the index.
func (c Count) Key(value string) string {
	return strconv.FormatUint(maphash.String(seed, value)%uint64(c), 36)
}

// Of is what to register for an index over these values.
func (c Count) Of(values client.IndexerFunc) client.IndexerFunc {
	return func(object client.Object) []string {
		var keys []string
		for _, value := range values(object) {
			if key := c.Key(value); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		return keys
	}
}

// List reads the objects of a namespace that have a value, by the index that was registered with Of these values.
func (c Count) List(ctx context.Context, reader client.Reader, into client.ObjectList, namespace, index, value string, values client.IndexerFunc, options ...client.ListOption) error {
	options = append(slices.Clone(options), client.InNamespace(namespace), client.MatchingFields{index: c.Key(value)})
	if err := reader.List(ctx, into, options...); err != nil {
		return fmt.Errorf("read index %s: %w", index, err)
	}
	return keep(into, func(object client.Object) bool { return slices.Contains(values(object), value) })
}

// keep leaves in a list what is wanted, in its order. The list's own items are moved, which are copies of the cache's.
func keep(list client.ObjectList, wanted func(client.Object) bool) error {
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	kept := 0
	for i := range items.Len() {
		object, ok := reflect.TypeAssert[client.Object](items.Index(i).Addr())
		if !ok {
			return fmt.Errorf("%T has items without metadata", list)
		}
		if !wanted(object) {
			continue
		}
		items.Index(kept).Set(items.Index(i))
		kept++
	}
	items.SetLen(kept)
	return nil
}
