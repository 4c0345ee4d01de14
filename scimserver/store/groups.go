package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

func displayNameTaken() error {
	return scim.Conflict("another group has this displayName; find it with filter=displayName eq \"…\" and update it, or choose another name")
}

// createGroup writes the pages first, if there are more members than the group holds itself, and the group last, so that a
// group that exists has all its members. A request that is repeated after it broke off half-way goes on with the same id: see
// claims.begin.
func (s *Store) createGroup(ctx context.Context, tenant string, r scim.Resource) (scim.Resource, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	group := &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id, Annotations: noLegacyMembers()}}
	if err := setGroupAttributes(&group.Spec, r); err != nil {
		return nil, err
	}
	added, err := s.resolve(ctx, tenant, id, r.MemberIDs())
	if err != nil {
		return nil, err
	}
	entries, err := s.joining(ctx, tenant, added)
	if err != nil {
		return nil, err
	}
	own, others := entries[:min(len(entries), s.room)], entries[min(len(entries), s.room):]
	begun := beginning(entries, len(others))
	held, err := s.takeClaim(ctx, uniqueName{claimDisplayName, tenant, group.Spec.DisplayName}, claimant{id, begun})
	if err != nil {
		return nil, err
	}
	group.Name = holderOf(held.lease)
	pages, err := s.writePages(ctx, group, others, held)
	if err != nil {
		s.breakOff(ctx, held, err)
		return nil, lostClaim(err)
	}
	group.Spec.Members = own
	group.Spec.ProvisionedAt = v1alpha1.NewTimestamp(time.Now())
	group.Spec.LastModified = group.Spec.ProvisionedAt
	stampRequest(ctx, group)
	if len(pages) > 0 {
		// From now on nobody else may create a group with this id, nor ever again.
		held.begun = ""
		if err := s.claims.renew(ctx, held); err != nil {
			return nil, lostClaim(err)
		}
	}
	if err := s.createClaimed(ctx, group, held, begun); err != nil {
		return nil, err
	}
	s.groups.noteWrite(group)
	res, err := (&storedGroup{ScimGroup: group, pages: pages}).resource()
	if err == nil && len(added) > 0 {
		res["members"] = streamOf(added)
	}
	return res, err
}

// breakOff ends the creation of a group whose members could not all be written. If a
// repeated request may have more luck, the claim is kept for it.
func (s *Store) breakOff(ctx context.Context, held *claim, cause error) {
	if _, refused := errors.AsType[*scim.Error](cause); refused || errors.Is(cause, errTaken) {
		s.giveUp(ctx, held)
		return
	}
	writeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	if err := s.claims.interrupt(writeCtx, held); err != nil {
		log.FromContext(ctx).Error(err, "A repeated request must wait until the lease on the displayName has run out", "claim", held.lease.Name)
	}
}

// lostClaim is the error of a new group that lost its claim while its members were
// written, because that took longer than the lease.
func lostClaim(err error) error {
	if errors.Is(err, errTaken) {
		return displayNameTaken()
	}
	return err
}

// updateGroup changes a group and its members, of whom each is in the group itself or in a page. Every object is written with the
// revision that it was read with; if another request has changed one meanwhile, all is read again and the change applied again,
// so that parallel requests lose nothing. A request that failed half-way completes when it is repeated. With If-Match on a
// group that has pages see writeExactly; one without is a single object, whose revision decides.
func (s *Store) updateGroup(ctx context.Context, tenant, id, ifMatch string, change Change) (Updated, error) {
	unlock, err := s.locks.Lock(ctx, tenant+"/"+id)
	if err != nil {
		return Updated{}, err
	}
	defer unlock()
	written := false
	for try := range maxTries {
		current, err := s.currentGroup(ctx, tenant, id, &ifMatch)
		if err != nil {
			return Updated{}, err
		}
		writes, err := s.applyToGroup(ctx, current, change)
		if err != nil {
			return Updated{}, err
		}
		if writes.none() && !written {
			return s.updatedGroup(current, false)
		}
		var updated Updated
		if ifMatch != "" && len(current.pages) > 0 {
			updated, err = s.writeExactly(ctx, current, writes)
		} else {
			updated, err = s.writeMerged(ctx, current, writes, "", &written)
		}
		// Whether a claim that was lost on the way is somebody else's, the next round says.
		if apierrors.IsConflict(err) || errors.Is(err, errTaken) {
			if err := backoff(ctx, try); err != nil {
				return Updated{}, err
			}
			continue
		}
		return updated, err
	}
	return Updated{}, errContended
}

