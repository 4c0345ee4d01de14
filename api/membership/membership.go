// Package membership says who is a member of which group, as it is stored: in groups and their pages. The SCIM server and the
// controllers, which do not know each other, read it in this one way.
package membership

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Membership is that of one member in one group.
type Membership struct {
	// Group is the reader's own: read only.
	Group *v1alpha1.ScimGroup
	// Joined is as in v1alpha1.GroupMember.
	Joined int64
}

// PageName is the name of a group's page.
func PageName(group string, number int32) string {
	return group + "-" + strconv.FormatInt(int64(number), 10)
}

// InPages reports whether the members of a group are in the group and its pages. Those of others, which an operator from before
// there were pages has written last, are who names the group in spec.groups.
func InPages(group *v1alpha1.ScimGroup) bool { return group.Spec.Members != nil }

// Counts reports whether the members of a page are some of its group's, as far as the reader knows: whether that group is there
// and lists it.
func Counts(ctx context.Context, reader client.Reader, page *v1alpha1.ScimGroupPage) (bool, error) {
	group, err := get(ctx, reader, page.Namespace, page.Spec.Group)
	return group != nil && Lists(group, page), err
}

// Lists reports whether a page is one of the group's.
func Lists(group *v1alpha1.ScimGroup, page *v1alpha1.ScimGroupPage) bool {
	if !InPages(group) || group.Name != page.Spec.Group {
		return false
	}
	number, err := strconv.ParseInt(strings.TrimPrefix(page.Name, group.Name+"-"), 10, 32)
	return err == nil && slices.Contains(group.Spec.Pages, int32(number))
}

// GroupsOf returns the groups that a user or group is a direct member of, in the order of joining: those that the reader has and
// that are not being deleted. The reader needs the indexes.
func GroupsOf(ctx context.Context, reader client.Reader, member client.Object) ([]Membership, error) {
	tenant, id := member.GetNamespace(), member.GetName()
	groups, pages, err := Holding(ctx, reader, tenant, id)
	if err != nil {
		return nil, err
	}
	joined := make([]Membership, 0, len(groups)+len(pages))
	note := func(group *v1alpha1.ScimGroup, at int64) {
		joined = append(joined, Membership{Group: group, Joined: at})
	}
	for _, group := range groups {
		if group.DeletionTimestamp == nil {
			note(group, joinedAt(group.Spec.Members, id))
		}
	}
	for _, page := range pages {
		group, err := get(ctx, reader, tenant, page.Spec.Group)
		if err != nil {
			return nil, err
		}
		if group != nil && Lists(group, page) {
			note(group, joinedAt(page.Spec.Members, id))
		}
	}
	for position, named := range legacyGroups(member) {
		group, err := get(ctx, reader, tenant, named)
		if err != nil {
			return nil, err
		}
		if group == nil {
			continue
		}
		moved, err := complete(ctx, reader, group)
		if err != nil {
			return nil, err
		}
		if !moved {
			note(group, legacyJoined(member, position))
		}
	}
	return inOrder(joined), nil
}

// inOrder sorts memberships by when they began, and leaves out all but the first of each group.
func inOrder(joined []Membership) []Membership {
	if len(joined) < 2 {
		return joined
	}
	byTime := func(a, b Membership) int { return cmp.Compare(a.Joined, b.Joined) }
	byGroup := func(a, b Membership) int { return cmp.Compare(a.Group.Name, b.Group.Name) }
	slices.SortFunc(joined, func(a, b Membership) int { return cmp.Or(byGroup(a, b), byTime(a, b)) })
	joined = slices.CompactFunc(joined, func(a, b Membership) bool { return byGroup(a, b) == 0 })
	slices.SortStableFunc(joined, byTime)
	return joined
}

// complete reports whether the reader has all members of a group in pages. Where a group that has moved there is seen before its
// pages, spec.groups still tells who is a member: nobody leaves a group by its moving.
func complete(ctx context.Context, reader client.Reader, group *v1alpha1.ScimGroup) (bool, error) {
	if !InPages(group) {
		return false, nil
	}
	pages, err := Pages(ctx, reader, group)
	return len(pages) == len(group.Spec.Pages), err
}

// Of returns the direct members of a group, by id and each once, as far as the reader knows its pages. The reader needs the
// indexes. A member need not exist.
func Of(ctx context.Context, reader client.Reader, group *v1alpha1.ScimGroup) ([]v1alpha1.GroupMember, error) {
	if !InPages(group) {
		return legacyMembers(ctx, reader, group)
	}
	pages, err := Pages(ctx, reader, group)
	if err != nil {
		return nil, err
	}
	return Merge(group, pages), nil
}

