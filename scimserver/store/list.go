package store

import (
	"context"
	"slices"

	"rservice.dev/scim-operator/scimserver/scim"
)

// Query asks for part of the resources of a kind, or of all kinds.
type Query struct {
	// Filter limits the resources; nil means all.
	Filter *scim.Filter
	// Sort is the order; nil means by id, which is the order of creation.
	Sort *scim.Sort
	// Page is the part wanted. With ByCursor it is relative to From.
	Page scim.Page
	// From is where a page by cursor begins; nil means at the first match.
	From *Position
	// WithMembers asks for the members of groups, WithGroups for the groups of users.
	WithMembers, WithGroups bool
	// Admit is asked before the members of the page's groups are looked up, with how many the groups together note that
	// they have. Its error ends the List; nil lets all pass.
	Admit Gate
	// Each takes the resources of the page one after the other, so that they are not all held at the same time: one is
	// good until Each returns. Its error ends the List; nil leaves the resources in the Page.
	Each func(rt *scim.ResourceType, r scim.Resource) error
	// Long is called once before more than Quick resources are looked at of those that an index has found, which Scans cannot
	// tell. Its error ends the List; nil lets all pass.
	Long  func() error
	Quick int
	// BaseURL is what addresses start with, meta.location and $ref, for a filter or an order that may
	// look at them; "" if none does.
	BaseURL string
}

// quickTerms is up to how many conditions of a filter are quickly looked at: a resource may have ten thousand values for each.
const quickTerms = 16

// Scans reports whether List has to look at more than one page of resources, or at the
// members of a page of groups, or for very much in what it looks at: what one client should not do many times at once.
func (q *Query) Scans(rt *scim.ResourceType) bool {
	if q.Filter == nil {
		return q.Sort != nil || q.WithMembers && rt != scim.User
	}
	if q.Filter.Terms() > quickTerms {
		return true
	}
	for _, condition := range q.Filter.EqualityConstraints() {
		if indexed(rt, condition.Path) {
			return false
		}
	}
	return true
}

// Position is a place between two pages of a cursor.
type Position struct {
	// Key is the place of the resource next to the page wanted. It need not exist any more.
	Key scim.SortKey
	// Backward asks for the page before Key, not for the one behind it.
	Backward bool
	// Seen is Page.Seen of the page that the position is from: this page is cut out
	// of a set that is not older, whichever replica does it.
	Seen Revision
}

// Page is the answer to a Query.
type Page struct {
	// Resources and Types are empty if Query.Each has taken the resources.
	Resources []scim.Resource
	// Types has the type of each resource.
	Types []*scim.ResourceType
	// Total is the number of matches on all pages.
	Total int
	// First and Last are the places of the first and the last resource; they are
	// only set if there are any.
	First, Last scim.SortKey
	// Before and After say whether there are matches before First and behind Last.
	Before, After bool
	// Seen is how much of the tenant's history the page includes at least.
	Seen Revision
}

// List returns a page of the resources of a type, or with rt nil of all types.
//
// Without filter and order a page is cut out of an index. With an equality on an
// indexed attribute in every match only the index's candidates are read. Any
// other filter, and every order, looks at all resources of the tenant in the
// cache, one after the other, and keeps of each match only what decides its place.
func (s *Store) List(ctx context.Context, tenant string, rt *scim.ResourceType, q Query) (Page, error) {
	if err := s.waitForWrites(ctx); err != nil {
		return Page{}, err
	}
	if q.From != nil {
		if err := s.waitFor(ctx, q.From.Seen); err != nil {
			return Page{}, err
		}
	}
	// Before anything is read: the page may include more, but never less.
	seen := s.seen()
	page, err := s.list(ctx, tenant, rt, q)
	page.Seen = seen
	return page, err
}