// currentGroup reads a group and its pages from the API server. One of an operator from before there were pages moves there first;
// then If-Match asks for the version that it has afterwards.
func (s *Store) currentGroup(ctx context.Context, tenant, id string, ifMatch *string) (*storedGroup, error) {
	for try := range maxTries {
		stored, err := s.liveGroup(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		if stored == nil {
			return nil, notFound(scim.Group, id)
		}
		if err := checkVersion(*ifMatch, stored.version()); err != nil {
			return nil, err
		}
		if membership.InPages(stored.ScimGroup) {
			return stored, s.checkWhole(ctx, *ifMatch, stored)
		}
		moved, err := s.move(ctx, stored.ScimGroup)
		if apierrors.IsConflict(err) {
			if err := backoff(ctx, try); err != nil {
				return nil, err
			}
			continue
		}
		if err == nil && *ifMatch != "" {
			*ifMatch = moved.version()
		}
		return moved, err
	}
	return nil, errContended
}

// updatedGroup is the answer that has a group as it is after a request, whose members are looked up if they are asked for.
func (s *Store) updatedGroup(stored *storedGroup, changed bool) (Updated, error) {
	r, err := stored.resource()
	return Updated{Resource: r, Members: stored.count(), Changed: changed, WithMembers: func(ctx context.Context) (scim.Resource, error) {
		return s.groupResource(ctx, stored, true)
	}}, err
}

// applyToGroup returns what is to be written to change a group.
func (s *Store) applyToGroup(ctx context.Context, current *storedGroup, change Change) (*groupWrites, error) {
	r, err := current.resource()
	if err != nil {
		return nil, err
	}
	if current.count() > 0 {
		r["members"] = s.streamOfGroup(ctx, current)
	}
	next, err := change.Apply(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.compareGroup(ctx, current, next)
}

// groupWrites are what a request has to write of a group.
type groupWrites struct {
	// spec has the attributes that the group shall have, and base those that it had.
	spec, base v1alpha1.ScimGroupSpec
	oldName    string
	// same says that these are the attributes that it has.
	same   bool
	add    []v1alpha1.GroupMember
	remove map[string]bool
	// oldClaim is the claim on the old name, and held the one on the new name, of a
	// group that is renamed.
	oldClaim *coordinationv1.Lease
	held     *claim
}

func (w *groupWrites) none() bool { return w.same && len(w.add) == 0 && len(w.remove) == 0 }

func (w *groupWrites) renamed() bool { return !fold.Equal(w.oldName, w.spec.DisplayName) }

// compareGroup returns what is to be written to make next of a group.
func (s *Store) compareGroup(ctx context.Context, current *storedGroup, next scim.Resource) (*groupWrites, error) {
	writes := &groupWrites{spec: current.Spec, base: current.Spec, oldName: current.Spec.DisplayName, remove: map[string]bool{}}
	if err := setGroupAttributes(&writes.spec, next); err != nil {
		return nil, err
	}
	writes.same = sameGroup(&current.Spec, &writes.spec)
	ids, goes := shallBe(next)
	if len(ids) == 0 && goes == nil {
		return writes, nil
	}
	// missing are those who shall be members, with whether they are none yet.
	missing := make(map[string]bool, len(ids))
	for _, id := range ids {
		missing[id] = true
	}
	for _, members := range current.lists() {
		for i := range members {
			if _, wanted := missing[members[i].ID]; wanted {
				missing[members[i].ID] = false
			} else if goes(members[i].ID) {
				writes.remove[members[i].ID] = true
			}
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !missing[id] })
	if len(ids) == 0 {
		return writes, nil
	}
	added, err := s.resolve(ctx, current.Namespace, current.Name, ids)
	if err != nil {
		return nil, err
	}
	writes.add, err = s.joining(ctx, current.Namespace, added)
	return writes, err
}

// shallBe returns the ids of those who shall be members of a group as a change has left it, and which of the others shall be none
// any more; nil if all stay as they are.
func shallBe(next scim.Resource) (ids []string, goes func(id string) bool) {
	switch members := next["members"].(type) {
	case scim.Stream:
		return nil, nil
	case *scim.MemberEdits:
		return members.Added(), members.Removes
	default:
		return next.MemberIDs(), func(string) bool { return true }
	}
}

// writeMerged carries out a change of a group as it was read: the claim on a new name first, then pages, then the group, if it
// changes. mark is one that win has put on the group, which comes off. If another request has changed something meanwhile the error
// is a conflict, and written says whether part of the change has been made.
func (s *Store) writeMerged(ctx context.Context, current *storedGroup, writes *groupWrites, mark string, written *bool) (Updated, error) {
	next := allocate(current, writes, s.room)
	if writes.renamed() {
		var err error
		writes.oldClaim, writes.held, err = s.moveClaim(ctx, uniqueName{claimDisplayName, current.Namespace, writes.oldName}, writes.spec.DisplayName, current.Name)
		if err != nil {
			return Updated{}, err
		}
	}
	made, numbers, err := s.carryOut(ctx, current, next, writes.held, written)
	if err != nil {
		s.giveUp(ctx, writes.held)
		s.unmake(ctx, current.ScimGroup, made)
		return Updated{}, err
	}
	next.group.Spec.Pages = slices.Concat(next.group.Spec.Pages, numbers)
	if next.groupChanged || len(numbers) > 0 || mark != "" {
		if err := s.writeGroup(ctx, next.group, writes, mark, current.modified()); err != nil {
			if definite(err) { // else the group may come to list them
				s.unmake(ctx, current.ScimGroup, made)
			}
			return Updated{}, err
		}
	}
	return s.updatedGroup(&storedGroup{ScimGroup: next.group, pages: slices.Concat(next.pages, made)}, true)
}

// carryOut writes the pages, keeping the claim alive that is for a new name of the group.
func (s *Store) carryOut(
	ctx context.Context, current *storedGroup, next *allocation, held *claim, written *bool,
) (made []*v1alpha1.ScimGroupPage, numbers []int32, err error) {
	if made, numbers, err = s.createPages(ctx, current.ScimGroup, next.nextNumber(), next.chunks); err != nil {
		return made, nil, err
	}
	err = s.eachPage(ctx, next.changed, held, func(ctx context.Context, page *v1alpha1.ScimGroupPage) error {
		return s.updatePage(ctx, page, current.modified())
	})
	*written = *written || len(next.changed) > 0
	if err == nil && held != nil && len(made)+len(next.changed) > 0 {
		err = s.claims.renew(ctx, held)
	}
	return made, numbers, err
}

// unmake deletes pages that were made for a change of a group which came to nothing, those that the group lists excepted: also a
// conflict may be one with the very write that lists them. Should it fail, the Sweeper does it.
func (s *Store) unmake(ctx context.Context, group *v1alpha1.ScimGroup, pages []*v1alpha1.ScimGroupPage) {
	if len(pages) == 0 {
		return
	}
	deleteCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timing.claimedWrite)
	defer cancel()
	stored := &v1alpha1.ScimGroup{}
	_, err := fetch(deleteCtx, s, group.Namespace, group.Name, stored, true)
	if err == nil {
		err = s.deletePages(deleteCtx, group.Namespace, unlisted(stored, pages))
	}
	if err != nil {
		log.FromContext(ctx).Error(err, "Pages that no group lists were not deleted; the sweeper will do it", "group", group.Name)
	}
}

// unlisted returns the names of the pages that a group does not list.
func unlisted(group *v1alpha1.ScimGroup, pages []*v1alpha1.ScimGroupPage) []string {
	var names []string
	for _, page := range pages {
		if !membership.Lists(group, page) {
			names = append(names, page.Name)
		}
	}
	return names
}

// writeGroup updates the group and releases the claim on its old name.
func (s *Store) writeGroup(ctx context.Context, group *v1alpha1.ScimGroup, writes *groupWrites, mark string, last v1alpha1.Timestamp) error {
	group.Spec.ProvisionedAt = createdAt(group, group.Spec.ProvisionedAt)
	group.Spec.LastModified = now(last)
	if other := group.Annotations[annotationChanging]; other == mark || s.over(other) {
		delete(group.Annotations, annotationChanging)
	}
	stampRequest(ctx, group)
	writeCtx, cancel := s.writing(ctx, writes.held)
	defer cancel()
	err := s.update(ctx, writeCtx, group)
	if err == nil {
		s.groups.noteWrite(group)
		s.removeLogged(ctx, writes.oldClaim)
		return nil
	}
	if definite(err) {
		s.giveUp(ctx, writes.held)
	}
	if apierrors.IsConflict(err) {
		return err
	}
	if apierrors.IsNotFound(err) {
		return notFound(scim.Group, group.Name)
	}
	return refused(err, "update")
}

// keepAlive renews a claim in time.
func (s *Store) keepAlive(ctx context.Context, held *claim) error {
	if held == nil || time.Since(held.renewed) <= s.timing.claimLease/3 {
		return nil
	}
	if err := s.claims.renew(ctx, held); err != nil {
		return fmt.Errorf("keep the claim on the displayName: %w", err)
	}
	return nil
}
