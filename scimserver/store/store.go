package store

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/keylock"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// maxTries bounds the rounds in which a write meets a concurrent one.
const maxTries = 16

// RequestInfo says where a write comes from. It is noted on the object, so that a
// change can be traced to the server's log.
type RequestInfo struct {
	RequestID string
	TokenID   string
}

type requestInfoKey struct{}

// WithRequestInfo returns a context whose writes are noted as this request's.
func WithRequestInfo(ctx context.Context, info RequestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, info)
}

// Options are what a Store works with.
type Options struct {
	// Client reads from the cache, including its own writes, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Cache is the cache behind Client, with the indexes of package membership.
	Cache cache.Cache
	// Namespace is the only one that Cache has; empty means all.
	Namespace string
}

// Store keeps the users and groups of all tenants; a tenant is a namespace. It is
// safe for concurrent use, also by several replicas.
//
// Every context needs a deadline. Errors are *scim.Error where the client of the
// request can do something about it, and others where it can not.
type Store struct {
	client client.Client
	live   client.Reader
	// cached reads from the cache what is there, without waiting for this process's writes.
	cached client.Reader
	timing timing
	// room is how many members a group or page holds.
	room   int
	claims claims
	users  kindIndex
	groups kindIndex
	pages  kindIndex
	gone   goneIDs
	// complete is what Synced has found out.
	complete atomic.Bool
	// namespace is the only one there is; empty means all.
	namespace string
	// locks serialise in this process what is slow or would conflict: the changes of one group's
	// membership, where between processes resourceVersions decide, and the comparison of a kind.
	locks keylock.Locks
	// largeLookups bounds how many large groups' members are looked up at the same time.
	largeLookups *semaphore.Weighted
}

// kindIndex is the ordered index of a kind and how far it must have come to
// include this process's writes.
type kindIndex struct {
	order  *order
	synced toolscache.InformerSynced
	// informer is the cache's.
	informer cache.Informer
	written  atomic.Int64
	// floor is a revision that the informer's first list includes.
	floor     int64
	newObject func() client.Object
	listKind  schema.GroupVersionKind
}

// New registers the indexes and informers that a Store needs. Call it before the
// cache is started.
func New(ctx context.Context, o Options) (*Store, error) {
	return newStore(ctx, o, defaultTiming)
}

func newStore(ctx context.Context, o Options, t timing) (*Store, error) {
	s := &Store{
		client: o.Client, live: o.Live, cached: o.Cache, namespace: o.Namespace, timing: t, room: v1alpha1.MaxGroupMembers,
		claims:       claims{client: o.Client, live: o.Live, salts: kube.NewSalts(o.Client, o.Live), timing: t},
		largeLookups: semaphore.NewWeighted(maxLargeLookups),
	}
	s.users = kindIndex{
		order: newOrder(), newObject: func() client.Object { return &v1alpha1.ScimUser{} }, listKind: v1alpha1.GroupVersion.WithKind("ScimUserList"),
	}
	s.groups = kindIndex{
		order: newOrder(), newObject: func() client.Object { return &v1alpha1.ScimGroup{} }, listKind: v1alpha1.GroupVersion.WithKind("ScimGroupList"),
	}
	s.pages = kindIndex{
		order: newOrder(), newObject: func() client.Object { return &v1alpha1.ScimGroupPage{} }, listKind: v1alpha1.GroupVersion.WithKind("ScimGroupPageList"),
	}
	if err := registerIndexes(ctx, o.Cache); err != nil {
		return nil, err
	}
	for _, index := range s.kinds() {
		var err error
		if index.floor, err = currentRevision(ctx, o, index.listKind); o.Namespace != "" && apierrors.IsForbidden(err) {
			index.floor, err = 0, nil // Cache knows of it, and waits; with 0, wait finds out by comparing
		}
		if err != nil {
			return nil, err
		}
		informer, err := o.Cache.GetInformer(ctx, index.newObject(), cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %T: %w", index.newObject(), err)
		}
		registration, err := informer.AddEventHandler(index.order.handler())
		if err != nil {
			return nil, fmt.Errorf("watch %T: %w", index.newObject(), err)
		}
		index.synced, index.informer = registration.HasSynced, informer
	}
	return s, nil
}

// kinds are the indexes of all kinds.
func (s *Store) kinds() []*kindIndex { return []*kindIndex{&s.users, &s.groups, &s.pages} }

// Synced reports whether the Store knows all users and groups that existed when
// it started. Until then it must not serve.
func (s *Store) Synced() bool {
	if s.complete.Load() {
		return true
	}
	for _, index := range s.kinds() {
		if !index.synced() {
			return false
		}
	}
	for _, index := range s.kinds() {
		index.order.settle()
		index.order.reach(index.floor)
	}
	s.complete.Store(true)
	return true
}

// noteWrite remembers a write, so that later pages include it.
func (k *kindIndex) noteWrite(obj client.Object) {
	revision := revisionOf(obj)
	for {
		old := k.written.Load()
		if revision <= old || k.written.CompareAndSwap(old, revision) {
			return
		}
	}
}

// waitForWrites returns when the index includes this process's writes.
func (k *kindIndex) waitForWrites(ctx context.Context) error {
	return k.order.wait(ctx, k.written.Load())
}

