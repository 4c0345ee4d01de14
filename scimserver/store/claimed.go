package store

import (
	"context"
	"errors"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/scimserver/scim"
)

// takeClaim takes the claim on a name; of what is begun already acquire may find another id. The index is asked, too: should
// somebody have deleted a claim by hand, the name is still not given twice. Whoever it finds may have had the name until a moment
// ago, so the API server decides.
func (s *Store) takeClaim(ctx context.Context, name uniqueName, by claimant) (*claim, error) {
	held, err := s.claims.acquire(ctx, name, by)
	if errors.Is(err, errTaken) {
		return nil, name.kind.taken()
	}
	if err != nil {
		return nil, err
	}
	ids, err := s.idsBy(ctx, name.tenant, name.kind.resourceType(), indexName, fold.String(name.value))
	if err != nil {
		return nil, err
	}
	for _, other := range ids {
		if other == holderOf(held.lease) {
			continue
		}
		claimed, deleting, err := s.claims.holderClaim(ctx, name.kind, name.tenant, other)
		if err == nil && claimed == held.lease.Name && !deleting {
			err = name.kind.taken()
		}
		if err != nil {
			s.giveUp(ctx, held)
			return nil, err
		}
	}
	return held, nil
}

// moveClaim takes the claim on a new name. It also returns the one on the old name, as
// it is before the object has the new one, to be removed after that: should another
// request rename the object back meanwhile, it takes that claim anew, and it stays.
func (s *Store) moveClaim(ctx context.Context, from uniqueName, to, id string) (*coordinationv1.Lease, *claim, error) {
	old, err := s.claims.heldBy(ctx, from, id)
	if err != nil {
		return nil, nil, err
	}
	held, err := s.takeClaim(ctx, uniqueName{from.kind, from.tenant, to}, claimant{id: id})
	return old, held, err
}

// createClaimed creates the object that a fresh claim is for. When it is certain that the object was not created
// the claim is released; else it stays until that is known. The id must be this request's alone.
// begun is what the claim says of what is written of the object already, "" for nothing: for want of room or of time the
// claim is kept with it, so that a repeated request goes on with the same.
func (s *Store) createClaimed(ctx context.Context, obj client.Object, held *claim, begun string) error {
	err := s.createWithin(ctx, obj, held)
	switch {
	case err == nil:
		return nil
	case unknown(err):
		if err = s.settle(ctx, obj, held, err); err == nil {
			return nil
		}
		if errors.Is(err, errTaken) {
			return held.kind().taken()
		}
	case begun != "" && (kube.NoRoom(err) || kube.NotSent(err)):
		noteBegun(held.lease, begun)
		s.breakOff(ctx, held, err)
	case definite(err):
		s.giveUp(ctx, held)
	}
	return refused(err, "create")
}

// createWithin creates an object well before its claim may be taken over.
func (s *Store) createWithin(ctx context.Context, obj client.Object, held *claim) error {
	writeCtx, cancel := context.WithDeadline(ctx, held.renewed.Add(s.timing.claimedWrite))
	defer cancel()
	return s.client.Create(kube.OneWrite(writeCtx), obj)
}

// definite reports whether an error of a write says for certain that nothing was
// written. What is an answer for the client already was made of such a one.
func definite(err error) bool {
	if _, open := errors.AsType[unseen](err); open {
		return false
	}
	_, answer := errors.AsType[*scim.Error](err)
	return answer || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		kube.TooLarge(err) || kube.NoRoom(err) || apierrors.IsTooManyRequests(err) || apierrors.IsNotFound(err) ||
		apierrors.IsConflict(err) || apierrors.IsUnauthorized(err) || kube.NotSent(err)
}

// giveUp removes the claim of a request that has certainly failed, unless another
// request of the same resource may rely on it by now.
func (s *Store) giveUp(ctx context.Context, held *claim) {
	if held != nil && !held.shared {
		s.removeLogged(ctx, held.lease)
	}
}

// removeLogged removes a claim, as it was read, after the outcome of the request is
// settled; a failure only delays the next use of the name. nil is no claim.
func (s *Store) removeLogged(ctx context.Context, lease *coordinationv1.Lease) {
	if lease == nil {
		return
	}
	removeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	if _, err := s.claims.remove(removeCtx, lease); err != nil {
		log.FromContext(ctx).Error(err, "A claim was not released; the sweeper will remove it", "claim", lease.Name, "holder", holderOf(lease))
	}
}

// releaseDeleted releases the claim of a resource that has just been deleted.
func (s *Store) releaseDeleted(ctx context.Context, name uniqueName, id string) {
	readCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	lease, err := s.claims.heldBy(readCtx, name, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "The claim of a deleted resource was not released; the sweeper will remove it", "kind", name.kind, "holder", id)
		return
	}
	s.removeLogged(ctx, lease)
}
