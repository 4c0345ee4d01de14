package store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	// maxUnknown is how many unknown members decide that a request is refused.
	maxUnknown = 5
)

// membership is a change of a group's direct members.
type membership struct {
	add    []member
	remove []member
}

func (m *membership) empty() bool { return len(m.add) == 0 && len(m.remove) == 0 }

// resolve finds the users and groups that a request names as members. One that
// does not exist refuses the request before anything is written.
//
// Nearly all are in the cache. What is not there may have been made through another replica a moment ago, so the API
// server is asked, but it is never asked about more than maxUnknown that it does not know: by then the answer is clear.
func (s *Store) resolve(ctx context.Context, tenant, group string, ids []string) ([]member, error) {
	members := make([]member, len(ids))
	// Positions in ids: of what does not exist, and of what is still to be looked up.
	var unknown, absent []int
	for i, id := range ids {
		if id == group {
			return nil, scim.BadRequest(scim.TypeInvalidValue, "members: a group cannot be a member of itself")
		}
		if !isID(id) {
			unknown = append(unknown, i)
		} else if m, found, err := s.findMember(ctx, tenant, id, false); err != nil {
			return nil, err
		} else if members[i] = m; !found {
			absent = append(absent, i)
		}
		if room := maxUnknown - len(unknown); room > 0 && (len(absent) >= room || i == len(ids)-1) {
			missing, err := s.askFor(ctx, tenant, ids, absent, members)
			if err != nil {
				return nil, err
			}
			unknown, absent = append(unknown, missing...), absent[:0]
		}
		if len(unknown) >= maxUnknown {
			break
		}
	}
	if len(unknown) > 0 {
		return nil, unknownMembers(ids, unknown)
	}
	return members, nil
}

// unknownMembers names what can be an id. Anything else that stands in its place may be a name or an address.
func unknownMembers(ids []string, unknown []int) error {
	slices.Sort(unknown)
	var named, parts []string
	for _, i := range unknown {
		if isID(ids[i]) {
			named = append(named, ids[i])
		}
	}
	if len(named) > 0 {
		parts = append(parts, "no user or group has the id "+strings.Join(named, ", "))
	}
	if others := len(unknown) - len(named); others > 0 {
		parts = append(parts, fmt.Sprintf("%d of the values are no ids of this server", others))
	}
	if len(unknown) >= maxUnknown {
		parts = append(parts, "the values after these were not looked at")
	}
	return scim.BadRequest(scim.TypeInvalidValue, "members: %s; nothing was changed", strings.Join(parts, "; "))
}

// askFor looks members up at the API server, all at the same time, and returns the positions of those who do not exist.
func (s *Store) askFor(ctx context.Context, tenant string, ids []string, absent []int, members []member) ([]int, error) {
	found := make([]bool, len(absent))
	readers, readCtx := errgroup.WithContext(ctx)
	for k, i := range absent {
		readers.Go(func() (err error) {
			members[i], found[k], err = s.findMember(readCtx, tenant, ids[i], true)
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return nil, err
	}
	var missing []int
	for k, i := range absent {
		if !found[k] {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// findMember looks a user or group up in the cache alone or at the API server alone.
func (s *Store) findMember(ctx context.Context, tenant, id string, live bool) (member, bool, error) {
	user, group := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
	if found, err := s.peek(ctx, tenant, id, user, live); found || err != nil {
		return member{id: id, display: user.Spec.UserName}, found, err
	}
	found, err := s.peek(ctx, tenant, id, group, live)
	return member{id: id, display: group.Spec.DisplayName, isGroup: true}, found, err
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
func memberObject(m member) (client.Object, *[]string, *v1alpha1.Timestamp) {
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