// unreadableRevision stands for a resourceVersion that is no number. No event brings the cache there, so nobody who waits
// for it gets an answer that may be incomplete. New refuses an API server whose resourceVersions are no numbers.
const unreadableRevision = math.MaxInt64

func revisionOf(obj client.Object) int64 {
	revision, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return unreadableRevision
	}
	return revision
}

// newID returns a fresh SCIM id: a UUIDv7, so that the order of ids is the order
// of creation.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// isID reports whether a text has the form of an id. Other spellings of a UUID are names of nothing.
func isID(text string) bool {
	parsed, err := uuid.Parse(text)
	return err == nil && parsed.String() == text
}

// stampRequest notes the request on the object.
func stampRequest(ctx context.Context, obj client.Object) {
	info, ok := ctx.Value(requestInfoKey{}).(RequestInfo)
	if !ok {
		return
	}
	v1alpha1.SetLastRequest(obj, v1alpha1.LastRequest{RequestID: fitting(info.RequestID), TokenID: fitting(info.TokenID)})
}

// fitting cuts what a field of LastRequest cannot hold, which is no reason to refuse a change.
func fitting(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), v1alpha1.MaxRequestText)], "")
}

func key(tenant, id string) types.NamespacedName {
	return types.NamespacedName{Namespace: tenant, Name: id}
}

func notFound(rt *scim.ResourceType, id string) error {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return scim.NewError(http.StatusNotFound, "%s %q does not exist", rt.Name, id)
}

// fetch reads an object, from the cache or, when it is not there, from the API
// server: another replica may have created it a moment ago. An object that is
// being deleted does not exist for clients.
func fetch[T client.Object](ctx context.Context, s *Store, tenant, id string, obj T, live bool, opts ...client.GetOption) (bool, error) {
	if !isID(id) {
		return false, nil
	}
	if !live {
		err := s.client.Get(ctx, key(tenant, id), obj, opts...)
		if err == nil {
			return obj.GetDeletionTimestamp() == nil, nil
		}
		if !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("read from the cache: %w", err)
		}
	}
	if err := s.live.Get(ctx, key(tenant, id), obj); apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read from the API server: %w", err)
	}
	return obj.GetDeletionTimestamp() == nil, nil
}

// held is fetch for who only reads and has waited for this process's writes: what it returns, or nil, is the cache's own.
func held[T any, P interface {
	*T
	client.Object
}](ctx context.Context, s *Store, tenant, id string) (P, error) {
	if !isID(id) {
		return nil, nil
	}
	obj, err := kube.Held[T, P](ctx, s.cached, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read from the cache: %w", err)
	}
	if obj == nil {
		obj = P(new(T))
		if found, err := fetch(ctx, s, tenant, id, obj, true); !found || err != nil {
			return nil, err
		}
	}
	if obj.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	return obj, nil
}

// stamp adds id, meta and schemas. Of a resource that was never changed, lastModified is
// created (RFC 7643 section 3.1).
func stamp(rt *scim.ResourceType, r scim.Resource, obj client.Object, version string, provisioned, modified v1alpha1.Timestamp) {
	created := createdAt(obj, provisioned)
	if provisioned.IsZero() && obj.GetGeneration() <= 1 {
		modified = created
	}
	scim.Stamp(rt, r, obj.GetName(), "", scim.Meta{
		Created:      created.Time,
		LastModified: modified.Time,
		Version:      version,
	})
}

// createdAt is when the client created what was stored: spec.provisionedAt or, on what is older than
// that field, the time of the object itself. The next change of such a one writes it down.
func createdAt(obj client.Object, provisioned v1alpha1.Timestamp) v1alpha1.Timestamp {
	if provisioned.IsZero() {
		return v1alpha1.NewTimestamp(obj.GetCreationTimestamp().Time)
	}
	return provisioned
}

// now is the time of a change, never before the last one: clocks of replicas differ.
func now(last v1alpha1.Timestamp) v1alpha1.Timestamp {
	t := v1alpha1.NewTimestamp(time.Now())
	if !t.After(last.Time) {
		t = v1alpha1.NewTimestamp(last.Add(time.Microsecond))
	}
	return t
}

// checkVersion carries out If-Match (RFC 7644 section 3.14).
func checkVersion(ifMatch, version string) error {
	if ifMatch == "" || scim.MatchesVersion(ifMatch, version) {
		return nil
	}
	return scim.NewError(http.StatusPreconditionFailed,
		"the resource has changed: its version is %s; read it again and repeat the change", version)
}

// maxReasons is how many fields an answer names that the API server refused.
const maxReasons = 3

// refused turns the API server's refusal of an object into an answer for the
// client: limits that the SCIM layer does not know are those of the CRDs.
func refused(err error, action string) error {
	if apierrors.IsInvalid(err) || kube.TooLarge(err) {
		return scim.BadRequest(scim.TypeInvalidValue, "the resource is not accepted: %s", reasons(err))
	}
	return fmt.Errorf("%s: %w", action, err)
}

// reasons names the first fields that the API server refused, without their values.
func reasons(err error) string {
	fields := kube.RefusedFields(err)
	switch {
	case len(fields) == 0:
		return "it is too large"
	case len(fields) > maxReasons:
		fields = append(fields[:maxReasons], "and more")
	}
	return strings.Join(fields, "; ")
}
