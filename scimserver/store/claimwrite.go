package store

import (
	"context"
	"fmt"
	"maps"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// write changes a lease that is still as this request knows it. The time in it tells that, and not the revision alone: to the
// creation of a name that had been given up before, kine answers with the revision of another write
// (findings/kine-errors-lost.sh), and a write that has found its own, because it was repeated, is a conflict, too.
func (c claims) write(ctx context.Context, lease *coordinationv1.Lease, change func(*coordinationv1.Lease)) error {
	known := lease.DeepCopy()
	change(lease)
	err := c.client.Update(ctx, lease, client.DisableReadYourWritesConsistency)
	if !apierrors.IsConflict(err) {
		return err
	}
	stored := &coordinationv1.Lease{}
	if readErr := c.live.Get(ctx, client.ObjectKeyFromObject(lease), stored); readErr != nil {
		return readErr
	}
	switch {
	case sameLease(stored, lease):
		*lease = *stored
		return nil
	case sameLease(stored, known):
		lease.ResourceVersion = stored.ResourceVersion
		return c.client.Update(ctx, lease, client.DisableReadYourWritesConsistency)
	}
	return err
}

// sameLease reports whether two states of a lease are one, whatever their revisions: every write of a claim has the
// microsecond of its change in it.
func sameLease(a, b *coordinationv1.Lease) bool {
	return a.UID == b.UID && maps.Equal(a.Annotations, b.Annotations) && sameContent(a.Spec, b.Spec)
}

// remove deletes a lease as it was read, not one that has changed since, as write tells it; it reports whether that one is
// gone.
func (c claims) remove(ctx context.Context, lease *coordinationv1.Lease) (gone bool, err error) {
	err = c.deleteAt(ctx, lease, lease.ResourceVersion)
	if apierrors.IsConflict(err) {
		stored := &coordinationv1.Lease{}
		if readErr := c.live.Get(ctx, client.ObjectKeyFromObject(lease), stored); readErr != nil {
			err = readErr
		} else if sameLease(stored, lease) {
			err = c.deleteAt(ctx, lease, stored.ResourceVersion)
		}
	}
	switch {
	case err == nil, apierrors.IsNotFound(err):
		return true, nil
	case apierrors.IsConflict(err):
		return false, nil
	}
	return false, fmt.Errorf("delete claim: %w", err)
}

func (c claims) deleteAt(ctx context.Context, lease *coordinationv1.Lease, revision string) error {
	return c.client.Delete(ctx, lease, client.DisableReadYourWritesConsistency, client.Preconditions{UID: &lease.UID, ResourceVersion: &revision})
}
