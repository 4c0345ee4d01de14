package store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

const (
	// maxGroupsOfMember is how many groups a user or group can be a member of.
	maxGroupsOfMember = 5000
	// maxUnknown is how many unknown members decide that a request is refused.
	maxUnknown = 5
	// memberLookups is how many members of one group are looked up at the API server at the same time.
	memberLookups = 16
)

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

// joining returns what a group stores of new members, by id. A member joins each group in a second of its own, as far as this
// replica knows: the order of joining is what rules see.
func (s *Store) joining(ctx context.Context, tenant string, members []member) ([]v1alpha1.GroupMember, error) {
	if err := s.waitForWrites(ctx); err != nil {
		return nil, err
	}
	entries := make([]v1alpha1.GroupMember, len(members))
	seconds := time.Now().Unix()
	for i, m := range members {
		obj := memberObject(tenant, m)
		if _, err := s.peek(ctx, tenant, m.id, obj, false); err != nil {
			return nil, err
		}
		obj.SetNamespace(tenant)
		obj.SetName(m.id)
		groups, err := membership.GroupsOf(ctx, s.cached, obj)
		if err != nil {
			return nil, err
		}
		if len(groups) >= maxGroupsOfMember {
			return nil, scim.NewError(http.StatusBadRequest, "members: a user or group can be a member of at most %d groups", maxGroupsOfMember)
		}
		entries[i] = v1alpha1.GroupMember{ID: m.id, Joined: seconds}
		if len(groups) > 0 {
			entries[i].Joined = max(seconds, groups[len(groups)-1].Joined+1)
		}
	}
	slices.SortFunc(entries, func(a, b v1alpha1.GroupMember) int { return strings.Compare(a.ID, b.ID) })
	return entries, nil
}

// memberObject returns an empty object of the member's kind.
func memberObject(tenant string, m member) client.Object {
	if m.isGroup {
		return &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: m.id}}
	}
	return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: m.id}}
}

// describe returns of the members of a group, in the order of their ids, those that exist. Who is not in the cache may have been
// made through another replica a moment ago: a version of a group must never come with fewer members than it tells of.
func (s *Store) describe(ctx context.Context, tenant string, entries []v1alpha1.GroupMember) ([]member, error) {
	if len(entries) > largeGroup {
		if err := s.largeLookups.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait to look up members: %w", err)
		}
		defer s.largeLookups.Release(1)
	}
	members := make([]member, len(entries))
	var absent []int
	for i := range entries {
		m, known, err := s.cachedMember(ctx, tenant, entries[i].ID)
		if err != nil {
			return nil, err
		}
		if members[i] = m; !known {
			absent = append(absent, i)
		}
	}
	readers, readCtx := errgroup.WithContext(ctx)
	readers.SetLimit(memberLookups)
	for _, i := range absent {
		id := entries[i].ID
		if s.gone.has(tenant, id) {
			continue
		}
		readers.Go(func() error {
			m, found, err := s.findMember(readCtx, tenant, id, true)
			if found {
				members[i] = m
			} else if err == nil {
				s.gone.add(tenant, id)
			}
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(members, func(m member) bool { return m.id == "" }), nil
}

// cachedMember looks a member up in the cache. It is known, but has no id, if it is being deleted.
func (s *Store) cachedMember(ctx context.Context, tenant, id string) (m member, known bool, err error) {
	user, err := kube.Held[v1alpha1.ScimUser](ctx, s.cached, tenant, id)
	if err != nil {
		return member{}, false, fmt.Errorf("read from the cache: %w", err)
	}
	if user != nil {
		if user.DeletionTimestamp != nil || s.users.order.left(tenant, id) {
			return member{}, true, nil
		}
		return member{id: id, display: user.Spec.UserName}, true, nil
	}
	group, err := kube.Held[v1alpha1.ScimGroup](ctx, s.cached, tenant, id)
	if err != nil {
		return member{}, false, fmt.Errorf("read from the cache: %w", err)
	}
	if group == nil {
		return member{}, false, nil
	}
	if group.DeletionTimestamp != nil || s.groups.order.left(tenant, id) {
		return member{}, true, nil
	}
	return member{id: id, display: group.Spec.DisplayName, isGroup: true}, true, nil
}

// streamOfGroup is streamOf for members of whom each is looked up when it is asked for. One that does not exist has its id alone.
func (s *Store) streamOfGroup(ctx context.Context, group *storedGroup) scim.Stream {
	return func(yield func(map[string]any) bool) {
		value := make(map[string]any, 4)
		for _, entry := range group.entries() {
			clear(value)
			value["value"] = entry.ID
			if m, _, err := s.cachedMember(ctx, group.Namespace, entry.ID); err == nil && m.id != "" {
				m.describe(value)
			}
			if !yield(value) {
				return
			}
		}
	}
}

// maxGone bounds how many ids goneIDs holds.
const maxGone = 1 << 14

// goneIDs are ids that are in a group although nobody has them any more. An id comes into a group after its user or group was made,
// and is never given again, so that the API server need not be asked for it twice. Only a restore beside a running operator brings one
// back: what the cache has counts before this.
type goneIDs struct {
	mu  sync.Mutex
	ids map[types.NamespacedName]bool
}

func (g *goneIDs) has(tenant, id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ids[key(tenant, id)]
}

func (g *goneIDs) add(tenant, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ids == nil || len(g.ids) >= maxGone {
		g.ids = make(map[types.NamespacedName]bool)
	}
	g.ids[key(tenant, id)] = true
}
