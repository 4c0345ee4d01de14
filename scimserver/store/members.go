package store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

const (
	// memberWriters is the number of members of one request that are written at
	// the same time.
	memberWriters = 16
	// memberBatch is how many members are written between two looks at the claim.
	memberBatch = 256
	// maxGroupsOfMember is the limit of spec.groups.
	maxGroupsOfMember = 5000
	// namedMissing is how many unknown members an error names.
	namedMissing = 5
)

// membership is a change of a group's direct members.
type membership struct {
	add    []member
	remove []member
}

func (m *membership) empty() bool { return len(m.add) == 0 && len(m.remove) == 0 }

// resolve finds the users and groups that a request names as members. One that
// does not exist refuses the request before anything is written.
func (s *Store) resolve(ctx context.Context, tenant, group string, ids []string) ([]member, error) {
	members := make([]member, 0, len(ids))
	var missing []string
	for _, id := range ids {
		if id == group {
			return nil, scim.BadRequest(scim.TypeInvalidValue, "members: a group cannot be a member of itself")
		}
		m, ok, err := s.findMember(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			missing = append(missing, id)
			continue
		}
		members = append(members, m)
	}
	if len(missing) > 0 {
		named := missing[:min(len(missing), namedMissing)]
		for i, id := range named {
			named[i] = fmt.Sprintf("%.64q", id)
		}
		return nil, scim.BadRequest(scim.TypeInvalidValue,
			"members: no user or group has the id of %d of the values, among them %v; nothing was changed", len(missing), named)
	}
	return members, nil
}

func (s *Store) findMember(ctx context.Context, tenant, id string) (member, bool, error) {
	user, group := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
	// Both caches before the API server: most members are there.
	for _, live := range []bool{false, true} {
		if found, err := s.peek(ctx, tenant, id, user, live); found || err != nil {
			return member{id: id, display: user.Spec.UserName}, found, err
		}
		if found, err := s.peek(ctx, tenant, id, group, live); found || err != nil {
			return member{id: id, display: group.Spec.DisplayName, isGroup: true}, found, err
		}
	}
	return member{}, false, nil
}

// peek reads from the cache alone or from the API server alone.
func (s *Store) peek(ctx context.Context, tenant, id string, obj client.Object, live bool) (bool, error) {
	if live {
		return fetch(ctx, s, tenant, id, obj, true)
	}
	err := s.client.Get(ctx, key(tenant, id), obj, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil && obj.GetDeletionTimestamp() == nil, err
}

// writeMembers writes the change to every member and returns the newest
// resourceVersion. A claim that is held meanwhile is kept alive.
func (s *Store) writeMembers(ctx context.Context, tenant, group string, change membership, held *claim) (int64, error) {
	type task struct {
		member
		join bool
	}
	tasks := make([]task, 0, len(change.add)+len(change.remove))
	for _, m := range change.remove {
		tasks = append(tasks, task{m, false})
	}
	for _, m := range change.add {
		tasks = append(tasks, task{m, true})
	}
	var newest atomic.Int64
	for batch := range slices.Chunk(tasks, memberBatch) {
		if held != nil && time.Since(held.renewed) > s.timing.claimLease/3 {
			if err := s.claims.renew(ctx, held); err != nil {
				return newest.Load(), fmt.Errorf("keep the claim on the displayName: %w", err)
			}
		}
		writers, writeCtx := errgroup.WithContext(ctx)
		writers.SetLimit(memberWriters)
		for _, t := range batch {
			writers.Go(func() error {
				revision, err := s.writeMember(writeCtx, tenant, group, t.member, t.join)
				for old := newest.Load(); revision > old && !newest.CompareAndSwap(old, revision); old = newest.Load() {
				}
				return err
			})
		}
		if err := writers.Wait(); err != nil {
			return newest.Load(), err
		}
	}
	return newest.Load(), nil
}

// writeMember lets one member join or leave a group. It returns the member's
// resourceVersion for users, by which replicas wait for each other, and 0 for groups. There is
// nothing to write if another request has done it.
func (s *Store) writeMember(ctx context.Context, tenant, group string, m member, join bool) (int64, error) {
	for try := range maxTries {
		obj, groups, modified := memberObject(m)
		found, err := fetch(ctx, s, tenant, m.id, obj, try > 0)
		if err != nil {
			return 0, err
		}
		if !found && join {
			return 0, scim.BadRequest(scim.TypeInvalidValue, "members: %q was deleted meanwhile", m.id)
		}
		if !found {
			return 0, nil
		}
		if slices.Contains(*groups, group) == join {
			return memberRevision(m, obj), nil
		}
		if err := joinOrLeave(groups, group, join); err != nil {
			return 0, err
		}
		*modified = now(*modified)
		stampRequest(ctx, obj)
		err = s.client.Update(ctx, obj)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			if err := backoff(ctx, try); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, refused(err, "update a member")
		}
		if m.isGroup {
			s.groups.noteWrite(obj)
		} else {
			s.users.noteWrite(obj)
		}
		return memberRevision(m, obj), nil
	}
	return 0, errContended
}

// memberRevision is what writeMember returns.
func memberRevision(m member, obj client.Object) int64 {
	if m.isGroup {
		return 0
	}
	return revisionOf(obj)
}

// memberObject returns an empty object of the member's kind, its list of groups
// and its time of change.
func memberObject(m member) (client.Object, *[]string, *metav1.MicroTime) {
	if m.isGroup {
		group := &v1alpha1.ScimGroup{}
		return group, &group.Spec.Groups, &group.Spec.LastModified
	}
	user := &v1alpha1.ScimUser{}
	return user, &user.Spec.Groups, &user.Spec.LastModified
}

func joinOrLeave(groups *[]string, group string, join bool) error {
	if !join {
		*groups = slices.DeleteFunc(*groups, func(id string) bool { return id == group })
		return nil
	}
	if len(*groups) >= maxGroupsOfMember {
		return scim.NewError(http.StatusBadRequest, "members: a user or group can be a member of at most %d groups", maxGroupsOfMember)
	}
	*groups = append(*groups, group)
	return nil
}
