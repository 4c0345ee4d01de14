package store

import (
	"context"
	"errors"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Mutate returns what a resource shall become. It gets the resource as it is and
// does not change it; the members of a group are a scim.Stream. A write that meets a concurrent one calls it again.
type Mutate func(current scim.Resource) (scim.Resource, error)

// Create stores a new resource, or returns a 409 when its userName or
// displayName is taken.
func (s *Store) Create(ctx context.Context, tenant string, rt *scim.ResourceType, r scim.Resource) (scim.Resource, error) {
	if rt == scim.User {
		return s.createUser(ctx, tenant, r)
	}
	return s.createGroup(ctx, tenant, r)
}

// Updated is what has become of a resource.
type Updated struct {
	// Resource is as it is afterwards, but of a group that was written it lacks the members: there may be very many,
	// and not every answer has them. Get looks them up.
	Resource scim.Resource
	// Members is how many members a group has.
	Members int
	// Changed is false when there was nothing to write, and then nothing was written.
	Changed bool
}

// Update changes a resource: PUT and PATCH are different Mutate functions.
// ifMatch is the value of the If-Match header, "" for none; a version that is
// not the current one is a 412.
func (s *Store) Update(
	ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string, mutate Mutate,
) (Updated, error) {
	if rt == scim.User {
		return s.updateUser(ctx, tenant, id, ifMatch, mutate)
	}
	return s.updateGroup(ctx, tenant, id, ifMatch, mutate)
}

// Delete removes a resource. Its name is free again at once.
func (s *Store) Delete(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string) error {
	if rt == scim.User {
		return s.deleteUser(ctx, tenant, id, ifMatch)
	}
	return s.deleteGroup(ctx, tenant, id, ifMatch)
}

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
	held, err := s.claim(ctx, claimUserName, tenant, user.Spec.UserName, id, "")
	if err != nil {
		return nil, err
	}
	if err := s.createClaimed(ctx, user, held, ""); err != nil {
		return nil, err
	}
	s.users.noteWrite(user)
	return s.userResource(ctx, user)
}

// claim takes the claim on a name. The index is asked too: should somebody have
// deleted a claim by hand, the name is still not given twice. begun is as for acquire, which
// may find another id for it.
func (s *Store) claim(ctx context.Context, kind claimKind, tenant, name, id, begun string) (*claim, error) {
	taken := userNameTaken
	rt := scim.User
	if kind == claimDisplayName {
		taken, rt = displayNameTaken, scim.Group
	}
	held, err := s.claims.acquire(ctx, kind, tenant, name, id, begun)
	if errors.Is(err, errTaken) {
		return nil, taken()
	}
	if err != nil {
		return nil, err
	}
	ids, err := s.idsBy(ctx, tenant, rt, indexName, fold.String(name))
	if err != nil {
		return nil, err
	}
	for _, other := range ids {
		if other != holderOf(held.lease) {
			s.giveUp(ctx, held)
			return nil, taken()
		}
	}
	return held, nil
}

// moveClaim takes the claim on a new name. It also returns the one on the old name, as
// it is before the object has the new one, to be removed after that: should another
// request rename the object back meanwhile, it takes that claim anew, and it stays.
func (s *Store) moveClaim(ctx context.Context, kind claimKind, tenant, from, to, id string) (*coordinationv1.Lease, *claim, error) {
	old, err := s.claims.heldBy(ctx, kind, tenant, from, id)
	if err != nil {
		return nil, nil, err
	}
	held, err := s.claim(ctx, kind, tenant, to, id, "")
	return old, held, err
}

// createClaimed creates the object that a fresh claim is for, well before the
// claim may be taken over. When it is certain that the object was not created
// the claim is released; else it stays until that is known.
// begun is what the claim says of what is written of the object already, "" for nothing: for want of room the claim is
// kept with it, so that a repeated request goes on with the same.
func (s *Store) createClaimed(ctx context.Context, obj client.Object, held *claim, begun string) error {
	writeCtx, cancel := context.WithDeadline(ctx, held.renewed.Add(s.timing.claimedWrite()))
	defer cancel()
	err := s.client.Create(writeCtx, obj)
	if err == nil {
		return nil
	}
	switch {
	case begun != "" && kube.NoRoom(err):
		noteBegun(held.lease, begun)
		s.breakOff(ctx, held, err)
	case definite(err):
		s.giveUp(ctx, held)
	}
	return refused(err, "create")
}

