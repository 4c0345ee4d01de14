package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

func displayNameTaken() error {
	return scim.Conflict("another group has this displayName; find it with filter=displayName eq \"…\" and update it, or choose another name")
}

// createGroup writes the members first and the group last, so that a group that
// exists has all its members. A request that is repeated after it broke off half-way
// goes on with the same id: see claims.begin.
func (s *Store) createGroup(ctx context.Context, tenant string, r scim.Resource) (scim.Resource, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	group := &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id}}
	if err := setGroupAttributes(&group.Spec, r); err != nil {
		return nil, err
	}
	added, err := s.resolve(ctx, tenant, id, r.MemberIDs())
	if err != nil {
		return nil, err
	}
	held, err := s.takeClaim(ctx, uniqueName{claimDisplayName, tenant, group.Spec.DisplayName}, claimant{id, beginning(added)})
	if err != nil {
		return nil, err
	}
	group.Name = holderOf(held.lease)
	revision, err := s.writeMembers(ctx, tenant, group.Name, membership{add: added}, held)
	if err != nil {
		s.breakOff(ctx, held, err)
		return nil, lostClaim(err)
	}
	group.Spec.MembersRevision = formatRevision(revision)
	noteMembers(group, digestOf(added))
	group.Spec.ProvisionedAt = v1alpha1.NewTimestamp(time.Now())
	group.Spec.LastModified = group.Spec.ProvisionedAt
	stampRequest(ctx, group)
	if len(added) > 0 {
		// From now on nobody else may create a group with this id, nor ever again.
		held.begun = ""
		if err := s.claims.renew(ctx, held); err != nil {
			return nil, lostClaim(err)
		}
	}
	if err := s.createClaimed(ctx, group, held, beginning(added)); err != nil {
		return nil, err
	}
	s.groups.noteWrite(group)
	res, err := groupResource(group)
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

