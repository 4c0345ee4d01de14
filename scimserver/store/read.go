package store

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Gate is asked before the members of a group are looked up; how many they are the group notes of itself. Its error
// ends the request.
type Gate func(members int) error

// StreamedMemberSize is about how much memory a member takes as long as the scim.Stream of a group's members is in
// use, in bytes.
const StreamedMemberSize = 64

// Get returns a resource, or a 404. Users carry their groups, groups their members as a scim.Stream if admit is not
// nil. $ref and meta.location are relative to no base URL; the HTTP layer sets them.
func (s *Store) Get(ctx context.Context, tenant string, rt *scim.ResourceType, id string, admit Gate) (scim.Resource, error) {
	// Of a user the groups are in other objects, and of a group the pages.
	if err := s.waitForWrites(ctx); err != nil {
		return nil, err
	}
	if rt == scim.Group {
		return s.getGroup(ctx, tenant, id, admit)
	}
	user := &v1alpha1.ScimUser{}
	found, err := fetch(ctx, s, tenant, id, user, false, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound(rt, id)
	}
	return s.userResource(ctx, user)
}

// getGroup returns a group, with its members if admit is not nil.
func (s *Store) getGroup(ctx context.Context, tenant, id string, admit Gate) (scim.Resource, error) {
	group := &v1alpha1.ScimGroup{}
	found, err := fetch(ctx, s, tenant, id, group, false, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound(scim.Group, id)
	}
	stored, err := s.withPages(ctx, group)
	if err != nil {
		return nil, err
	}
	if admit != nil {
		if err := admit(stored.count()); err != nil {
			return nil, err
		}
	}
	return s.groupResource(ctx, stored, admit != nil)
}

// groupResource returns a stored group as a resource, with those of its members that exist if they are wanted.
func (s *Store) groupResource(ctx context.Context, stored *storedGroup, withMembers bool) (scim.Resource, error) {
	r, err := stored.resource()
	if err != nil || !withMembers {
		return r, err
	}
	members, err := s.describe(ctx, stored.Namespace, stored.entries())
	if err == nil && len(members) > 0 {
		r["members"] = streamOf(members)
	}
	return r, err
}

// streamOf returns members as an attribute that makes the representation of each when it is asked for.
func streamOf(members []member) scim.Stream {
	return func(yield func(map[string]any) bool) {
		value := make(map[string]any, 4)
		for _, m := range members {
			clear(value)
			m.describe(value)
			if !yield(value) {
				return
			}
		}
	}
}

func (s *Store) index(rt *scim.ResourceType) *kindIndex {
	if rt == scim.User {
		return &s.users
	}
	return &s.groups
}

// waitForWrites returns when indexes and orders include this process's writes.
func (s *Store) waitForWrites(ctx context.Context) error {
	for _, index := range s.kinds() {
		if err := index.waitForWrites(ctx); err != nil {
			return err
		}
	}
	return nil
}

// loadGroup returns a group for who has waited for this process's writes, or nil when it does not exist.
func (s *Store) loadGroup(ctx context.Context, tenant, id string) (*storedGroup, error) {
	group, err := held[v1alpha1.ScimGroup](ctx, s, tenant, id)
	if group == nil || err != nil {
		return nil, err
	}
	stored, err := s.withPages(ctx, group)
	if isNotFound(err) {
		return nil, nil
	}
	return stored, err
}

// listMembers makes the representations of a group's members at once, for who looks at them more often.
func listMembers(r scim.Resource) {
	if _, streamed := r["members"].(scim.Stream); streamed {
		r["members"] = r.Values("members")
	}
}

// userResource returns a stored user as a resource.
func (s *Store) userResource(ctx context.Context, user *v1alpha1.ScimUser) (scim.Resource, error) {
	r, err := withoutGroups(user, nil)
	if err != nil {
		return nil, err
	}
	return r, s.addGroups(ctx, user, r, nil)
}

// withoutGroups returns a stored user as a resource that lacks its groups.
func withoutGroups(user *v1alpha1.ScimUser, by *maker) (scim.Resource, error) {
	r, err := by.userAttributes(&user.Spec)
	if err != nil {
		return nil, err
	}
	r["meta"] = by.object(5)
	stamp(scim.User, r, user, version(user), user.Spec.ProvisionedAt, user.Spec.LastModified)
	return r, nil
}

// addGroups adds its groups to a user.
func (s *Store) addGroups(ctx context.Context, user *v1alpha1.ScimUser, r scim.Resource, by *maker) error {
	memberships, err := membership.GroupsOf(ctx, s.cached, user)
	if err != nil || len(memberships) == 0 {
		return err
	}
	groups := by.list(len(memberships))[:0]
	for _, m := range memberships {
		if s.groups.order.left(user.Namespace, m.Group.Name) {
			continue
		}
		group := by.object(4) // with $ref
		group["value"], group["display"], group["type"] = m.Group.Name, m.Group.Spec.DisplayName, "direct"
		groups = append(groups, group)
	}
	if len(groups) > 0 {
		r["groups"] = groups
	}
	return nil
}

// member is a direct member of a group.
type member struct {
	id      string
	display string
	isGroup bool
}

// Looking up the members of a large group takes some 150 bytes for each for a moment, so that maxLargeLookups of those are
// looked up at the same time. More would not be faster.
const (
	largeGroup      = 4096
	maxLargeLookups = 2
)

func membersAttribute(members []member) []any {
	list := make([]any, len(members))
	for i, m := range members {
		value := make(map[string]any, 4) // with $ref
		m.describe(value)
		list[i] = value
	}
	return list
}

// describe sets what a group says of a member.
func (m *member) describe(value map[string]any) {
	value["value"], value["display"], value["type"] = m.id, m.display, typeUser
	if m.isGroup {
		value["type"] = typeGroup
	}
}

// Types of members, as values that need not be made for each.
var typeUser, typeGroup any = scim.User.Name, scim.Group.Name

func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}