// definite reports whether an error of a write says for certain that nothing was
// written.
func definite(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		kube.TooLarge(err) || kube.NoRoom(err) || apierrors.IsTooManyRequests(err) || apierrors.IsNotFound(err) ||
		apierrors.IsConflict(err) || apierrors.IsUnauthorized(err)
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
	removeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite())
	defer cancel()
	if _, err := s.claims.remove(removeCtx, lease); err != nil {
		log.FromContext(ctx).Error(err, "A claim was not released; the sweeper will remove it", "claim", lease.Name, "holder", holderOf(lease))
	}
}

// releaseDeleted releases the claim of a resource that has just been deleted.
func (s *Store) releaseDeleted(ctx context.Context, kind claimKind, tenant, name, id string) {
	readCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite())
	defer cancel()
	lease, err := s.claims.heldBy(readCtx, kind, tenant, name, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "The claim of a deleted resource was not released; the sweeper will remove it", "kind", kind, "holder", id)
		return
	}
	s.removeLogged(ctx, lease)
}

func (s *Store) updateUser(ctx context.Context, tenant, id, ifMatch string, mutate Mutate) (Updated, error) {
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
		old, current, err := s.applyToUser(ctx, user, ifMatch, mutate)
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

// errContended means that a write lost against others maxTries times.
var errContended = apierrors.NewTooManyRequests("many clients are changing the same resource", 1)

// sameLive reports whether the API server has the user's spec as the cache had it.
func (s *Store) sameLive(ctx context.Context, cached *v1alpha1.ScimUser) (bool, error) {
	user := &v1alpha1.ScimUser{}
	found, err := fetch(ctx, s, cached.Namespace, cached.Name, user, true)
	return found && user.UID == cached.UID && user.Generation == cached.Generation, err
}

// applyToUser puts what mutate makes of the user into its spec, and returns the
// spec and the resource as they were.
func (s *Store) applyToUser(
	ctx context.Context, user *v1alpha1.ScimUser, ifMatch string, mutate Mutate,
) (*v1alpha1.ScimUserSpec, scim.Resource, error) {
	if err := checkVersion(ifMatch, user); err != nil {
		return nil, nil, err
	}
	current, err := s.userResource(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	next, err := mutate(current)
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
		if old, held, err = s.moveClaim(ctx, claimUserName, tenant, oldName, name, id); err != nil {
			return err
		}
		var cancel context.CancelFunc
		writeCtx, cancel = context.WithDeadline(ctx, held.renewed.Add(s.timing.claimedWrite()))
		defer cancel()
	}
	err := s.client.Update(writeCtx, user)
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

func (s *Store) deleteUser(ctx context.Context, tenant, id, ifMatch string) error {
	for range maxTries {
		user := &v1alpha1.ScimUser{}
		found, err := fetch(ctx, s, tenant, id, user, true)
		if err != nil {
			return err
		}
		if !found {
			return notFound(scim.User, id)
		}
		if err := checkVersion(ifMatch, user); err != nil {
			return err
		}
		if err := s.remove(ctx, user); apierrors.IsConflict(err) {
			continue
		} else if err != nil {
			return err
		}
		s.users.order.remove(tenant, id)
		s.releaseDeleted(ctx, claimUserName, tenant, user.Spec.UserName, id)
		if len(user.Spec.Groups) > 0 {
			s.touchGroups(ctx, tenant, user.Spec.Groups, id, s.revisionOfDeletion(ctx, tenant, id))
		}
		return nil
	}
	return errContended
}

// revisionOfDeletion returns a revision that includes the deletion of a user, of which the watch
// tells and not the answer to the request. Should the watch be slow, it returns 0 after a while: then
// other replicas may for a moment have the new version of a group with the user.
func (s *Store) revisionOfDeletion(ctx context.Context, tenant, id string) int64 {
	waitCtx, cancel := context.WithTimeout(ctx, s.timing.claimedWrite())
	defer cancel()
	revision, err := s.users.order.waitUntilLeft(waitCtx, tenant, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "The watch does not tell of a deleted user", "user", id)
	}
	return revision
}

// remove deletes an object as it was read, and nothing newer.
func (s *Store) remove(ctx context.Context, obj client.Object) error {
	uid, revision := obj.GetUID(), obj.GetResourceVersion()
	err := s.client.Delete(ctx, obj, client.Preconditions{UID: &uid, ResourceVersion: &revision})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// backoff waits a little after a conflict, so that two replicas do not meet again.
func backoff(ctx context.Context, try int) error {
	return sleep(ctx, time.Duration(try+1)*5*time.Millisecond)
}
