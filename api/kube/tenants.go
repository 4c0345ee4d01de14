package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// syncPoll is how often it is looked whether a namespace is complete.
const syncPoll = 50 * time.Millisecond

// tenants is the cache of an operator that works in some namespaces only. Each has informers of its own, and none waits for
// another: what cannot be read in one, because a right is missing, holds up nobody else. Controller-runtime's own cache of
// several namespaces is complete when all of them are, and until then its reads block.
//
// Here a read fails at once while the namespace's objects of the kind are not known, and a list of all namespaces has those
// that are known (Unread tells of the others). Event handlers hear of a namespace when everything there that the process asks
// for is known, however late that is.
type tenants struct {
	names   []string
	spaces  map[string]*space
	health  *InformerHealth
	serving []client.Object
	asked   atomic.Bool
}

// newTenants makes the cache. Namespaces that cannot be read are waited for until health gives them up.
func newTenants(cfg *rest.Config, o cache.Options, namespaces []string, health *InformerHealth, log logr.Logger) (*tenants, error) {
	t := &tenants{names: namespaces, spaces: make(map[string]*space, len(namespaces)), health: health}
	if health != nil {
		health.namespaces, t.serving = namespaces, health.serving
	}
	for _, namespace := range namespaces {
		own := o
		own.DefaultNamespaces = map[string]cache.Config{namespace: {}}
		if health != nil {
			own.DefaultWatchErrorHandler = health.watchErrorHandler(log, namespace)
		}
		inner, err := newHeldCache(cfg, own)
		if err != nil {
			return nil, fmt.Errorf("make the cache of namespace %s: %w", namespace, err)
		}
		t.spaces[namespace] = newSpace(inner, namespace, o.Scheme, log)
	}
	return t, nil
}

// CacheOf returns the part of a manager's cache that is of one namespace. Of a cache of all namespaces that is the cache itself.
func CacheOf(c cache.Cache, namespace string) cache.Cache {
	if t, ok := c.(*tenants); ok && t.spaces[namespace] != nil {
		return t.spaces[namespace]
	}
	return c
}

// Unread returns the namespaces in which objects of these kinds are not known yet, sorted. In a list of all namespaces that a
// manager's cache gives, theirs are missing.
func Unread(reader client.Reader, kinds ...client.Object) []string {
	t, ok := reader.(*tenants)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.names), func(namespace string) bool {
		return !slices.ContainsFunc(kinds, func(kind client.Object) bool { return t.spaces[namespace].check(kind) != nil })
	})
}

// NotReadYet is the error, 503 to a client, of who cannot tell what something is while namespaces are unread.
func NotReadYet(what string, unread []string) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf("%s of namespaces %s have not been read yet", what, strings.Join(unread, ", ")))
}

// of returns the part of one namespace.
func (t *tenants) of(namespace string) (*space, error) {
	if s := t.spaces[namespace]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("the operator does not work in namespace %q: --namespaces does not name it", namespace)
}

// Get implements client.Reader.
func (t *tenants) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	s, err := t.of(key.Namespace)
	if err != nil {
		return err
	}
	return s.Get(ctx, key, obj, opts...)
}

// List implements client.Reader.
func (t *tenants) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return t.list(ctx, list, opts, func(namespace string) client.Reader { return t.spaces[namespace] })
}

// list asks the reader of the namespace that the options name, or all of them.
func (t *tenants) list(ctx context.Context, list client.ObjectList, opts []client.ListOption, reader func(namespace string) client.Reader) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	if o.Namespace != "" {
		if _, err := t.of(o.Namespace); err != nil {
			return err
		}
		return reader(o.Namespace).List(ctx, list, opts...)
	}
	if o.Limit > 0 {
		return fmt.Errorf("list %T of all namespaces: a limit is of no use here", list)
	}
	var all []runtime.Object
	for _, namespace := range t.names {
		part, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return fmt.Errorf("%T is no list", list)
		}
		err := reader(namespace).List(ctx, part, append(slices.Clone(opts), client.InNamespace(namespace))...)
		if IsUnread(err) {
			continue
		}
		if err != nil {
			return err
		}
		items, err := meta.ExtractList(part)
		if err != nil {
			return fmt.Errorf("list %T: %w", list, err)
		}
		all = append(all, items...)
	}
	if err := meta.SetList(list, all); err != nil {
		return fmt.Errorf("list %T: %w", list, err)
	}
	return nil
}

// GetInformer implements cache.Informers.
func (t *tenants) GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	i := &tenantsInformer{tenants: t, parts: make(map[string]cache.Informer, len(t.names))}
	for _, namespace := range t.names {
		var err error
		if i.parts[namespace], err = t.spaces[namespace].GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
			return nil, err
		}
	}
	return i, t.block(ctx, i, opts)
}

// GetInformerForKind implements cache.Informers.
func (t *tenants) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (cache.Informer, error) {
	obj, err := t.spaces[t.names[0]].newObject(gvk)
	if err != nil {
		return nil, err
	}
	return t.GetInformer(ctx, obj, opts...)
}

// block waits for an informer, if it is to.
func (t *tenants) block(ctx context.Context, i *tenantsInformer, opts []cache.InformerGetOption) error {
	if !t.spaces[t.names[0]].started.Load() || !blocks(opts) {
		return nil
	}
	return poll(ctx, i.HasSynced)
}

func poll(ctx context.Context, done func() bool) error {
	return wait.PollUntilContextCancel(ctx, syncPoll, true, func(context.Context) (bool, error) { return done(), nil })
}

// RemoveInformer implements cache.Informers.
func (t *tenants) RemoveInformer(ctx context.Context, obj client.Object) error {
	for _, s := range t.spaces {
		if err := s.RemoveInformer(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// IndexField implements client.FieldIndexer.
func (t *tenants) IndexField(ctx context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	for _, s := range t.spaces {
		if err := s.IndexField(ctx, obj, field, extract); err != nil {
			return err
		}
	}
	return nil
}

// Start implements cache.Informers.
func (t *tenants) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range t.spaces {
		group.Go(func() error { return s.Start(ctx) })
	}
	return group.Wait()
}

// WaitForCacheSync waits for every namespace, or until it is given up: for the kinds that serving needs when it is called
// first, as servingCache does, and for all kinds after that.
func (t *tenants) WaitForCacheSync(ctx context.Context) bool {
	ready := (*space).complete
	if !t.asked.Swap(true) && len(t.serving) > 0 {
		for _, s := range t.spaces {
			for _, obj := range t.serving {
				if _, err := s.GetInformer(ctx, obj, cache.BlockUntilSynced(false)); err != nil {
					return false
				}
			}
		}
		ready = func(s *space) bool {
			return !slices.ContainsFunc(t.serving, func(obj client.Object) bool { return s.check(obj) != nil })
		}
	}
	return poll(ctx, func() bool {
		for _, s := range t.spaces {
			if !ready(s) && !s.givenUp(t.health) {
				return false
			}
		}
		return true
	}) == nil
}

// ParseNamespaces reads the names of namespaces with commas between them, one at least: none would mean all namespaces.
func ParseNamespaces(text string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return nil, fmt.Errorf("%q is no name of a namespace: %s", name, strings.Join(problems, "; "))
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errors.New("it names no namespace; leave it out to work in all of them")
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
