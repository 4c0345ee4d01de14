package store

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

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
		err = s.remove(ctx, user)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		// Also where it was gone already: see deleteGroup.
		s.users.order.remove(tenant, id)
		s.releaseDeleted(ctx, uniqueName{claimUserName, tenant, user.Spec.UserName}, id)
		if len(user.Spec.Groups) > 0 {
			s.touchGroups(ctx, tenant, user.Spec.Groups, id, s.revisionOfDeletion(ctx, tenant, id))
		}
		if err != nil {
			return notFound(scim.User, id)
		}
		return nil
	}
	return errContended
}

// revisionOfDeletion returns a revision that includes the deletion of a user. The answer to the deletion has none, so it
// waits for the watch. Should that be slow, it returns 0 after a while: then other replicas may for a moment give the new
// version of a group with the user in it.
func (s *Store) revisionOfDeletion(ctx context.Context, tenant, id string) int64 {
	waitCtx, cancel := context.WithTimeout(ctx, s.timing.claimedWrite)
	defer cancel()
	revision, err := s.users.order.waitUntilLeft(waitCtx, tenant, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "The watch does not tell of a deleted user", "user", id)
	}
	return revision
}

// deleteGroup deletes the group first, which ends it for everyone, and then the
// members' mentions of it. Those that a crash leaves behind mean nothing, and the
// Sweeper removes them.
func (s *Store) deleteGroup(ctx context.Context, tenant, id, ifMatch string) error {
	unlock, err := s.locks.Lock(ctx, tenant+"/"+id)
	if err != nil {
		return err
	}
	defer unlock()
	for range maxTries {
		group, state, err := s.currentGroup(ctx, tenant, id, ifMatch)
		if err != nil {
			return err
		}
		if err := s.checkWhole(ctx, ifMatch, group); err != nil {
			return err
		}
		err = s.remove(ctx, group)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete: %w", err)
		}
		// Also where it was gone already: client-go repeats a deletion whose answer says to come back, and then nobody
		// has cleaned up.
		s.groups.order.remove(tenant, id)
		s.releaseDeleted(ctx, uniqueName{claimDisplayName, tenant, group.Spec.DisplayName}, id)
		if _, err := s.writeMembers(ctx, tenant, id, membership{remove: state.members}, nil); err != nil {
			log.FromContext(ctx).Error(err, "Members still mention a deleted group; the sweeper will clean up", "group", id)
		}
		s.touchGroups(ctx, tenant, group.Spec.Groups, id, 0)
		if err != nil {
			return notFound(scim.Group, id)
		}
		return nil
	}
	return errContended
}

// touchGroups is touchGroup for all groups of a member that has been deleted. The
// deletion is done, so an error is only logged. revision is that of the deletion if the member was a user.
func (s *Store) touchGroups(ctx context.Context, tenant string, groups []string, member string, revision int64) {
	for _, group := range groups {
		if err := s.touchGroup(ctx, tenant, group, member, revision); err != nil {
			log.FromContext(ctx).Error(err, "A group's version does not tell of a deleted member", "group", group, "member", member)
		}
	}
}

// touchGroup moves the version of a group whose membership has changed by the
// deletion of a member.
func (s *Store) touchGroup(ctx context.Context, tenant, id, member string, revision int64) error {
	for try := range maxTries {
		group := &v1alpha1.ScimGroup{}
		if found, err := fetch(ctx, s, tenant, id, group, try > 0); !found || err != nil {
			return err
		}
		group.Spec.MembersRevision = formatRevision(max(revision, membersRevision(group)))
		group.Spec.LastModified = now(group.Spec.LastModified)
		if noted, ok := notedMembers(group); ok {
			noted.remove(member)
			noteMembers(group, noted)
		}
		err := s.client.Update(ctx, group)
		if !apierrors.IsConflict(err) {
			if err == nil {
				s.groups.noteWrite(group)
			}
			return err
		}
		if err := backoff(ctx, try); err != nil {
			return err
		}
	}
	return errContended
}

// remove deletes an object as it was read, and nothing newer. Where the outcome is unknown it looks: one that is gone is not
// found. Over kine (v0.17.2) the API server has an error of its own for whoever deletes at the same moment as another.
func (s *Store) remove(ctx context.Context, obj client.Object) error {
	uid, revision := obj.GetUID(), obj.GetResourceVersion()
	err := s.client.Delete(ctx, obj, client.Preconditions{UID: &uid, ResourceVersion: &revision})
	if !unknown(err) {
		return err
	}
	stored := emptyLike(obj)
	readErr := s.live.Get(ctx, client.ObjectKeyFromObject(obj), stored)
	// A user with a finalizer is as good as gone.
	if apierrors.IsNotFound(readErr) || readErr == nil && (stored.GetUID() != uid || stored.GetDeletionTimestamp() != nil) {
		return apierrors.NewNotFound(schema.GroupResource{}, obj.GetName())
	}
	return err
}
