package kube

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// missedPoll is how often it is looked for events that an informer has missed. It matters only after an outage.
const missedPoll = time.Second

// newConsistentClient is client.New for a client that reads its own writes, whose waits end also where the events that it waits
// for never come. controller-runtime (v0.25.2) learns from events alone what a cache has seen. A watch that ends with the API
// server cannot go on where it was: the informer lists anew, and what happened before that is no event to it. So there is none of
// an object that was written and then deleted, nor of a deletion whose object it has not known, or finds another of the same
// name in the place of. All lists of the kind would wait, and with them the controllers that write what could end it.
func newConsistentClient(cfg *rest.Config, o client.Options) (client.Client, error) {
	inner, ok := o.Cache.Reader.(holder)
	if !ok {
		return nil, fmt.Errorf("%T does not know its informers", o.Cache.Reader)
	}
	kinds := &missedKinds{byType: make(map[reflect.Type]*missed)}
	cached := *o.Cache
	cached.Reader = &missedCache{inner, kinds}
	o.Cache = &cached
	c, err := client.New(cfg, o)
	if err != nil {
		return nil, err
	}
	return &missedClient{c, kinds}, nil
}

// holder is a cache that is a heldCache or has one.
type holder interface {
	cache.Cache
	own() *heldCache
}

// missedKinds are the deletions of each type of objects.
type missedKinds struct {
	mu     sync.Mutex
	byType map[reflect.Type]*missed
}

func (k *missedKinds) of(obj client.Object) *missed {
	k.mu.Lock()
	defer k.mu.Unlock()
	kind := reflect.TypeOf(obj)
	if k.byType[kind] == nil {
		k.byType[kind] = &missed{deleted: make(map[types.UID]deletion)}
	}
	return k.byType[kind]
}

// missedClient notes what it has deleted.
type missedClient struct {
	client.Client
	kinds *missedKinds
}

// Delete implements client.Writer.
func (c *missedClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	o := (&client.DeleteOptions{}).ApplyOptions(opts)
	if o.DisableReadYourWritesConsistency {
		return c.Client.Delete(ctx, obj, opts...)
	}
	uid := obj.GetUID()
	if p := o.Preconditions; p != nil && p.UID != nil && *p.UID != "" {
		uid = *p.UID
	}
	if uid == "" {
		// It is only named. controller-runtime looks up which one that is, and waits for that one.
		found, ok := obj.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("a copy of %T is no object", obj)
		}
		if err := c.Get(ctx, client.ObjectKeyFromObject(obj), found, client.DisableReadYourWritesConsistency); err != nil {
			return fmt.Errorf("read what is to be deleted: %w", err)
		}
		obj, uid = found, found.GetUID()
	}
	if err := c.Client.Delete(ctx, obj, opts...); err != nil {
		return err
	}
	c.kinds.of(obj).note(uid, deletion{client.ObjectKeyFromObject(obj), revisionOf(obj.GetResourceVersion())})
	return nil
}

// missedCache is the cache of such a client, which asks it for informers to wait for their events.
type missedCache struct {
	holder
	kinds *missedKinds
}

// GetInformer implements cache.Informers.
func (c *missedCache) GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.holder.GetInformer(ctx, obj, opts...)
	if err != nil {
		return nil, err
	}
	found, _ := c.own().informers.Load(reflect.TypeOf(obj))
	shared, ok := found.(toolscache.SharedIndexInformer)
	if !ok {
		return nil, fmt.Errorf("the cache has no informer of %T", obj)
	}
	return &missedInformer{informer, shared, c.kinds.of(obj)}, nil
}

type missedInformer struct {
	cache.Informer
	shared toolscache.SharedIndexInformer
	missed *missed
}

// AddEventHandler implements cache.Informer. The handler hears as well of what was no event.
func (i *missedInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	registration, err := i.Informer.AddEventHandler(h)
	if err == nil {
		go i.missed.tell(i.shared, h)
	}
	return registration, err
}

// missed are the deletions of one kind that its store may not have seen yet.
type missed struct {
	mu      sync.Mutex
	deleted map[types.UID]deletion
}

type deletion struct {
	key client.ObjectKey
	// revision is one at which the object was there.
	revision int64
}

func (m *missed) note(uid types.UID, d deletion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deleted[uid] = d
}

// tell makes events of what the store has seen until the informer ends.
func (m *missed) tell(informer toolscache.SharedIndexInformer, h toolscache.ResourceEventHandler) {
	ticker := time.NewTicker(missedPoll)
	defer ticker.Stop()
	told := ""
	for range ticker.C {
		if informer.IsStopped() {
			return
		}
		revision := informer.GetStore().LastStoreSyncResourceVersion()
		if revision == "" { // nothing has been read
			continue
		}
		if revision != told {
			told = revision
			h.OnUpdate(nil, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: revision}})
		}
		m.settle(informer.GetStore(), h)
	}
}

// settle tells of the deletions that the store has seen: it knows a revision at which the object was there, and has it no more.
func (m *missed) settle(store toolscache.Store, h toolscache.ResourceEventHandler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := revisionOf(store.LastStoreSyncResourceVersion())
	for uid, d := range m.deleted {
		if seen < d.revision {
			continue
		}
		held, exists, err := store.GetByKey(d.key.String())
		if obj, ok := held.(client.Object); err != nil || exists && (!ok || obj.GetUID() == uid) {
			continue
		}
		h.OnDelete(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: d.key.Namespace, Name: d.key.Name, UID: uid, ResourceVersion: "0",
		}})
		delete(m.deleted, uid)
	}
}

// revisionOf is a resourceVersion as a number, 0 if it is none.
func revisionOf(resourceVersion string) int64 {
	revision, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
