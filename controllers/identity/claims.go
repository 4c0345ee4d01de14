package identity

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/keylock"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// claimForgotten is the age by which a claim for a record that does not exist is
// certainly nobody's: a reconcile takes at most half of it.
const claimForgotten = 2 * time.Minute

// Claims keep two managers from giving an e-mail address or a name to two records.
// The name of a new record does that for creations; nothing but a claim does it for a
// record that gets another address. A claim is a Lease whose name is derived from the
// address and whose holder is the record's name. It is never deleted: one that its holder has
// left is taken over by who wants it next.
type Claims struct {
	client client.Client
	// live reads from the API server.
	live  client.Reader
	salts *kube.Salts
	clock clock.PassiveClock
	// locks do the same within this manager, from a plan to the end of what it writes.
	locks keylock.Locks
	// exclusive says that no other manager is at work, so that no claim is needed.
	exclusive bool
}

// NewClaims makes claims with a manager's client; live reads from the API server. An exclusive manager is the
// only one that is at work.
func NewClaims(c client.Client, live client.Reader, clk clock.PassiveClock, exclusive bool) *Claims {
	return &Claims{client: c, live: live, salts: kube.NewSalts(c, live), clock: clk, exclusive: exclusive}
}

// Lock waits until this manager is at work on none of the identities otherwise. The caller releases it.
func (c *Claims) Lock(ctx context.Context, keys ...string) (release func(), err error) {
	if release, err = c.locks.Lock(ctx, keys...); err != nil {
		return nil, fmt.Errorf("wait for who is at work on the same record: %w", err)
	}
	return release, nil
}

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update

// acquire claims an identity for a record and returns the name under which the record has
// it. That is another one only for a new record, where somebody else is about to create
// the same one. An error that isStale says to plan again.
func (c *Claims) acquire(ctx context.Context, namespace string, id ID, record string, isNew bool) (string, error) {
	salt, err := c.salts.Of(ctx, namespace)
	if err != nil {
		return "", err
	}
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: id.objectName(salt, 1),
			Labels: map[string]string{v1alpha1.LabelIdentity: strings.ToLower(string(id.kind))},
		},
		Spec: c.heldBy(record),
	}
	err = c.client.Create(ctx, lease, client.DisableReadYourWritesConsistency)
	if !apierrors.IsAlreadyExists(err) {
		return record, verdict.FailedTo("claim an identity", err)
	}
	if err := c.live.Get(ctx, client.ObjectKeyFromObject(lease), lease); err != nil {
		return "", verdict.FailedTo("read a claim", err)
	}
	holder := ptr.Deref(lease.Spec.HolderIdentity, "")
	if holder != record {
		if record, err = c.contend(ctx, lease, id, record, isNew); err != nil {
			return "", err
		}
	}
	// Written even if nothing changes: whoever wants to take over what was here before fails.
	lease.Spec = c.heldBy(record)
	return record, verdict.FailedTo("take over a claim", c.client.Update(ctx, lease, client.DisableReadYourWritesConsistency))
}

// contend decides whether a record may have a claim that another one holds. The holder of a
// claim that is taken over can no longer get the identity with a write that is under way.
func (c *Claims) contend(ctx context.Context, lease *coordinationv1.Lease, id ID, record string, isNew bool) (string, error) {
	holder := ptr.Deref(lease.Spec.HolderIdentity, "")
	// A record that was created with the identity has the claim's name, maybe with a number.
	created := holder == lease.Name || strings.HasPrefix(holder, lease.Name+"-")
	taken := apierrors.NewAlreadyExists(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: string(id.kind)}, holder)
	other := id.newRecord()
	err := c.live.Get(ctx, client.ObjectKey{Namespace: lease.Namespace, Name: holder}, other)
	switch {
	case apierrors.IsNotFound(err) && !created:
		return record, nil // it was to be changed, and is gone
	case apierrors.IsNotFound(err) && isNew:
		return holder, nil
	case apierrors.IsNotFound(err) && c.clock.Since(ptr.Deref(lease.Spec.AcquireTime, metav1.MicroTime{}).Time) > claimForgotten:
		return record, nil
	case apierrors.IsNotFound(err):
		return "", taken
	case err != nil:
		return "", fmt.Errorf("read the holder of a claim: %w", err)
	case Of(other) == id:
		return "", taken
	}
	return record, c.fence(ctx, other)
}

func (c *Claims) heldBy(record string) coordinationv1.LeaseSpec {
	return coordinationv1.LeaseSpec{HolderIdentity: &record, AcquireTime: new(metav1.NewMicroTime(c.clock.Now()))}
}

// fence makes a write of a record fail that was planned on its present state, such as one
// that gives it the identity which it has claimed and lost.
func (c *Claims) fence(ctx context.Context, record rules.Record) error {
	before, ok := record.DeepCopyObject().(rules.Record)
	if !ok {
		return fmt.Errorf("copy %T", record)
	}
	annotations := map[string]string{}
	maps.Copy(annotations, record.GetAnnotations())
	annotations[v1alpha1.AnnotationFence] = c.clock.Now().UTC().Format(time.RFC3339Nano)
	record.SetAnnotations(annotations)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return verdict.FailedTo("fence a record", c.client.Patch(ctx, record, patch))
}

// Creating claims the identity of a new record and returns the name to create it under.
func (c *Claims) Creating(ctx context.Context, namespace string, record rules.Record) (string, error) {
	salt, err := c.salts.Of(ctx, namespace)
	if err != nil {
		return "", err
	}
	id := Of(record)
	name, err := freeName(ctx, c.client, namespace, salt, id)
	if err != nil || c.exclusive {
		return name, err
	}
	return c.acquire(ctx, namespace, id, name, true)
}

// Moving claims the identity that a record is to get, if that is another one.
func (c *Claims) Moving(ctx context.Context, before, after rules.Record) error {
	if c.exclusive || Of(before) == Of(after) {
		return nil
	}
	_, err := c.acquire(ctx, after.GetNamespace(), Of(after), after.GetName(), false)
	return err
}

// Forget releases the claim on a record's identity that it holds.
func (c *Claims) Forget(ctx context.Context, record rules.Record) error {
	if c.exclusive {
		return nil
	}
	salt, err := c.salts.Of(ctx, record.GetNamespace())
	if err != nil {
		return err
	}
	lease := &coordinationv1.Lease{}
	err = c.live.Get(ctx, client.ObjectKey{Namespace: record.GetNamespace(), Name: Of(record).objectName(salt, 1)}, lease)
	if apierrors.IsNotFound(err) || err == nil && ptr.Deref(lease.Spec.HolderIdentity, "") != record.GetName() {
		return nil
	}
	if err != nil {
		return verdict.FailedTo("read a claim", err)
	}
	err = c.client.Delete(ctx, lease, client.DisableReadYourWritesConsistency, client.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion})
	if apierrors.IsConflict(err) {
		return nil // Somebody else has it now.
	}
	return verdict.FailedTo("release a claim", client.IgnoreNotFound(err))
}
