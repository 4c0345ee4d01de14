package scim

import "strings"

// Projection selects the attributes of an answer (RFC 7644 sections 3.4.2.5
// and 3.9). It is safe for concurrent use.
type Projection struct {
	rt       *ResourceType
	only     selection
	excluded selection
	limited  bool
}

// selection maps a top-level key ("emails", or the URN of an extension) to what is selected of it.
// A URN whose schema is not known is in lower case; only a resource tells where in a path
// the URN ends, so that each path is there under all that may be its URN.
type selection map[string]*choice

// choice selects a whole value, or the named parts of it. Parts of what has no schema are named in lower case.
type choice struct {
	whole bool
	parts selection
}

// ParseProjection reads the query parameters attributes and excludedAttributes,
// each a list of attribute paths; elements may hold several paths separated by
// commas. Names that do not exist select nothing. If both are given,
// excludedAttributes takes away from what attributes selects. What is not an
// attribute path is 400 invalidValue.
func ParseProjection(rt *ResourceType, attributes, excludedAttributes []string) (*Projection, error) {
	only, limited, err := parseSelection(rt, "attributes", attributes)
	if err != nil {
		return nil, err
	}
	excluded, _, err := parseSelection(rt, "excludedAttributes", excludedAttributes)
	if err != nil {
		return nil, err
	}
	return &Projection{rt: rt, only: only, excluded: excluded, limited: limited}, nil
}

func parseSelection(rt *ResourceType, parameter string, paths []string) (selection, bool, error) {
	selected, given := selection{}, false
	for _, list := range paths {
		for path := range strings.SplitSeq(list, ",") {
			path = strings.TrimSpace(path)
			if path == "" {
				continue
			}
			if strings.ContainsAny(path, " []()\"") {
				return nil, false, invalidValue("%s must be a list of attribute names separated by commas", parameter)
			}
			given = true
			selected.add(rt, path)
		}
	}
	return selected, given, nil
}

func (s selection) add(rt *ResourceType, path string) {
	found := rt.resolve(path)
	switch {
	case found.problem != "":
	case found.container == rt.Schema.ID:
		for _, a := range rt.Schema.Attributes {
			s.at(a.Name).whole = true
		}
	case found.container != "":
		s.at(found.container).whole = true
	case found.attr == nil:
		s.addFree(found.dynamic)
	default:
		c := s
		if found.urn != "" {
			c = c.at(found.urn).parts
		}
		if found.sub == nil {
			c.at(found.attr.Name).whole = true
		} else {
			c.at(found.attr.Name).parts.at(found.sub.Name).whole = true
		}
	}
}

// addFree adds a path whose schema is not known.
func (s selection) addFree(path string) {
	path = lowerASCII(path)
	if urn, rest, ok := splitCustomFields(path); ok && reservedField(rest) {
		path = urn // the list of all fields
	}
	for i := len("urn:"); i < min(len(path), maxURN); i++ {
		if path[i] != ':' {
			continue
		}
		c := s.at(path[:i])
		for name := range strings.SplitSeq(path[i+1:], ".") {
			c = c.parts.at(name)
		}
		c.whole = true
	}
	s.at(path).whole = true
}

// find returns the choice for a member of a value. A name without a schema may have dots.
func (s selection) find(name string, free bool) *choice {
	if !free {
		return s[name]
	}
	name = lowerASCII(name)
	if c := s[name]; c != nil {
		return c
	}
	for head := range strings.SplitSeq(name, ".") {
		c := s[head]
		if c == nil || c.whole {
			return c
		}
		s = c.parts
	}
	return &choice{parts: s}
}

func (s selection) at(key string) *choice {
	c, ok := s[key]
	if !ok {
		c = &choice{parts: selection{}}
		s[key] = c
	}
	return c
}

// Includes reports whether any part of the attribute with this canonical
// top-level name may be part of an answer, so that a store need not load "members" in vain.
func (p *Projection) Includes(name string) bool {
	if a := p.rt.Attribute(name); a != nil {
		switch a.Returned {
		case ReturnedAlways:
			return true
		case ReturnedNever:
			return false
		}
	}
	if c, ok := p.excluded[name]; ok && c.whole {
		return false
	}
	_, selected := p.only[name]
	return selected || !p.limited
}

// Apply returns the selected attributes, and those that are always returned.
// Parts of the result may be shared with res.
func (p *Projection) Apply(res Resource) Resource {
	if !p.limited && len(p.excluded) == 0 {
		return res
	}
	out := make(Resource, len(res))
	for key, v := range res {
		if v := p.top(key, v); v != nil {
			out[key] = v
		}
	}
	return out
}

// top projects one top-level attribute or extension; nil leaves it out.
func (p *Projection) top(key string, v any) any {
	a := p.rt.index[key]
	free := a == nil && IsURN(key) && p.rt.Extension(key) == nil
	if a != nil {
		switch a.Returned {
		case ReturnedAlways:
			return v
		case ReturnedNever:
			return nil
		}
	}
	var only *choice
	if p.limited {
		if only = p.only.find(key, free); only == nil {
			only = &choice{}
		}
	}
	return selectParts(v, free, only, p.excluded.find(key, free))
}

// selectParts takes from v what only selects (all of it if nil) and excluded does not. free
// says that the parts of v have no schema.
func selectParts(v any, free bool, only, excluded *choice) any {
	if excluded != nil && excluded.whole || only != nil && !only.whole && len(only.parts) == 0 {
		return nil
	}
	if (only == nil || only.whole) && (excluded == nil || len(excluded.parts) == 0) {
		return v
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			if part := selectParts(element, free, only, excluded); part != nil {
				out = append(out, part)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case map[string]any:
		return selectMembers(v, free, only, excluded)
	default:
		if free && selectMembers(map[string]any{"value": v}, free, only, excluded) == nil {
			return nil
		}
		return v
	}
}

func selectMembers(object map[string]any, free bool, only, excluded *choice) any {
	out := make(map[string]any, len(object))
	for name, v := range object {
		var wanted, unwanted *choice
		if only != nil && !only.whole {
			if wanted = only.parts.find(name, free); wanted == nil {
				continue
			}
		}
		if excluded != nil {
			unwanted = excluded.parts.find(name, free)
		}
		if part := selectParts(v, free, wanted, unwanted); part != nil {
			out[name] = part
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
