package store

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Get returns a resource, or a 404. Users carry their groups, groups their
// members if asked for. $ref and meta.location are relative to no base URL; the
// HTTP layer sets them.
func (s *Store) Get(ctx context.Context, tenant string, rt *scim.ResourceType, id string, withMembers bool) (scim.Resource, error) {
	if withMembers {
		if err := s.waitForWrites(ctx); err != nil {
			return nil, err
		}
	}
	r, err := s.load(ctx, tenant, rt, id, withMembers)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, notFound(rt, id)
	}
	return r, nil
}

func (s *Store) index(rt *scim.ResourceType) *kindIndex {
	if rt == scim.User {
		return &s.users
	}
	return &s.groups
}

// waitForWrites returns when indexes and orders include this process's writes.
func (s *Store) waitForWrites(ctx context.Context) error {
	if err := s.users.waitForWrites(ctx); err != nil {
		return err
	}
	return s.groups.waitForWrites(ctx)
}

// load returns a resource, or nil when it does not exist. Who has waited for this
// process's writes already passes client.DisableReadYourWritesConsistency.
func (s *Store) load(
	ctx context.Context, tenant string, rt *scim.ResourceType, id string, withMembers bool, opts ...client.GetOption,
) (scim.Resource, error) {
	opts = append(opts, client.UnsafeDisableDeepCopy)
	if rt == scim.User {
		user := &v1alpha1.ScimUser{}
		if ok, err := fetch(ctx, s, tenant, id, user, false, opts...); !ok || err != nil {
			return nil, err
		}
		return s.userResource(ctx, user)
	}
	group := &v1alpha1.ScimGroup{}
	if ok, err := fetch(ctx, s, tenant, id, group, false, opts...); !ok || err != nil {
		return nil, err
	}
	r, err := groupResource(group)
	if err != nil || !withMembers {
		return r, err
	}
	if err := s.waitForMembers(ctx, group); err != nil {
		return nil, err
	}
	return r, s.addMembers(ctx, tenant, r)
}

// userResource returns a stored user as a resource.
func (s *Store) userResource(ctx context.Context, user *v1alpha1.ScimUser) (scim.Resource, error) {
	r, err := userAttributes(&user.Spec)
	if err != nil {
		return nil, err
	}
	if err := s.addGroups(ctx, user.Namespace, r, user.Spec.Groups); err != nil {
		return nil, err
	}
	stamp(scim.User, r, user, user.Spec.ProvisionedAt, user.Spec.LastModified)
	return r, nil
}

// addGroups adds the user's direct groups. An id without a group is one that has
// been deleted, or whose creation is not finished.
func (s *Store) addGroups(ctx context.Context, tenant string, r scim.Resource, ids []string) error {
	var groups []any
	for _, id := range ids {
		group := &v1alpha1.ScimGroup{}
		err := s.client.Get(ctx, key(tenant, id), group, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil && group.DeletionTimestamp == nil {
			groups = append(groups, map[string]any{"value": id, "display": group.Spec.DisplayName, "type": "direct"})
		}
	}
	if groups != nil {
		r["groups"] = groups
	}
	return nil
}

// groupResource returns a stored group as a resource without members.
func groupResource(group *v1alpha1.ScimGroup) (scim.Resource, error) {
	r, err := groupAttributes(&group.Spec)
	if err != nil {
		return nil, err
	}
	stamp(scim.Group, r, group, group.Spec.ProvisionedAt, group.Spec.LastModified)
	return r, nil
}

// member is a direct member of a group.
type member struct {
	id      string
	display string
	isGroup bool
}

// members returns the direct members of a group in the order of their ids.
func (s *Store) members(ctx context.Context, tenant, group string) ([]member, error) {
	users, err := s.usersBy(ctx, tenant, indexMemberOf, group)
	if err != nil {
		return nil, err
	}
	nested, err := s.groupsBy(ctx, tenant, indexMemberOf, group)
	if err != nil {
		return nil, err
	}
	members := make([]member, 0, len(users)+len(nested))
	for i := range users {
		members = append(members, member{id: users[i].Name, display: users[i].Spec.UserName})
	}
	for i := range nested {
		members = append(members, member{id: nested[i].Name, display: nested[i].Spec.DisplayName, isGroup: true})
	}
	slices.SortFunc(members, func(a, b member) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return members, nil
}

func (s *Store) addMembers(ctx context.Context, tenant string, r scim.Resource) error {
	members, err := s.members(ctx, tenant, r.ID())
	if err != nil || len(members) == 0 {
		return err
	}
	r["members"] = membersAttribute(members)
	return nil
}

func membersAttribute(members []member) []any {
	list := make([]any, len(members))
	for i, m := range members {
		kind := scim.User.Name
		if m.isGroup {
			kind = scim.Group.Name
		}
		list[i] = map[string]any{"value": m.id, "display": m.display, "type": kind}
	}
	return list
}

func sorted(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}
