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
type selection map[string]*choice

// choice selects a whole value, or the named parts of it.
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
		s.at(lowerASCII(found.dynamic)).whole = true
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
	if a == nil && IsURN(key) && p.rt.Extension(key) == nil {
		return p.unknown(key, v)
	}
	var only *choice
	if p.limited {
		if only = p.only[key]; only == nil {
			only = &choice{}
		}
	}
	var parts []*Attribute
	if a != nil {
		switch a.Returned {
		case ReturnedAlways:
			return v
		case ReturnedNever:
			return nil
		}
		parts = a.SubAttributes
	} else if extension := p.rt.Extension(key); extension != nil {
		parts = extension.Attributes
	}
	return selectParts(v, parts, only, p.excluded[key])
}

// unknown projects an extension whose schema is not known. It is selected as a
// whole, also by a path to one of its attributes.
func (p *Projection) unknown(key string, v any) any {
	if p.excluded[lowerASCII(key)] != nil {
		return nil
	}
	if !p.limited {
		return v
	}
	for path := range p.only {
		if _, ok := cutURN(path, key); ok {
			return v
		}
	}
	return nil
}

// selectParts takes from v what only selects (all of it if nil) and excluded does not. attributes describes the parts of v.
func selectParts(v any, attributes []*Attribute, only, excluded *choice) any {
	if excluded != nil && excluded.whole || only != nil && !only.whole && len(only.parts) == 0 {
		return nil
	}
	if (only == nil || only.whole) && excluded == nil {
		return v
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			if part := selectParts(element, attributes, only, excluded); part != nil {
				out = append(out, part)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case map[string]any:
		return selectMembers(v, attributes, only, excluded)
	default:
		return v
	}
}

func selectMembers(object map[string]any, attributes []*Attribute, only, excluded *choice) any {
	out := make(map[string]any, len(object))
	for _, a := range attributes {
		v, ok := object[a.Name]
		if !ok {
			continue
		}
		var wanted, unwanted *choice
		if only != nil && !only.whole {
			if wanted = only.parts[a.Name]; wanted == nil {
				continue
			}
		}
		if excluded != nil {
			unwanted = excluded.parts[a.Name]
		}
		if part := selectParts(v, a.SubAttributes, wanted, unwanted); part != nil {
			out[a.Name] = part
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
