package store

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// allocation is what the objects of a group shall be.
type allocation struct {
	group        *v1alpha1.ScimGroup
	groupChanged bool
	// pages are all that there are, and changed those of them that are to be written.
	pages, changed []*v1alpha1.ScimGroupPage
	// chunks are the members of further pages.
	chunks [][]v1alpha1.GroupMember
}

// allocate says which object each member comes to and goes from, and leaves what it is given as it is. Whoever goes is taken out of
// every object that has it. Whoever comes fills first what is written anyway, then the first with room, then new pages.
func allocate(current *storedGroup, writes *groupWrites, room int) *allocation {
	next := &allocation{group: current.DeepCopy(), groupChanged: !writes.same}
	members := next.group.Spec.Members
	next.group.Spec = *writes.spec.DeepCopy()
	next.group.Spec.Members, next.group.Spec.Pages = members, current.numbers()
	here := make(map[string]bool, len(writes.add))
	for i := range writes.add {
		here[writes.add[i].ID] = false
	}
	keep := func(members []v1alpha1.GroupMember) ([]v1alpha1.GroupMember, bool) {
		stay := make([]v1alpha1.GroupMember, 0, len(members))
		for i := range members {
			if writes.remove[members[i].ID] {
				continue
			}
			if _, wanted := here[members[i].ID]; wanted {
				here[members[i].ID] = true
			}
			stay = append(stay, members[i])
		}
		return stay, len(stay) < len(members)
	}
	slots := make([]*slot, 0, 1+len(current.pages))
	stay, changed := keep(members)
	slots = append(slots, &slot{room: room, members: stay, changed: changed, written: changed || next.groupChanged})
	for _, page := range current.pages {
		stay, changed := keep(page.Spec.Members)
		slots = append(slots, &slot{room: room, members: stay, changed: changed, written: changed})
	}
	add := slices.DeleteFunc(slices.Clone(writes.add), func(m v1alpha1.GroupMember) bool { return here[m.ID] })
	for _, s := range slots {
		if s.written {
			add = s.fill(add)
		}
	}
	for _, s := range slots {
		add = s.fill(add)
	}
	next.chunks = slices.Collect(slices.Chunk(add, room))
	next.put(current, slots)
	return next
}

// put writes the slots, of which the first is the group's own, into copies of the objects.
func (next *allocation) put(current *storedGroup, slots []*slot) {
	if slots[0].changed {
		next.group.Spec.Members, next.groupChanged = slots[0].members, true
	}
	for i, page := range current.pages {
		if slot := slots[i+1]; slot.changed {
			page = page.DeepCopy()
			page.Spec.Members = slot.members
			next.changed = append(next.changed, page)
		}
		next.pages = append(next.pages, page)
	}
}

// nextNumber is the first number of a further page.
func (next *allocation) nextNumber() int32 {
	if len(next.group.Spec.Pages) == 0 {
		return 1
	}
	return slices.Max(next.group.Spec.Pages) + 1
}

// slot is what one object of a group is to hold.
type slot struct {
	room             int
	members          []v1alpha1.GroupMember
	changed, written bool
}

// fill adds as many members as there is room for, and returns the others.
func (s *slot) fill(add []v1alpha1.GroupMember) []v1alpha1.GroupMember {
	n := min(len(add), s.room-len(s.members))
	if n <= 0 {
		return add
	}
	s.members, s.changed, s.written = append(s.members, add[:n]...), true, true
	return add[n:]
}

// writePages makes the pages of a group that is about to be created with these members beyond its own, and lists them in it. What
// an earlier try has left under the same id is made equal: the claim says that the members are the same.
func (s *Store) writePages(
	ctx context.Context, group *v1alpha1.ScimGroup, members []v1alpha1.GroupMember, held *claim,
) ([]*v1alpha1.ScimGroupPage, error) {
	var pages []*v1alpha1.ScimGroupPage
	group.Spec.Pages = nil
	for chunk := range slices.Chunk(members, s.room) {
		number := int32(len(pages) + 1)
		pages = append(pages, newGroupPage(ctx, group.Namespace, group.Name, number, chunk, group.Spec.LastModified))
		group.Spec.Pages = append(group.Spec.Pages, number)
	}
	return pages, s.eachPage(ctx, pages, held, s.makePage)
}

// makePage creates a page, or makes what there is equal to it.
func (s *Store) makePage(ctx context.Context, page *v1alpha1.ScimGroupPage) error {
	wanted := page.Spec.Members
	err := s.client.Create(ctx, page)
	if apierrors.IsAlreadyExists(err) {
		if found, adoptErr := s.adopt(ctx, page); adoptErr != nil {
			return adoptErr
		} else if !found {
			return conflict(err) // the sweeper has just deleted it
		}
		if slices.EqualFunc(page.Spec.Members, wanted, func(a, b v1alpha1.GroupMember) bool { return a.ID == b.ID }) {
			s.pages.noteWrite(page)
			return nil
		}
		page.Spec.Members = wanted
		return s.updatePage(ctx, page, page.Spec.LastModified)
	}
	if err != nil {
		return refused(err, "create a page of members")
	}
	s.pages.noteWrite(page)
	return nil
}

// eachPage calls a function for pages, several at the same time, and keeps a claim alive that is held meanwhile.
func (s *Store) eachPage(
	ctx context.Context, pages []*v1alpha1.ScimGroupPage, held *claim, do func(context.Context, *v1alpha1.ScimGroupPage) error,
) error {
	for batch := range slices.Chunk(pages, pageCalls) {
		if err := s.keepAlive(ctx, held); err != nil {
			return err
		}
		var writers errgroup.Group // as in createPages
		for _, page := range batch {
			writers.Go(func() error { return do(ctx, page) })
		}
		if err := writers.Wait(); err != nil {
			return err
		}
	}
	return nil
}
