package store

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/scimserver/scim"
)

// match is a resource that belongs to the answer, on whatever page.
type match struct {
	rt  *scim.ResourceType
	key scim.SortKey
	// resource is nil if it is to be loaded again.
	resource scim.Resource
}

// keptMatches is how many resources are kept at most between examination and answer: a page holds them while its client
// reads, and a larger one rather loads them again.
const keptMatches = scim.DefaultCount

// examination is a query with what it needs to know of the members of groups.
type examination struct {
	Query
	// members says that filter or order need all members of a group.
	members bool
	// named has, by group, those members that the filter names, if it looks at no others.
	named map[string][]any
}

// examination finds out which groups the members are in that the filter names, by their
// own lists of groups, so that it need not find all members of all groups.
func (s *Store) examination(ctx context.Context, tenant string, q Query) (*examination, error) {
	e := &examination{Query: q, members: q.Sort.Uses("members")}
	if q.Filter == nil || e.members || !q.Filter.Uses("members") {
		return e, nil
	}
	ids, only := q.Filter.NamedValues("members")
	if !only {
		e.members = true
		return e, nil
	}
	e.named = make(map[string][]any)
	for _, id := range ids {
		m, groups, err := s.groupsOf(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		for _, group := range groups {
			e.named[group] = append(e.named[group], membersAttribute([]member{m})...)
		}
	}
	return e, nil
}

// matches reports whether a resource meets the filter. A group needs its members only if
// e.members says so.
func (e *examination) matches(rt *scim.ResourceType, r scim.Resource) bool {
	if e.named != nil {
		all, has := r["members"]
		delete(r, "members")
		if named := e.named[r.ID()]; named != nil {
			r["members"] = named
		}
		defer func() {
			if delete(r, "members"); has {
				r["members"] = all
			}
		}()
	}
	if e.BaseURL != "" {
		scim.Link(e.BaseURL, rt, r)
	}
	return e.Filter == nil || e.Filter.Match(r)
}

// appendMatches appends the matches of one type, in order of ids. The first ones, as many as a
// page has and keptMatches allows, keep their resources, so that a look-up by an index loads nothing twice.
func (s *Store) appendMatches(
	ctx context.Context, matches []match, tenant string, rt *scim.ResourceType, e *examination,
) ([]match, error) {
	ids, err := s.examinees(ctx, tenant, rt, e.Filter)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := match{rt: rt, key: scim.SortKey{ID: id}}
		if e.Filter != nil || e.Sort != nil {
			if m, err = s.examine(ctx, tenant, rt, id, e); err != nil {
				return nil, err
			}
			if m.rt == nil {
				continue
			}
		}
		if len(matches) >= min(e.Page.Count, keptMatches) {
			m.resource = nil
		}
		matches = append(matches, m)
	}
	return matches, nil
}

// examinees returns ids that include every match, in order. What this process has deleted is
// not among them, although an index may not know of it yet.
func (s *Store) examinees(ctx context.Context, tenant string, rt *scim.ResourceType, filter *scim.Filter) ([]string, error) {
	if filter != nil {
		ids, indexed, err := s.candidates(ctx, tenant, rt, filter)
		if err != nil {
			return nil, err
		}
		if indexed {
			return slices.DeleteFunc(ids, func(id string) bool { return s.index(rt).order.left(tenant, id) }), nil
		}
	}
	return s.index(rt).order.all(tenant), nil
}

// examine returns a match without a type if the resource is none.
func (s *Store) examine(ctx context.Context, tenant string, rt *scim.ResourceType, id string, e *examination) (match, error) {
	r, err := s.load(ctx, tenant, rt, id, e.members, client.DisableReadYourWritesConsistency)
	if err != nil || r == nil {
		return match{}, err
	}
	if listMembers(r); !e.matches(rt, r) {
		return match{}, nil
	}
	key := e.Sort.Key(r)
	if rt == scim.Group && (e.WithMembers || e.members) {
		r = nil // what is not admitted yet must not be held
	}
	return match{rt: rt, key: key, resource: r}, nil
}

// cutMatches cuts a page out of all matches, which are in order. While it hands them out, as slowly as the client reads,
// it holds those of the page only.
func (s *Store) cutMatches(ctx context.Context, tenant string, e *examination, matches []match) (Page, error) {
	from, to := e.bounds(len(matches), func(i int) scim.SortKey { return matches[i].key })
	page := newPage(to-from, from, len(matches))
	matches = slices.Clone(matches[from:to])
	for i := 1; i < len(matches)-1; i++ {
		matches[i].key.Value = "" // only the places of the first and the last are told
	}
	var groups []string
	for _, m := range matches {
		if m.rt == scim.Group {
			groups = append(groups, m.key.ID)
		}
	}
	if err := s.admit(ctx, tenant, &e.Query, groups); err != nil {
		return Page{}, err
	}
	for i, m := range matches {
		if m.resource == nil {
			var err error
			if m.resource, err = s.loadMatch(ctx, tenant, e, m); err != nil {
				return Page{}, err
			}
		}
		matches[i].resource = nil
		if !e.WithMembers {
			delete(m.resource, "members") // which only the filter or the order has looked at
		}
		if err := e.add(&page, m, i == 0); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// loadMatch loads a match again, a group's members as a scim.Stream. It returns nil for one that is none any more: it may
// have changed since it was examined.
func (s *Store) loadMatch(ctx context.Context, tenant string, e *examination, m match) (scim.Resource, error) {
	r, err := s.load(ctx, tenant, m.rt, m.key.ID, e.WithMembers || e.members, client.DisableReadYourWritesConsistency)
	if err != nil || r == nil {
		return nil, err
	}
	streamed, has := r["members"]
	if e.members {
		listMembers(r)
	}
	if !e.matches(m.rt, r) {
		return nil, nil
	}
	if has {
		r["members"] = streamed
	}
	return r, nil
}
