package store

import (
	"context"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// match is a resource that belongs to the answer, on whatever page.
type match struct {
	rt  *scim.ResourceType
	key scim.SortKey
	// resource is nil if it is to be loaded again.
	resource scim.Resource
	// user is what resource was made of, if it lacks its groups: most of those that are looked at are not answered.
	user *v1alpha1.ScimUser
}

// keptMatches is how many resources are kept at most between examination and answer: a page holds them while its client
// reads, and a larger one rather loads them again.
const keptMatches = scim.DefaultCount

// examination is a query with what it needs to know of the members of groups.
type examination struct {
	Query
	// groups says that filter or order look at the groups of users.
	groups bool
	// members says that filter or order need all members of a group.
	members bool
	// named has, by group, those members that the filter names, if it looks at no others.
	named map[string][]any
}

// examination finds out which groups the members are in that the filter names, by their
// own lists of groups, so that it need not find all members of all groups.
func (s *Store) examination(ctx context.Context, tenant string, q Query) (*examination, error) {
	e := &examination{
		Query: q, members: q.Sort.Uses("members"),
		groups: q.Sort.Uses("groups") || q.Filter != nil && q.Filter.Uses("groups"),
	}
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

// announce calls Long, once, before more resources are looked at than Quick.
func (e *examination) announce(n int) error {
	if e.Long == nil || n <= e.Quick {
		return nil
	}
	long := e.Long
	e.Long = nil
	return long()
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
	ids, err := s.examinees(ctx, tenant, rt, e)
	if err != nil {
		return nil, err
	}
	spare := &maker{}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := match{rt: rt, key: scim.SortKey{ID: id}}
		if e.Filter != nil || e.Sort != nil {
			by := spare
			if len(matches) < min(e.Page.Count, keptMatches) {
				by = nil
			}
			matched, err := s.examine(ctx, tenant, &m, e, by)
			if err != nil {
				return nil, err
			}
			if !matched {
				continue
			}
			if by != nil {
				m.resource, m.user = nil, nil
			}
		}
		matches = append(matches, m)
	}
	return matches, nil
}

// examinees returns ids that include every match, in order. What this process has deleted is
// not among them, although an index may not know of it yet.
func (s *Store) examinees(ctx context.Context, tenant string, rt *scim.ResourceType, e *examination) ([]string, error) {
	if e.Filter != nil {
		ids, indexed, err := s.candidates(ctx, tenant, rt, e)
		if err != nil {
			return nil, err
		}
		if indexed {
			if err := e.announce(len(ids)); err != nil {
				return nil, err
			}
			slices.Sort(ids)
			return slices.DeleteFunc(ids, func(id string) bool { return s.index(rt).order.left(tenant, id) }), nil
		}
	}
	return s.index(rt).order.all(tenant), nil
}

// examine loads a resource, finds its place, and reports whether it is a match.
func (s *Store) examine(ctx context.Context, tenant string, m *match, e *examination, by *maker) (bool, error) {
	if err := s.load(ctx, tenant, m, e.members, by); err != nil || m.resource == nil {
		return false, err
	}
	if err := s.lookAtGroups(ctx, e, m, by); err != nil {
		return false, err
	}
	if listMembers(m.resource); !e.matches(m.rt, m.resource) {
		return false, nil
	}
	m.key = e.Sort.Key(m.resource)
	if m.rt == scim.Group && (e.WithMembers || e.members) {
		m.resource = nil // what is not admitted yet must not be held
	}
	return true, nil
}

// load gives a match its resource, or nil if that does not exist: a group with its members as a scim.Stream, if they are wanted, a
// user without its groups. The caller has waited for this process's writes. What by has made before is not good any more.
func (s *Store) load(ctx context.Context, tenant string, m *match, withMembers bool, by *maker) (err error) {
	by.begin()
	if m.rt == scim.User {
		if m.user, err = held[v1alpha1.ScimUser](ctx, s, tenant, m.key.ID); m.user != nil {
			m.resource, err = withoutGroups(m.user, by)
		}
		return err
	}
	group, err := s.loadGroup(ctx, tenant, m.key.ID)
	if group == nil || err != nil {
		return err
	}
	m.resource, err = s.groupResource(ctx, group, withMembers)
	return err
}

// lookAtGroups adds its groups to a user if the filter or the order looks at them.
func (s *Store) lookAtGroups(ctx context.Context, e *examination, m *match, by *maker) error {
	if m.user == nil || !e.groups {
		return nil
	}
	err := s.addGroups(ctx, m.user, m.resource, by)
	m.user = nil
	return err
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
	by := e.maker()
	for i, m := range matches {
		if m.resource == nil {
			if err := s.loadMatch(ctx, tenant, e, &m, by); err != nil {
				return Page{}, err
			}
		}
		matches[i].resource, matches[i].user = nil, nil
		if !e.WithMembers {
			delete(m.resource, "members") // which only the filter or the order has looked at
		}
		if err := s.hand(ctx, &e.Query, &page, m, i == 0, by); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// loadMatch loads a match again, a group's members as a scim.Stream. One that is none any more, because it has changed since it was
// examined, gets no resource.
func (s *Store) loadMatch(ctx context.Context, tenant string, e *examination, m *match, by *maker) error {
	if err := s.load(ctx, tenant, m, e.WithMembers || e.members, by); err != nil || m.resource == nil {
		return err
	}
	if err := s.lookAtGroups(ctx, e, m, by); err != nil {
		return err
	}
	streamed, has := m.resource["members"]
	if e.members {
		listMembers(m.resource)
	}
	if !e.matches(m.rt, m.resource) {
		m.resource, m.user = nil, nil
		return nil
	}
	if has {
		m.resource["members"] = streamed
	}
	return nil
}
