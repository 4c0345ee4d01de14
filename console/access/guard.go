package access

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// kinds are the names of those that a console's cache holds. Executions are read live: only the leader's cache has
// them, and there are as many as users times rules.
var kinds = kindNames(Held())

func kindNames(objects []client.Object) (names []string) {
	for _, object := range objects {
		names = append(names, reflect.TypeOf(object).Elem().Name())
	}
	return names
}

// Guard reads a namespace for a caller: from the cache after it has asked whether the caller may, and what no cache holds as the
// caller. What the caller may not see is Forbidden, also where it does not exist. It hides the cache behind itself, so that what
// reads a cache's own objects (kube.Held) goes through Get and List, too.
type Guard struct {
	caller    Caller
	namespace string
	// cache holds Kinds of the namespace.
	cache client.Reader
	// lazy says that the cache begins to hold a kind when it is read first, with the caller's own rights.
	lazy bool
}

// NewGuard guards a cache that holds the namespace's objects anyway, as the operator's does.
func NewGuard(caller Caller, namespace string, cache client.Reader) *Guard {
	return &Guard{caller: caller, namespace: namespace, cache: cache}
}

// Get implements client.Reader.
func (g *Guard) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	gvk, held, err := g.kindOf(into)
	if err != nil {
		return err
	}
	if !held || key.Namespace != g.namespace {
		return g.caller.Client().Get(ctx, key, into, opts...)
	}
	if err := g.mayAll(ctx, gvk, key.Name, "get"); err != nil {
		return err
	}
	if g.lazy {
		switch err := g.mayList(ctx, gvk); {
		case apierrors.IsForbidden(err): // which reading one by one is not
			return g.caller.Client().Get(ctx, key, into, opts...)
		case err != nil:
			return err
		}
	}
	return g.cache.Get(ctx, key, into, opts...)
}

// List implements client.Reader. It needs a namespace.
func (g *Guard) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	gvk, held, err := g.kindOf(into)
	if err != nil {
		return err
	}
	options := (&client.ListOptions{}).ApplyOptions(opts)
	if !held || options.Namespace != g.namespace {
		return g.caller.Client().List(ctx, into, opts...)
	}
	if err := g.mayList(ctx, gvk); err != nil {
		return err
	}
	return g.cache.List(ctx, into, opts...)
}

// Unguarded returns what is below a Guard, for reading all that it holds of these kinds without copies, after the caller has been
// asked whether they may be listed. Any other reader is returned as it is.
func Unguarded(ctx context.Context, reader client.Reader, of ...client.Object) (client.Reader, error) {
	g, ok := reader.(*Guard)
	if !ok {
		return reader, nil
	}
	for _, kind := range of {
		gvk, held, err := g.kindOf(kind)
		if err != nil {
			return nil, err
		}
		if !held {
			return nil, fmt.Errorf("the console's cache does not hold kind %s", gvk.Kind)
		}
		if err := g.mayList(ctx, gvk); err != nil {
			return nil, err
		}
	}
	return g.cache, nil
}

// kindOf is the kind of an object, or of a list's items, and whether the cache holds it.
func (g *Guard) kindOf(object runtime.Object) (schema.GroupVersionKind, bool, error) {
	gvk, err := apiutil.GVKForObject(object, g.caller.Client().Scheme())
	if err != nil {
		return gvk, false, fmt.Errorf("find the kind of %T: %w", object, err)
	}
	if _, isList := object.(client.ObjectList); isList {
		gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	}
	switch object.(type) {
	case runtime.Unstructured, *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList:
		return gvk, false, nil // of which the cache would be another one
	}
	return gvk, gvk.GroupVersion() == v1alpha1.GroupVersion && slices.Contains(kinds, gvk.Kind), nil
}

// mayList is nil when the caller may do what the cache does to hold a kind.
func (g *Guard) mayList(ctx context.Context, gvk schema.GroupVersionKind) error {
	if g.lazy {
		return g.mayAll(ctx, gvk, "", "list", "watch")
	}
	return g.mayAll(ctx, gvk, "", "list")
}

// mayAll is nil when the caller may do all of that to a kind, or to the object of that name.
func (g *Guard) mayAll(ctx context.Context, gvk schema.GroupVersionKind, name string, verbs ...string) error {
	mapping, err := g.caller.Client().RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return noKind(gvk, err)
	}
	resource := mapping.Resource.GroupResource()
	for _, verb := range verbs {
		allowed, err := g.caller.May(ctx, authorizationv1.ResourceAttributes{
			Namespace: g.namespace, Verb: verb, Group: resource.Group, Version: gvk.Version, Resource: resource.Resource, Name: name,
		})
		if err != nil {
			return err
		}
		if !allowed {
			return apierrors.NewForbidden(resource, name, fmt.Errorf("%s may not %s %s in namespace %s", g.caller.User().Username, verb, resource.Resource, g.namespace))
		}
	}
	return nil
}

func noKind(gvk schema.GroupVersionKind, err error) error {
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("the cluster has no kind %s: install the definitions of the operator: %w", gvk.Kind, err)
	}
	return fmt.Errorf("find the resource of kind %s: %w", gvk.Kind, err)
}
