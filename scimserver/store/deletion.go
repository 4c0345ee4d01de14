package store

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/membership"
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
		if err := checkVersion(ifMatch, version(user)); err != nil {
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
		s.leaveLogged(ctx, tenant, id)
		if err != nil {
			return notFound(scim.User, id)
		}
		return nil
	}
	return errContended
}

// deleteGroup deletes the group first, which ends it for everyone, and then its pages. Those that a crash leaves behind mean
// nothing, and the Sweeper removes them.
func (s *Store) deleteGroup(ctx context.Context, tenant, id, ifMatch string) error {
	unlock, err := s.locks.Lock(ctx, tenant+"/"+id)
	if err != nil {
		return err
	}
	defer unlock()
	for range maxTries {
		group, mark, err := s.groupToDelete(ctx, tenant, id, ifMatch)
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return err
		}
		if mark == "" {
			err = s.remove(ctx, group.ScimGroup)
		} else {
			err = s.removeMarked(ctx, group, mark)
		}
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
		if err := s.deletePagesOf(ctx, tenant, id); err != nil {
			log.FromContext(ctx).Error(err, "Pages of a deleted group are still there; the sweeper will delete them", "group", id)
		}
		s.leaveLogged(ctx, tenant, id)
		if err != nil {
			return notFound(scim.Group, id)
		}
		return nil
	}
	return errContended
}

// groupToDelete reads a group from the API server. With If-Match, one that has pages is marked first, as for a change.
func (s *Store) groupToDelete(ctx context.Context, tenant, id, ifMatch string) (stored *storedGroup, mark string, err error) {
	group := &v1alpha1.ScimGroup{}
	found, err := fetch(ctx, s, tenant, id, group, true)
	if err != nil {
		return nil, "", err
	}
	if !found {
		return nil, "", notFound(scim.Group, id)
	}
	if ifMatch == "" {
		return &storedGroup{ScimGroup: group}, "", nil
	}
	if stored, err = s.livePages(ctx, group); err != nil {
		return nil, "", err
	}
	if err := checkVersion(ifMatch, stored.version()); err != nil {
		return nil, "", err
	}
	if err := s.checkWhole(ctx, ifMatch, stored); err != nil || len(stored.pages) == 0 {
		return stored, "", err
	}
	mark, err = s.win(ctx, stored)
	return stored, mark, err
}

// removeMarked deletes a group for which win has decided, whatever others have changed of it by now, and takes the mark off if it
// cannot. A conflict says that the mark has come off meanwhile.
func (s *Store) removeMarked(ctx context.Context, group *storedGroup, mark string) (err error) {
	defer func() {
		if client.IgnoreNotFound(err) != nil {
			s.unmark(ctx, group, mark)
		}
	}()
	for try := range maxTries {
		err = s.remove(ctx, group.ScimGroup)
		if !apierrors.IsConflict(err) {
			return err
		}
		if err := backoff(ctx, try); err != nil {
			return err
		}
		found, readErr := s.adopt(ctx, group.ScimGroup)
		switch {
		case readErr != nil:
			return readErr
		case !found:
			return apierrors.NewNotFound(schema.GroupResource{}, group.Name)
		case group.Annotations[annotationChanging] != mark:
			return err
		}
	}
	return errContended
}

// deletePagesOf deletes all pages that were ever made for a group which has been deleted.
func (s *Store) deletePagesOf(ctx context.Context, tenant, group string) error {
	listed, err := s.listPages(ctx, tenant, group)
	if err != nil {
		return err
	}
	names := make([]string, len(listed))
	for i := range listed {
		names[i] = listed[i].Name
	}
	return s.deletePages(ctx, tenant, names)
}

// leaveLogged is Leave after a deletion, which is done whatever becomes of this.
func (s *Store) leaveLogged(ctx context.Context, tenant, id string) {
	if err := s.Leave(ctx, tenant, id); err != nil {
		log.FromContext(ctx).Error(err, "A deleted member is still in a group, where it means nothing; the sweeper will take it out", "member", id)
	}
}

// Leave takes a user or group that has been deleted out of all groups, as far as this replica knows them.
func (s *Store) Leave(ctx context.Context, tenant, id string) error {
	if err := s.waitForWrites(ctx); err != nil {
		return err
	}
	groups, pages, err := membership.Holding(ctx, s.cached, tenant, id)
	if err != nil {
		return err
	}
	gone := map[string]bool{id: true}
	writers, writeCtx := errgroup.WithContext(ctx)
	writers.SetLimit(pageCalls)
	for i := range groups {
		writers.Go(func() error { return s.takeOut(writeCtx, groups[i].DeepCopy(), gone) })
	}
	for i := range pages {
		writers.Go(func() error { return s.takeOut(writeCtx, pages[i].DeepCopy(), gone) })
	}
	return writers.Wait()
}

// takeOut takes members out of the list of a group itself, or of a page.
func (s *Store) takeOut(ctx context.Context, obj client.Object, gone map[string]bool) error {
	members, modified, index := s.listIn(obj)
	for try := range maxTries {
		stay := slices.DeleteFunc(slices.Clone(*members), func(m v1alpha1.GroupMember) bool { return gone[m.ID] })
		if len(stay) == len(*members) {
			return nil
		}
		*members, *modified = stay, now(*modified)
		stampRequest(ctx, obj)
		err := s.client.Update(ctx, obj)
		if err == nil {
			index.noteWrite(obj)
			return nil
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		if !apierrors.IsConflict(err) {
			return fmt.Errorf("take a member out: %w", err)
		}
		if err := backoff(ctx, try); err != nil {
			return err
		}
		if found, err := s.adopt(ctx, obj); err != nil || !found {
			return err
		}
	}
	return errContended
}

// listIn returns the members that a group itself or a page lists, when they were changed last, and the index of its kind.
func (s *Store) listIn(obj client.Object) (members *[]v1alpha1.GroupMember, modified *v1alpha1.Timestamp, index *kindIndex) {
	if page, isPage := obj.(*v1alpha1.ScimGroupPage); isPage {
		return &page.Spec.Members, &page.Spec.LastModified, &s.pages
	}
	group := obj.(*v1alpha1.ScimGroup)
	return &group.Spec.Members, &group.Spec.LastModified, &s.groups
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