// updateGroup changes a group and its membership. The members are written
// first, each to its own object, so parallel requests lose none; the group is
// written last with the revision of the newest member. A request that failed
// half-way completes when it is repeated. With If-Match the group is written first, and last
// again: only one of several requests for the same version may write members.
func (s *Store) updateGroup(ctx context.Context, tenant, id, ifMatch string, change Change) (Updated, error) {
	unlock, err := s.locks.Lock(ctx, tenant+"/"+id)
	if err != nil {
		return Updated{}, err
	}
	defer unlock()
	var written int64
	for try := range maxTries {
		group, current, err := s.currentGroup(ctx, tenant, id, ifMatch)
		if err != nil {
			return Updated{}, err
		}
		if err := s.checkWhole(ctx, ifMatch, group); err != nil {
			return Updated{}, err
		}
		next, err := change.Apply(ctx, current.resource)
		if err != nil {
			return Updated{}, err
		}
		writes, err := s.compareGroup(ctx, group, current, next)
		if err != nil {
			return Updated{}, err
		}
		if writes.none() && written == 0 && !untold(group, current.members) {
			return Updated{Resource: current.resource, Members: len(current.members)}, nil
		}
		var updated Updated
		if ifMatch != "" && !writes.members.empty() {
			updated, err = s.writeExactly(ctx, group, current, writes)
		} else {
			updated, err = s.writeMerged(ctx, group, writes, &written)
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

// writeMerged writes members and then the group, whatever others change of it meanwhile. written is the newest revision
// of a member that the request has written.
func (s *Store) writeMerged(ctx context.Context, group *v1alpha1.ScimGroup, writes *groupWrites, written *int64) (Updated, error) {
	revision, err := s.carryOut(ctx, group, writes)
	*written = max(*written, revision)
	if err != nil {
		return Updated{}, err
	}
	if err := s.writeGroup(ctx, group, writes, *written); err != nil {
		return Updated{}, err
	}
	res, err := groupResource(group)
	return Updated{Resource: res, Members: writes.digest.count, Changed: true}, err
}

// groupState is a group with its members at one point in time.
type groupState struct {
	resource scim.Resource
	members  []member
}

// currentGroup reads a group from the API server and its members from the cache,
// after that has seen every change of membership that was acknowledged by any
// replica.
func (s *Store) currentGroup(ctx context.Context, tenant, id, ifMatch string) (*v1alpha1.ScimGroup, groupState, error) {
	group := &v1alpha1.ScimGroup{}
	found, err := fetch(ctx, s, tenant, id, group, true)
	if err != nil {
		return nil, groupState{}, err
	}
	if !found {
		return nil, groupState{}, notFound(scim.Group, id)
	}
	if err := checkVersion(ifMatch, group); err != nil {
		return nil, groupState{}, err
	}
	if err := s.waitForMembers(ctx, group); err != nil {
		return nil, groupState{}, err
	}
	if err := s.waitForWrites(ctx); err != nil {
		return nil, groupState{}, err
	}
	state := groupState{}
	if state.members, err = s.members(ctx, group); err != nil {
		return nil, groupState{}, err
	}
	if state.resource, err = groupResource(group); err != nil {
		return nil, groupState{}, err
	}
	if len(state.members) > 0 {
		state.resource["members"] = streamOf(state.members)
	}
	return group, state, nil
}

// waitForMembers returns when the cache has every change of membership that the group's version includes, so that
// nobody gets a new version with old members. For nested groups the group's own revision is enough, because they are
// written before it, in the same history.
func (s *Store) waitForMembers(ctx context.Context, group *v1alpha1.ScimGroup) error {
	if err := s.wait(ctx, &s.groups, revisionOf(group)); err != nil {
		return fmt.Errorf("wait for the newest nested groups: %w", err)
	}
	if err := s.wait(ctx, &s.users, membersRevision(group)); err != nil {
		return fmt.Errorf("wait for the newest members: %w", err)
	}
	return nil
}

// groupWrites are what a request has to write of a group.
type groupWrites struct {
	members membership
	// digest is that of the members afterwards.
	digest  membersDigest
	spec    v1alpha1.ScimGroupSpec
	oldName string
	same    bool
	// oldClaim is the claim on the old name, and held the one on the new name, of a
	// group that is renamed.
	oldClaim *coordinationv1.Lease
	held     *claim
}

func (w *groupWrites) none() bool { return w.same && w.members.empty() }

func (w *groupWrites) renamed() bool { return !fold.Equal(w.oldName, w.spec.DisplayName) }

// compareGroup returns what is to be written to make next of a group.
func (s *Store) compareGroup(
	ctx context.Context, group *v1alpha1.ScimGroup, current groupState, next scim.Resource,
) (*groupWrites, error) {
	writes := &groupWrites{spec: *group.Spec.DeepCopy(), oldName: group.Spec.DisplayName}
	if err := setGroupAttributes(&writes.spec, next); err != nil {
		return nil, err
	}
	writes.same = sameGroup(&group.Spec, &writes.spec)
	ids := next.MemberIDs()
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	for _, m := range current.members {
		if !wanted[m.id] {
			writes.members.remove = append(writes.members.remove, m)
		}
		delete(wanted, m.id)
	}
	var added []string
	for _, id := range ids {
		if wanted[id] {
			added = append(added, id)
		}
	}
	var err error
	writes.members.add, err = s.resolve(ctx, group.Namespace, group.Name, added)
	writes.digest = digestOf(current.members)
	for _, m := range writes.members.remove {
		writes.digest.remove(m.id)
	}
	for _, m := range writes.members.add {
		writes.digest.add(m.id)
	}
	return writes, err
}

// carryOut writes what must be there before the group itself: the claim on a new
// name, and the members. It returns the newest revision of a member.
func (s *Store) carryOut(ctx context.Context, group *v1alpha1.ScimGroup, writes *groupWrites) (int64, error) {
	if writes.renamed() {
		var err error
		writes.oldClaim, writes.held, err = s.moveClaim(ctx, uniqueName{claimDisplayName, group.Namespace, writes.oldName}, writes.spec.DisplayName, group.Name)
		if err != nil {
			return 0, err
		}
	}
	held := writes.held
	revision, err := s.writeMembers(ctx, group.Namespace, group.Name, writes.members, held)
	if err != nil {
		s.giveUp(ctx, held)
	}
	if err != nil || held == nil || writes.members.empty() {
		return revision, err
	}
	return revision, s.claims.renew(ctx, held)
}

// writeGroup updates the group and releases the claim on its old name.
func (s *Store) writeGroup(ctx context.Context, group *v1alpha1.ScimGroup, writes *groupWrites, revision int64) error {
	revision = max(revision, membersRevision(group))
	last := group.Spec.LastModified
	group.Spec = writes.spec
	group.Spec.MembersRevision = formatRevision(revision)
	group.Spec.ProvisionedAt = createdAt(group, group.Spec.ProvisionedAt)
	group.Spec.LastModified = now(last)
	noteMembers(group, writes.digest)
	if s.over(group.Annotations[annotationChanging]) {
		delete(group.Annotations, annotationChanging)
	}
	stampRequest(ctx, group)
	writeCtx, cancel := context.WithTimeout(ctx, s.timing.claimedWrite)
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
