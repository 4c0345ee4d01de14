package store

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

func userNameTaken() error {
	return scim.Conflict("another user has this userName; find it with filter=userName eq \"…\" and update it, or choose another name")
}

func (s *Store) createUser(ctx context.Context, tenant string, r scim.Resource) (scim.Resource, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{
		Namespace: tenant, Name: id, Finalizers: []string{v1alpha1.FinalizerDeprovision},
	}}
	if err := setUserAttributes(&user.Spec, r); err != nil {
		return nil, err
	}
	user.Spec.ProvisionedAt = v1alpha1.NewTimestamp(time.Now())
	user.Spec.LastModified = user.Spec.ProvisionedAt
	stampRequest(ctx, user)
	held, err := s.takeClaim(ctx, uniqueName{claimUserName, tenant, user.Spec.UserName}, claimant{id: id})
	if err != nil {
		return nil, err
	}
	if err := s.createClaimed(ctx, user, held, ""); err != nil {
		return nil, err
	}
	s.users.noteWrite(user)
	return s.userResource(ctx, user)
}

func (s *Store) updateUser(ctx context.Context, tenant, id, ifMatch string, change Change) (Updated, error) {
	for try := range maxTries {
		// The first look is at the cache. An outcome that writes nothing, be it an
		// error or "no change", is only believed of the API server's own state. If that is
		// the same, the outcome is, too, and is not worked out again.
		live := try > 0
		user := &v1alpha1.ScimUser{}
		found, err := fetch(ctx, s, tenant, id, user, live)
		if err != nil {
			return Updated{}, err
		}
		if !found {
			return Updated{}, notFound(scim.User, id)
		}
		old, current, err := s.applyToUser(ctx, user, ifMatch, change)
		if err != nil || sameUser(old, &user.Spec) {
			if !live {
				if same, err := s.sameLive(ctx, user); err != nil {
					return Updated{}, err
				} else if !same {
					continue
				}
			}
			return Updated{Resource: current}, err
		}
		user.Spec.ProvisionedAt = createdAt(user, old.ProvisionedAt)
		user.Spec.LastModified = now(old.LastModified)
		stampRequest(ctx, user)
		err = s.writeUser(ctx, user, old.UserName)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return Updated{}, err
		}
		r, err := s.userResource(ctx, user)
		return Updated{Resource: r, Changed: true}, err
	}
	return Updated{}, errContended
}

// sameLive reports whether the API server has the user's spec as the cache had it.
func (s *Store) sameLive(ctx context.Context, cached *v1alpha1.ScimUser) (bool, error) {
	user := &v1alpha1.ScimUser{}
	found, err := fetch(ctx, s, cached.Namespace, cached.Name, user, true)
	return found && user.UID == cached.UID && user.Generation == cached.Generation, err
}

// applyToUser puts what the change makes of the user into its spec, and returns the
// spec and the resource as they were.
func (s *Store) applyToUser(
	ctx context.Context, user *v1alpha1.ScimUser, ifMatch string, change Change,
) (*v1alpha1.ScimUserSpec, scim.Resource, error) {
	if err := checkVersion(ifMatch, version(user)); err != nil {
		return nil, nil, err
	}
	current, err := s.userResource(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	next, err := change.Apply(ctx, current)
	if err != nil {
		return nil, nil, err
	}
	old := user.Spec.DeepCopy()
	return old, current, setUserAttributes(&user.Spec, next)
}

// writeUser updates a user and moves its claim when the name has changed.
func (s *Store) writeUser(ctx context.Context, user *v1alpha1.ScimUser, oldName string) error {
	name, tenant, id := user.Spec.UserName, user.Namespace, user.Name
	var old *coordinationv1.Lease
	var held *claim
	writeCtx := ctx
	if !fold.Equal(oldName, name) {
		var err error
		if old, held, err = s.moveClaim(ctx, uniqueName{claimUserName, tenant, oldName}, name, id); err != nil {
			return err
		}
		var cancel context.CancelFunc
		writeCtx, cancel = context.WithDeadline(ctx, held.renewed.Add(s.timing.claimedWrite))
		defer cancel()
	}
	err := s.update(ctx, writeCtx, user)
	switch {
	case err == nil:
		s.users.noteWrite(user)
		s.removeLogged(ctx, old)
		return nil
	case definite(err):
		s.giveUp(ctx, held)
	}
	if apierrors.IsConflict(err) {
		return err
	}
	if apierrors.IsNotFound(err) {
		return notFound(scim.User, id)
	}
	return refused(err, "update")
}
