package store

import (
	"context"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// Names of the cache's indexes. Those of names and addresses hold folded values.
const (
	indexName       = "store.name"
	indexExternalID = "store.externalId"
	indexEmail      = "store.email"
)

// userBy is how package userindex finds users under the names of indexes.
var userBy = map[string]userindex.By{indexName: userindex.UserName, indexExternalID: userindex.ExternalID, indexEmail: userindex.Addresses}

// indexes are those of the Store's own.
func indexes() []membership.Index {
	name := groupIndex(func(s *v1alpha1.ScimGroupSpec) []string { return []string{fold.String(s.DisplayName)} })
	externalID := groupIndex(func(s *v1alpha1.ScimGroupSpec) []string { return assigned(s.ExternalID) })
	return []membership.Index{
		{Object: &v1alpha1.ScimGroup{}, Name: indexName, Keys: name},
		{Object: &v1alpha1.ScimGroup{}, Name: indexExternalID, Keys: externalID},
	}
}

func registerIndexes(ctx context.Context, c cache.Cache) error {
	for _, index := range indexes() {
		if err := kube.IndexPerNamespace(c).IndexField(ctx, index.Object, index.Name, index.Keys); err != nil {
			return fmt.Errorf("index %s of %T: %w", index.Name, index.Object, err)
		}
	}
	return nil
}

func groupIndex(extract func(*v1alpha1.ScimGroupSpec) []string) client.IndexerFunc {
	return func(obj client.Object) []string {
		group, ok := obj.(*v1alpha1.ScimGroup)
		if !ok || group.DeletionTimestamp != nil {
			return nil
		}
		return extract(&group.Spec)
	}
}

func assigned(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// userIDsBy returns the ids of the users that an index has for a value, without those that are being deleted
// or that this process has deleted. The caller has waited for its writes.
func (s *Store) userIDsBy(ctx context.Context, tenant, index, value string) ([]string, error) {
	ids, err := userindex.Names(ctx, s.users.informer, s.client, tenant, userBy[index], value, ownState...)
	return slices.DeleteFunc(ids, func(id string) bool { return s.users.order.left(tenant, id) }), err
}

// groupsBy returns the groups that an index has for a value, without those that this process has deleted. They are the
// cache's own: read only. The caller has waited for its writes.
func (s *Store) groupsBy(ctx context.Context, tenant, index, value string) ([]v1alpha1.ScimGroup, error) {
	var list v1alpha1.ScimGroupList
	if err := s.listBy(ctx, &list, tenant, index, value); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(g v1alpha1.ScimGroup) bool { return s.groups.order.left(tenant, g.Name) }), nil
}

// ownState reads what the cache holds: the kind's own order has been waited for, which unlike the client does not wait for
// writes of others that are still under way.
var ownState = []client.ListOption{client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}

func (s *Store) listBy(ctx context.Context, list client.ObjectList, tenant, index, value string) error {
	options := append([]client.ListOption{client.InNamespace(tenant), client.MatchingFields{index: value}}, ownState...)
	if err := s.client.List(ctx, list, options...); err != nil {
		return fmt.Errorf("read index %s: %w", index, err)
	}
	return nil
}

// candidates returns ids that include every match of the filter, and whether
// an index gave them. Without a usable condition there is no way but to look at
// all of the tenant's resources.
func (s *Store) candidates(ctx context.Context, tenant string, rt *scim.ResourceType, e *examination) ([]string, bool, error) {
	for _, condition := range e.Filter.EqualityConstraints() {
		ids, ok, err := s.lookUp(ctx, tenant, rt, condition, e)
		if ok || err != nil {
			return ids, ok, err
		}
	}
	return nil, false, nil
}

// indexed reports whether lookUp finds the resources of a type, or with nil of any, that
// have a value at a path.
func indexed(rt *scim.ResourceType, path string) bool {
	switch path {
	case "userName":
		return rt != scim.Group
	case "displayName":
		return rt == scim.Group
	case "id", "externalId", "emails.value", "groups.value", "members.value":
		return true
	}
	return false
}

func (s *Store) lookUp(ctx context.Context, tenant string, rt *scim.ResourceType, c scim.EqConstraint, e *examination) ([]string, bool, error) {
	if !indexed(rt, c.Path) {
		return nil, false, nil
	}
	switch c.Path {
	case "id":
		return []string{c.Value}, true, nil
	case "userName", "displayName":
		ids, err := s.idsBy(ctx, tenant, rt, indexName, fold.String(c.Value))
		if err == nil && len(ids) == 0 {
			ids, err = s.askClaim(ctx, tenant, rt, c.Value)
		}
		return ids, true, err
	case "externalId":
		ids, err := s.idsBy(ctx, tenant, rt, indexExternalID, c.Value)
		return ids, true, err
	case "emails.value":
		ids, err := s.idsBy(ctx, tenant, scim.User, indexEmail, fold.String(c.Value))
		return ids, true, err
	case "groups.value":
		ids, err := s.memberIDs(ctx, tenant, c.Value, e.announce)
		return ids, true, err
	default: // members.value
		_, ids, err := s.groupsOf(ctx, tenant, c.Value)
		return ids, true, err
	}
}

// idsBy returns the ids that an index has for a value.
func (s *Store) idsBy(ctx context.Context, tenant string, rt *scim.ResourceType, index, value string) ([]string, error) {
	var ids []string
	if rt == scim.User {
		return s.userIDsBy(ctx, tenant, index, value)
	}
	groups, err := s.groupsBy(ctx, tenant, index, value)
	for i := range groups {
		ids = append(ids, groups[i].Name)
	}
	return ids, err
}

// askClaim finds the holder of a name that this replica's cache does not know
// yet: another replica may have created or renamed it a moment ago, and a client that is
// told that there is none would create it again.
func (s *Store) askClaim(ctx context.Context, tenant string, rt *scim.ResourceType, name string) ([]string, error) {
	kind := claimUserName
	if rt == scim.Group {
		kind = claimDisplayName
	}
	claimed, err := s.claims.leaseName(ctx, uniqueName{kind, tenant, name})
	if err != nil {
		return nil, err
	}
	lease := &coordinationv1.Lease{}
	err = s.live.Get(ctx, types.NamespacedName{Namespace: tenant, Name: claimed}, lease)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read claim: %w", err)
	}
	return []string{holderOf(lease)}, s.waitForName(ctx, kind, lease)
}

