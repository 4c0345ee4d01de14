package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
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
	for try := 0; unknown(cause) || kube.NotSent(cause); try++ { // that a later one was not sent says nothing of the first
		if err := sleep(ctx, settlePause(try)); err != nil {
			return errors.Join(cause, err)
		}
		found, err := s.adopt(ctx, obj)
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
			if found, err := s.adopt(ctx, obj); found || err != nil {
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
func (s *Store) adopt(ctx context.Context, obj client.Object) (bool, error) {
	stored := emptyLike(obj)
	if err := s.live.Get(ctx, client.ObjectKeyFromObject(obj), stored); apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look what has become of a new object: %w", err)
	}
	replaceBy(obj, stored)
	return true, nil
}

// replaceBy makes of an object another one of its kind.
func replaceBy(obj, other client.Object) {
	switch other := other.(type) {
	case *v1alpha1.ScimUser:
		other.DeepCopyInto(obj.(*v1alpha1.ScimUser))
	case *v1alpha1.ScimGroup:
		other.DeepCopyInto(obj.(*v1alpha1.ScimGroup))
	case *v1alpha1.ScimGroupPage:
		other.DeepCopyInto(obj.(*v1alpha1.ScimGroupPage))
	}
}

// writing bounds a write: by the claim that it is for, or to half of the request's time, so that there is some left to find
// out what has become of it. Part of that time may pass in the queue for the API server.
func (s *Store) writing(ctx context.Context, held *claim) (context.Context, context.CancelFunc) {
	patience := s.timing.claimedWrite
	if deadline, ok := ctx.Deadline(); ok && held == nil {
		patience = max(patience, time.Until(deadline)/2)
	}
	return context.WithTimeout(ctx, patience)
}

// update writes a user, group or page as it was changed since it was read, within the time of writeCtx. If that tells of a
// conflict, or nothing, it looks whether what is stored is this very write: client-go may have repeated a request of which
// the answer was lost, and then met its own.
func (s *Store) update(ctx, writeCtx context.Context, obj client.Object) error {
	err := s.client.Update(kube.OneWrite(writeCtx), obj)
	if !apierrors.IsConflict(err) && !unknown(err) {
		return err
	}
	stored := emptyLike(obj)
	if readErr := s.live.Get(ctx, client.ObjectKeyFromObject(obj), stored); readErr != nil && !apierrors.IsNotFound(readErr) {
		return unseen{err}
	}
	if !sameWrite(stored, obj) {
		return err
	}
	replaceBy(obj, stored)
	return nil
}

// unseen is the error of a write after which nobody could look whether it was made all the same.
type unseen struct{ error }

// Unwrap returns what the write itself was answered with.
func (u unseen) Unwrap() error { return u.error }

// sameWrite reports whether what is stored is what was sent: the next generation with the same content, which has the
// microsecond of the change in it, of the same request.
func sameWrite(stored, sent client.Object) bool {
	return stored.GetGeneration() == sent.GetGeneration()+1 && stored.GetUID() == sent.GetUID() &&
		v1alpha1.RequestID(stored) == v1alpha1.RequestID(sent) &&
		stored.GetAnnotations()[annotationChanging] == sent.GetAnnotations()[annotationChanging] &&
		sameContent(specOf(stored), specOf(sent))
}

func emptyLike(obj client.Object) client.Object {
	switch obj.(type) {
	case *v1alpha1.ScimUser:
		return &v1alpha1.ScimUser{}
	case *v1alpha1.ScimGroupPage:
		return &v1alpha1.ScimGroupPage{}
	}
	return &v1alpha1.ScimGroup{}
}

// sameContent compares what two specs are as JSON, which the API server writes otherwise than it was sent: 1.5 for 1.50.
func sameContent(a, b any) bool {
	var values [2]any
	for i, spec := range []any{a, b} {
		raw, err := json.Marshal(spec)
		if err != nil || json.Unmarshal(raw, &values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

func specOf(obj client.Object) any {
	switch obj := obj.(type) {
	case *v1alpha1.ScimUser:
		return obj.Spec
	case *v1alpha1.ScimGroup:
		return obj.Spec
	case *v1alpha1.ScimGroupPage:
		return obj.Spec
	}
	return nil
}