func (s *Store) list(ctx context.Context, tenant string, rt *scim.ResourceType, q Query) (Page, error) {
	if rt != nil && q.Filter == nil && q.Sort == nil {
		return s.cutIndex(ctx, tenant, rt, q)
	}
	e, err := s.examination(ctx, tenant, q)
	if err != nil {
		return Page{}, err
	}
	types := scim.ResourceTypes()
	if rt != nil {
		types = []*scim.ResourceType{rt}
	}
	var matches []match
	for _, rt := range types {
		if q.Filter != nil && !q.Filter.CanMatch(rt) {
			continue
		}
		if matches, err = s.appendMatches(ctx, matches, tenant, rt, e); err != nil {
			return Page{}, err
		}
	}
	if q.Sort != nil || len(types) > 1 {
		slices.SortFunc(matches, func(a, b match) int { return q.Sort.Compare(a.key, b.key) })
	}
	return s.cutMatches(ctx, tenant, e, matches)
}

// cutIndex cuts a page out of the ordered index of a kind.
func (s *Store) cutIndex(ctx context.Context, tenant string, rt *scim.ResourceType, q Query) (Page, error) {
	ids, from, total := s.index(rt).order.cut(tenant, func(ids []string) (from, to int) {
		return q.bounds(len(ids), func(i int) scim.SortKey { return scim.SortKey{ID: ids[i]} })
	})
	page := newPage(len(ids), from, total)
	if rt == scim.Group {
		if err := s.admit(ctx, tenant, &q, ids); err != nil {
			return Page{}, err
		}
	}
	by := q.maker()
	// The order includes this process's writes, and what it deleted is not in it.
	for i, id := range ids {
		m := match{rt: rt, key: scim.SortKey{ID: id}}
		if err := s.load(ctx, tenant, &m, q.WithMembers, by); err != nil {
			return Page{}, err
		}
		if err := s.hand(ctx, &q, &page, m, i == 0, by); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// maker returns who makes what is handed out one by one.
func (q *Query) maker() *maker {
	if q.Each == nil {
		return nil
	}
	return &maker{}
}

func newPage(count, from, total int) Page {
	return Page{
		Resources: make([]scim.Resource, 0, count), Types: make([]*scim.ResourceType, 0, count),
		Total: total, Before: from > 0, After: from+count < total,
	}
}

// hand adds the next match to a page, or hands it to q.Each. One whose resource has just gone still marks the place.
func (s *Store) hand(ctx context.Context, q *Query, p *Page, m match, first bool, by *maker) error {
	if first {
		p.First = m.key
	}
	p.Last = m.key
	if m.user != nil && q.WithGroups {
		if err := s.addGroups(ctx, m.user, m.resource, by); err != nil {
			return err
		}
	}
	switch {
	case m.resource == nil:
	case q.Each != nil:
		return q.Each(m.rt, m.resource)
	default:
		listMembers(m.resource)
		p.Resources, p.Types = append(p.Resources, m.resource), append(p.Types, m.rt)
	}
	return nil
}

// admit asks q.Admit whether the members of these groups may be looked up.
func (s *Store) admit(ctx context.Context, tenant string, q *Query, groups []string) error {
	if q.Admit == nil || !q.WithMembers {
		return nil
	}
	total := 0
	for _, id := range groups {
		stored, err := s.loadGroup(ctx, tenant, id)
		if err != nil {
			return err
		}
		if stored != nil {
			total += stored.count()
		}
	}
	return q.Admit(total)
}

// bounds returns the part that is wanted of n places in order.
func (q *Query) bounds(n int, at func(int) scim.SortKey) (from, to int) {
	if q.From == nil {
		from = min(q.Page.StartIndex-1, n)
		return from, min(from+q.Page.Count, n)
	}
	// Binary search for the first place behind Key, or going backward for the first that is not before it.
	low, high := 0, n
	for low < high {
		middle := low + (high-low)/2
		order := q.Sort.Compare(at(middle), q.From.Key)
		if order < 0 || order == 0 && !q.From.Backward {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if q.From.Backward {
		return max(0, low-q.Page.Count), low
	}
	return low, min(low+q.Page.Count, n)
}
