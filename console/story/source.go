package story

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// pageSize is how many small objects are read at a time, groupPageSize how many of those with up to 500 members.
	pageSize      = 500
	groupPageSize = 50
)

// Source is where stories are read from. Whatever it reads it reads as whoever its readers act as.
type Source struct {
	cached client.Reader
	live   client.Reader
}

// Live reads from the API server, by names and by what can be selected there. Whose groups are asked for reads all groups of the
// namespace once, page by page, and keeps those of the subject.
func Live(live client.Reader) Source { return Source{live: live} }

// Cached reads users, groups and their pages, records, rules and endpoints from a cache with the indexes of directory, membership
// and userindex, such as a manager's. Executions and records in whole, with managedFields, which no cache has, are read live.
func Cached(cache, live client.Reader) Source { return Source{cached: cache, live: live} }

// get reads an object from the cache if there is one, else live, and reports whether it exists. What a cache does not have yet may
// exist all the same.
func (s Source) get(ctx context.Context, namespace, name string, into client.Object) (bool, error) {
	if s.cached != nil {
		err := s.cached.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
		if !apierrors.IsNotFound(err) {
			return err == nil, failedToRead(into, err)
		}
	}
	return s.getLive(ctx, namespace, name, into)
}

// getLive reads an object from the API server and reports whether it exists.
func (s Source) getLive(ctx context.Context, namespace, name string, into client.Object) (bool, error) {
	err := s.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, failedToRead(into, err)
}

// list reads all objects of a kind of which a namespace has few: rules and endpoints.
func (s Source) list(ctx context.Context, namespace string, into client.ObjectList) error {
	reader := s.live
	if s.cached != nil {
		reader = s.cached
	}
	return failedToRead(into, reader.List(ctx, into, client.InNamespace(namespace)))
}

// selected reads what the API server selects by a field.
func (s Source) selected(ctx context.Context, namespace string, into client.ObjectList, field, value string) error {
	return failedToRead(into, s.live.List(ctx, into, client.InNamespace(namespace), client.MatchingFields{field: value}))
}

// scan calls visit with each object of a kind, page by page, until that says that it has enough at the end of a page.
func (s Source) scan(ctx context.Context, namespace string, page client.ObjectList, size int64, visit func(client.Object), enough func() bool) error {
	for {
		options := []client.ListOption{client.InNamespace(namespace), client.Limit(size), client.Continue(page.GetContinue())}
		if err := s.live.List(ctx, page, options...); err != nil {
			return failedToRead(page, err)
		}
		err := meta.EachListItem(page, func(item runtime.Object) error {
			if object, ok := item.(client.Object); ok {
				visit(object)
			}
			return nil
		})
		if err != nil || page.GetContinue() == "" || enough() {
			return err
		}
	}
}

func failedToRead(what runtime.Object, err error) error {
	if err == nil {
		return nil
	}
	kind := strings.TrimSuffix(reflect.TypeOf(what).Elem().Name(), "List")
	return fmt.Errorf("read %s: %w", kind, err)
}