// waitForName returns when the cache knows of the holder of a claim that it has the name, if it is another one that the cache has.
func (s *Store) waitForName(ctx context.Context, kind claimKind, lease *coordinationv1.Lease) error {
	tenant, id := lease.Namespace, holderOf(lease)
	obj := kind.newHolder()
	if known, err := s.peek(ctx, tenant, id, obj, false); !known || err != nil {
		return err // it will be read from the API server
	}
	if found, err := s.peek(ctx, tenant, id, obj, true); !found || err != nil {
		return err
	}
	claimed, err := s.claims.leaseName(ctx, uniqueName{kind, tenant, claimedName(obj)})
	if err != nil || claimed != lease.Name {
		return err
	}
	// The cache has the object, so that an event will tell of the revision.
	if err := s.index(kind.resourceType()).order.wait(ctx, revisionOf(obj)); err != nil {
		return fmt.Errorf("wait until the cache knows who has the name: %w", err)
	}
	return nil
}

// memberIDs returns the ids of the members of a group that may be users, in order. Others would be looked for at the API server in
// vain, one after the other. It tells many how many there are before it looks at them.
func (s *Store) memberIDs(ctx context.Context, tenant, group string, many func(int) error) ([]string, error) {
	obj := &v1alpha1.ScimGroup{}
	if found, err := fetch(ctx, s, tenant, group, obj, false, client.UnsafeDisableDeepCopy); !found || err != nil {
		return nil, err
	}
	stored, err := s.withPages(ctx, obj)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := many(stored.count()); err != nil {
		return nil, err
	}
	entries := stored.entries()
	ids := make([]string, 0, len(entries))
	for i := range entries {
		id := entries[i].ID
		m, known, err := s.cachedMember(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		if !m.isGroup && (known || !s.gone.has(tenant, id)) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// groupsOf returns a user or group as a member, and the ids of the groups that it is in, in order.
func (s *Store) groupsOf(ctx context.Context, tenant, id string) (member, []string, error) {
	user, group := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
	found, err := fetch(ctx, s, tenant, id, user, false, client.UnsafeDisableDeepCopy)
	if err != nil {
		return member{}, nil, err
	}
	if found {
		groups, err := s.idsOfGroups(ctx, user)
		return member{id: id, display: user.Spec.UserName}, groups, err
	}
	if found, err = fetch(ctx, s, tenant, id, group, false, client.UnsafeDisableDeepCopy); !found || err != nil {
		return member{}, nil, err
	}
	groups, err := s.idsOfGroups(ctx, group)
	return member{id: id, display: group.Spec.DisplayName, isGroup: true}, groups, err
}

// idsOfGroups returns the ids of the groups that a user or group is in, in order.
func (s *Store) idsOfGroups(ctx context.Context, member client.Object) ([]string, error) {
	memberships, err := membership.GroupsOf(ctx, s.cached, member)
	ids := make([]string, len(memberships))
	for i := range memberships {
		ids[i] = memberships[i].Group.Name
	}
	return sorted(ids), err
}
