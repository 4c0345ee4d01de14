package membership

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Names of the indexes.
const (
	pagesByMember  = "membership.page.member"
	pagesByGroup   = "membership.page.group"
	groupsByMember = "membership.group.member"
	usersNaming    = "membership.user.groups"
	groupsNaming   = "membership.group.groups"
)

// Index is an index of a cache, or of what stands for one.
type Index struct {
	Object client.Object
	Name   string
	Keys   client.IndexerFunc
}

// Indexes are what GroupsOf, Of and Pages read by. They change with what they are over, under one lock and before any handler is
// told, so who is told of a change finds it.
func Indexes() []Index {
	return []Index{
		indexOf(&v1alpha1.ScimGroupPage{}, pagesByMember, func(p *v1alpha1.ScimGroupPage) []string { return memberIDs(p.Spec.Members) }),
		indexOf(&v1alpha1.ScimGroupPage{}, pagesByGroup, func(p *v1alpha1.ScimGroupPage) []string { return []string{p.Spec.Group} }),
		indexOf(&v1alpha1.ScimGroup{}, groupsByMember, func(g *v1alpha1.ScimGroup) []string { return memberIDs(g.Spec.Members) }),
		indexOf(&v1alpha1.ScimUser{}, usersNaming, func(u *v1alpha1.ScimUser) []string { return u.Spec.Groups }),
		indexOf(&v1alpha1.ScimGroup{}, groupsNaming, func(g *v1alpha1.ScimGroup) []string { return g.Spec.Groups }),
	}
}

// Register adds the indexes to a cache, and with them the informers of users, groups and pages. Call it once for each cache, before
// it is started.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	return Add(ctx, indexer, Indexes())
}

// Add adds indexes to a cache that has not been started.
func Add(ctx context.Context, indexer client.FieldIndexer, indexes []Index) error {
	for _, index := range indexes {
		if err := indexer.IndexField(ctx, index.Object, index.Name, index.Keys); err != nil {
			return fmt.Errorf("register index %s: %w", index.Name, err)
		}
	}
	return nil
}

func indexOf[T client.Object](object T, name string, keys func(T) []string) Index {
	return Index{Object: object, Name: name, Keys: func(obj client.Object) []string {
		typed, ok := obj.(T)
		if !ok {
			return nil
		}
		return keys(typed)
	}}
}

func memberIDs(members []v1alpha1.GroupMember) []string {
	ids := make([]string, len(members))
	for i := range members {
		ids[i] = members[i].ID
	}
	return ids
}

// groupsUnder and the like return what an index has for a value. It is the reader's own: read only.
func groupsUnder(ctx context.Context, reader client.Reader, tenant, index, value string) ([]*v1alpha1.ScimGroup, error) {
	groups, err := kube.HeldUnder[v1alpha1.ScimGroup, v1alpha1.ScimGroupList](ctx, reader, tenant, index, value)
	return groups, readError(index, err)
}

func pagesUnder(ctx context.Context, reader client.Reader, tenant, index, value string) ([]*v1alpha1.ScimGroupPage, error) {
	pages, err := kube.HeldUnder[v1alpha1.ScimGroupPage, v1alpha1.ScimGroupPageList](ctx, reader, tenant, index, value)
	return pages, readError(index, err)
}

func usersUnder(ctx context.Context, reader client.Reader, tenant, index, value string) ([]*v1alpha1.ScimUser, error) {
	users, err := kube.HeldUnder[v1alpha1.ScimUser, v1alpha1.ScimUserList](ctx, reader, tenant, index, value)
	return users, readError(index, err)
}

func readError(index string, err error) error {
	if err != nil {
		return fmt.Errorf("read index %s: %w", index, err)
	}
	return nil
}

// Holding returns the groups and pages that hold a user or group as a member, whether a group lists the page or not. They are
// the reader's own: read only.
func Holding(ctx context.Context, reader client.Reader, tenant, id string) ([]*v1alpha1.ScimGroup, []*v1alpha1.ScimGroupPage, error) {
	groups, err := groupsUnder(ctx, reader, tenant, groupsByMember, id)
	if err != nil {
		return nil, nil, err
	}
	pages, err := pagesUnder(ctx, reader, tenant, pagesByMember, id)
	return groups, pages, err
}
