package directory

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/userindex"
)

// Objects reads from objects in memory what a View reads from a manager's cache: with the same indexes, without copying.
// Nothing that it hands out may be changed. It is for one goroutine while it is changed.
type Objects struct {
	// byName holds the objects of each type by key, indexed those of each index by key.
	byName  map[reflect.Type]map[client.ObjectKey]client.Object
	indexed map[string]map[string][]client.Object
	indexes map[reflect.Type][]membership.Index
}

// allIndexes are those of the controllers, of membership and of userindex.
func allIndexes() []membership.Index {
	return append(append(indexes(), membership.Indexes()...), userindex.Index())
}

// NewObjects reads these objects and no others, also by the indexes of the controllers, of membership and of userindex.
func NewObjects(objects ...client.Object) *Objects { return NewIndexedObjects(nil, objects...) }

// NewIndexedObjects is NewObjects with further indexes.
func NewIndexedObjects(more []membership.Index, objects ...client.Object) *Objects {
	r := &Objects{
		byName: map[reflect.Type]map[client.ObjectKey]client.Object{}, indexed: map[string]map[string][]client.Object{},
		indexes: map[reflect.Type][]membership.Index{},
	}
	for _, i := range append(allIndexes(), more...) {
		r.indexes[reflect.TypeOf(i.Object)] = append(r.indexes[reflect.TypeOf(i.Object)], i)
		r.indexed[i.Name] = map[string][]client.Object{}
	}
	for _, object := range objects {
		r.Put(object)
	}
	return r
}

// Put adds an object, in the place of the one of its kind and name if there is one.
func (r *Objects) Put(object client.Object) {
	r.Remove(object)
	kind := reflect.TypeOf(object)
	if r.byName[kind] == nil {
		r.byName[kind] = map[client.ObjectKey]client.Object{}
	}
	r.byName[kind][client.ObjectKeyFromObject(object)] = object
	for _, i := range r.indexes[kind] {
		for _, key := range i.Keys(object) {
			r.indexed[i.Name][key] = append(r.indexed[i.Name][key], object)
		}
	}
}

// Remove takes the object of that kind and name out, if there is one.
func (r *Objects) Remove(object client.Object) {
	kind, name := reflect.TypeOf(object), client.ObjectKeyFromObject(object)
	old, ok := r.byName[kind][name]
	if !ok {
		return
	}
	delete(r.byName[kind], name)
	for _, i := range r.indexes[kind] {
		for _, key := range i.Keys(old) {
			r.indexed[i.Name][key] = slices.DeleteFunc(r.indexed[i.Name][key], func(o client.Object) bool { return o == old })
		}
	}
}

// Get implements client.Reader.
func (r *Objects) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	kind := reflect.TypeOf(into)
	object, ok := r.byName[kind][key]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: kind.Elem().Name()}, key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object).Elem())
	return nil
}

// List implements client.Reader: a namespace, all of it or what is under one key of an
// index.
func (r *Objects) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	if o.FieldSelector == nil {
		return fill(list, r.all(list, o.Namespace))
	}
	wanted := o.FieldSelector.Requirements()
	if len(wanted) != 1 || r.indexed[wanted[0].Field] == nil {
		return fmt.Errorf("there is no index for %s", o.FieldSelector)
	}
	var found []client.Object
	for _, object := range r.indexed[wanted[0].Field][wanted[0].Value] {
		if object.GetNamespace() == o.Namespace {
			found = append(found, object)
		}
	}
	return fill(list, found)
}

// all are the objects of a list's kind in a namespace.
func (r *Objects) all(list client.ObjectList, namespace string) []client.Object {
	items, _ := reflect.TypeOf(list).Elem().FieldByName("Items")
	var found []client.Object
	for key, object := range r.byName[reflect.PointerTo(items.Type.Elem())] {
		if key.Namespace == namespace {
			found = append(found, object)
		}
	}
	return found
}

func fill(list client.ObjectList, objects []client.Object) error {
	items := make([]runtime.Object, len(objects))
	for i, object := range objects {
		items[i] = object
	}
	return meta.SetList(list, items)
}
