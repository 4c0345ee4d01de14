package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxSettlePause is the longest time between two looks at what has become of an object.
	maxSettlePause = time.Second
	// maxAbsent is how often an object that was created again may not be there: by then it is not the
	// connection or the database that fails.
	maxAbsent = 5
)

// unknown reports whether an error of a write leaves open if the object was written: the connection was lost, the API
// server gave up on its database, or client-go has repeated the write on its own, as it does after a 5xx with Retry-After,
// and met what the first try wrote.
func unknown(err error) bool {
	var status apierrors.APIStatus
	var network net.Error
	switch {
	case err == nil || definite(err):
		return false
	case errors.As(err, &status):
		return apierrors.IsAlreadyExists(err) || status.Status().Code >= http.StatusInternalServerError
	}
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// settle goes on with a creation of which a try ended with cause, so that its outcome is unknown, as long as the request
// lasts. The id is this request's alone, so an object that has it is the one that was sent. If there is none, it is
// created again, under the renewed claim; should the first try still arrive, only one of the two succeeds.
func (s *Store) settle(ctx context.Context, obj client.Object, held *claim, cause error) error {
	absent := 0
	for try := 0; unknown(cause); try++ {
		if err := sleep(ctx, settlePause(try)); err != nil {
			return errors.Join(cause, err)
		}
		found, err := s.adopt(ctx, obj, held)
		if err != nil {
			continue // as long as the API server does not answer, nothing can be said
		}
		if found {
			return nil
		}
		if absent++; absent > maxAbsent {
			break
		}
		renewed, err := s.claims.acquire(ctx, uniqueName{held.kind(), obj.GetNamespace(), claimedName(obj)}, claimant{id: obj.GetName()})
		if errors.Is(err, errTaken) {
			// Who takes a claim over gives it back to an object that has appeared meanwhile.
			if found, err := s.adopt(ctx, obj, held); found || err != nil {
				return err
			}
			return errTaken
		}
		if err != nil {
			continue
		}
		held = renewed
		cause = s.createWithin(ctx, obj, held)
	}
	return cause
}

// settlePause is the time before a look: none before the first one.
func settlePause(try int) time.Duration {
	if try == 0 {
		return 0
	}
	return min(claimPoll<<min(try, 8), maxSettlePause)
}

// adopt reads an object that this request may have made from the API server, and reports whether it is there.
func (s *Store) adopt(ctx context.Context, obj client.Object, held *claim) (bool, error) {
	stored := held.kind().newHolder()
	if err := s.live.Get(ctx, client.ObjectKeyFromObject(obj), stored); apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look what has become of a new object: %w", err)
	}
	switch stored := stored.(type) {
	case *v1alpha1.ScimUser:
		stored.DeepCopyInto(obj.(*v1alpha1.ScimUser))
	case *v1alpha1.ScimGroup:
		stored.DeepCopyInto(obj.(*v1alpha1.ScimGroup))
	}
	return true, nil
}
