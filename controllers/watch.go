package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// requestSet collects what to reconcile, each once.
type requestSet map[reconcile.Request]struct{}

func (s requestSet) add(namespace, name string) {
	if name != "" {
		s[requestFor(namespace, name)] = struct{}{}
	}
}

// addEach adds several names.
func (s requestSet) addEach(namespace string, names []string) {
	for _, name := range names {
		s.add(namespace, name)
	}
}

func requestFor(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

// finder finds what depends on a changed object. old is nil for a new object and current is nil for a deleted one.
type finder[T client.Object] func(ctx context.Context, old, current T, into requestSet) error

// onChange reconciles, at low priority, what depends on a changed object: requests
// that come from other objects' changes wait until what the client pushed is done.
func onChange[T client.Object](find finder[T]) handler.EventHandler {
	return handlerOf(find, func(q queue, request reconcile.Request) { addToQueue(q, request, 0) })
}

// onPush is onChange for what the client has pushed of others than the changed object.
func onPush[T client.Object](find finder[T]) handler.EventHandler {
	return handlerOf(find, func(q queue, request reconcile.Request) { q.Add(request) })
}

// onChangeAfter is onChange for what is reconciled once for all changes of a while.
func onChangeAfter[T client.Object](delay time.Duration, find finder[T]) handler.EventHandler {
	return handlerOf(find, func(q queue, request reconcile.Request) { addToQueue(q, request, delay) })
}

// handlerOf adds what depends on a changed object to the queue. Objects that
// were there when the process started are left out, because then everything is
// reconciled anyway. One in whose place another one of its name was put has gone, and
// the other one has come: an informer that has listed again tells of an update.
func handlerOf[T client.Object](find finder[T], add func(queue, reconcile.Request)) handler.EventHandler {
	enqueue := func(ctx context.Context, old, current T, q queue) {
		found := requestSet{}
		if err := find(ctx, old, current, found); err != nil {
			logf.FromContext(ctx).Error(err, "Could not look up what depends on a changed object")
		}
		for request := range found {
			add(q, request)
		}
	}
	var none T
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if created, ok := e.Object.(T); ok && !e.IsInInitialList {
				enqueue(ctx, none, created, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			old, oldOK := e.ObjectOld.(T)
			current, currentOK := e.ObjectNew.(T)
			switch {
			case !oldOK || !currentOK:
			case old.GetUID() != current.GetUID():
				enqueue(ctx, old, none, q)
				enqueue(ctx, none, current, q)
			default:
				enqueue(ctx, old, current, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			if deleted, ok := e.Object.(T); ok {
				enqueue(ctx, deleted, none, q)
			}
		},
	}
}

// addToQueue adds a request at low priority, to be taken up after a delay. A request
// that is waiting already keeps the earlier time.
func addToQueue(q queue, request reconcile.Request, after time.Duration) {
	low := handler.LowPriority
	if prioritized, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		prioritized.AddWithOpts(priorityqueue.AddOpts{Priority: &low, After: after}, request)
		return
	}
	q.AddAfter(request, after)
}

// dependents looks up in the cache what an event concerns. It reads the cache as it is,
// without waiting for this process's own writes: those come as events, too.
type dependents struct {
	reader client.Reader
	// memories are of what the rules for each kind of subject looked up.
	memories map[v1alpha1.SubjectKind]*directory.Memory
}

// list lists without copying; what it returns must not be changed.
func (f dependents) list(ctx context.Context, list client.ObjectList, namespace string) error {
	return f.reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
}

// under lists what is under one key of an index, without copying; what it returns must not be changed.
func (f dependents) under(ctx context.Context, list client.ObjectList, namespace, index, key string) error {
	return directory.List(ctx, f.reader, list, namespace, index, key, client.UnsafeDisableDeepCopy)
}

// addUnder adds what is under one key of an index. The list is empty before.
func (f dependents) addUnder(ctx context.Context, list client.ObjectList, namespace, index, key string, into requestSet) error {
	if err := f.under(ctx, list, namespace, index, key); err != nil {
		return err
	}
	return eachIn(list, func(object client.Object) { into.add(namespace, object.GetName()) })
}

// addAll adds all objects of a list, which is empty before.
func (f dependents) addAll(ctx context.Context, list client.ObjectList, namespace string, into requestSet) error {
	if err := f.list(ctx, list, namespace); err != nil {
		return err
	}
	return eachIn(list, func(object client.Object) { into.add(namespace, object.GetName()) })
}

// eachIn calls visit for each object of a list, without copying it.
func eachIn(list client.ObjectList, visit func(client.Object)) error {
	return meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("%T has no metadata", item)
		}
		visit(object)
		return nil
	})
}

// sameSubject finds a subject itself when its status or metadata was changed. Where another
// manager can be at work, that one may have written a status with an older view.
func sameSubject[T client.Object](_ context.Context, old, current T, into requestSet) error {
	var none T
	if any(old) != any(none) && any(current) != any(none) && !changedSpec(old, current) {
		into.add(current.GetNamespace(), current.GetName())
	}
	return nil
}

// changedSpec reports whether an event is more than a change of status or metadata: also where it is about another object of
// the same name, whose generations are its own.
func changedSpec(old, current client.Object) bool {
	return old.GetGeneration() != current.GetGeneration() || old.GetUID() != current.GetUID()
}

// versions returns those of the two that exist.
func versions[T any](old, current *T) []*T {
	var existing []*T
	for _, version := range []*T{old, current} {
		if version != nil {
			existing = append(existing, version)
		}
	}
	return existing
}

// comeOrGone is an object that has come or gone, nil for one that was updated.
func comeOrGone[T any](old, current *T) *T {
	if old != nil && current != nil {
		return nil
	}
	return cmp.Or(current, old)
}