// Pages returns those of a group's pages that the reader has, in the order of spec.pages. They are the reader's own: read only.
func Pages(ctx context.Context, reader client.Reader, group *v1alpha1.ScimGroup) ([]*v1alpha1.ScimGroupPage, error) {
	if !InPages(group) || len(group.Spec.Pages) == 0 {
		return nil, nil
	}
	found, err := pagesUnder(ctx, reader, group.Namespace, pagesByGroup, group.Name)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*v1alpha1.ScimGroupPage, len(found))
	for _, page := range found {
		byName[page.Name] = page
	}
	pages := make([]*v1alpha1.ScimGroupPage, 0, len(group.Spec.Pages))
	for _, number := range group.Spec.Pages {
		if page := byName[PageName(group.Name, number)]; page != nil {
			pages = append(pages, page)
		}
	}
	return pages, nil
}

// Merge returns the members that a group and its pages hold, by id and each once, with the earliest time of joining.
func Merge(group *v1alpha1.ScimGroup, pages []*v1alpha1.ScimGroupPage) []v1alpha1.GroupMember {
	total := len(group.Spec.Members)
	for _, page := range pages {
		total += len(page.Spec.Members)
	}
	members := append(make([]v1alpha1.GroupMember, 0, total), group.Spec.Members...)
	for _, page := range pages {
		members = append(members, page.Spec.Members...)
	}
	return once(members)
}

// once sorts members by id and leaves out all but the first time of joining of each.
func once(members []v1alpha1.GroupMember) []v1alpha1.GroupMember {
	slices.SortFunc(members, func(a, b v1alpha1.GroupMember) int {
		if order := cmp.Compare(a.ID, b.ID); order != 0 {
			return order
		}
		return cmp.Compare(a.Joined, b.Joined)
	})
	return slices.CompactFunc(members, func(a, b v1alpha1.GroupMember) bool { return a.ID == b.ID })
}

// Changed returns the ids of who is in one of two lists of members only, or joined at another time, each once. For an object before
// and after a change those are whose groups, or their order, have changed. What a page holds that a group lists anew, or no
// longer, is to be added.
func Changed(old, current []v1alpha1.GroupMember) []string {
	was, is := joins(old), joins(current)
	var ids []string
	for id, joined := range is {
		if before, ok := was[id]; !ok || before != joined {
			ids = append(ids, id)
		}
	}
	for id := range was {
		if _, ok := is[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// joins is when each member has joined first.
func joins(members []v1alpha1.GroupMember) map[string]int64 {
	first := make(map[string]int64, len(members))
	for _, m := range members {
		if earlier, ok := first[m.ID]; !ok || m.Joined < earlier {
			first[m.ID] = m.Joined
		}
	}
	return first
}

func joinedAt(members []v1alpha1.GroupMember, id string) int64 {
	var joined int64
	found := false
	for i := range members {
		if members[i].ID == id && (!found || members[i].Joined < joined) {
			joined, found = members[i].Joined, true
		}
	}
	return joined
}

// get returns nil for a group that does not exist or is being deleted.
func get(ctx context.Context, reader client.Reader, tenant, id string) (*v1alpha1.ScimGroup, error) {
	group, err := kube.Held[v1alpha1.ScimGroup](ctx, reader, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read a group: %w", err)
	}
	if group == nil || group.DeletionTimestamp != nil {
		return nil, nil
	}
	return group, nil
}

// Affected returns the ids of those whose groups a change of a group may have changed, as far as the reader has its pages: when
// a page comes later, its own event tells of it, as does a user's whose spec.groups has changed. old is nil for a new group,
// current for one that is gone.
func Affected(ctx context.Context, reader client.Reader, old, current *v1alpha1.ScimGroup) ([]string, error) {
	if old == nil || current == nil {
		members, err := Of(ctx, reader, cmp.Or(old, current))
		return memberIDs(members), err
	}
	if InPages(old) != InPages(current) {
		return moved(ctx, reader, old, current)
	}
	ids := Changed(old.Spec.Members, current.Spec.Members)
	if slices.Equal(old.Spec.Pages, current.Spec.Pages) {
		return ids, nil
	}
	before, err := Pages(ctx, reader, old)
	if err != nil {
		return nil, err
	}
	after, err := Pages(ctx, reader, current)
	if err != nil {
		return nil, err
	}
	for _, page := range append(before, after...) {
		if Lists(old, page) != Lists(current, page) {
			ids = append(ids, memberIDs(page.Spec.Members)...)
		}
	}
	return ids, nil
}

// moved is Affected for a group that has moved to pages. Who has been a member before and after joined at the same time.
func moved(ctx context.Context, reader client.Reader, old, current *v1alpha1.ScimGroup) ([]string, error) {
	before, err := Of(ctx, reader, old)
	if err != nil {
		return nil, err
	}
	after, err := Of(ctx, reader, current)
	return Changed(before, after), err
}
