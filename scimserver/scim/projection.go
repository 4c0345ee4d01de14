package scim

import (
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/customfields"
)

// Limits of the parameters attributes and excludedAttributes.
const (
	// MaxSelectedPaths is how many attribute paths one of them may have.
	MaxSelectedPaths = 1000
	// maxSelectedPath is how long one path may be, in bytes: a URN, and names behind it.
	maxSelectedPath = 2 * maxURN
)

// Projection selects the attributes of an answer (RFC 7644 sections 3.4.2.5
// and 3.9). It is safe for concurrent use.
type Projection struct {
	rt       *ResourceType
	only     choice
	excluded choice
	limited  bool
}

// choice selects a whole value, or some of its members.
type choice struct {
	whole bool
	// parts has the members with a schema by their canonical names, those of a resource being
	// its attributes and the URNs of its extensions.
	parts map[string]*choice
	// paths are those without a schema that lead into the value, whole, in lower case and in
	// order, and at is where in them its members begin. Only a resource tells where in a path the
	// URN and the names end, so that they are compared with what it has.
	paths []string
	at    int
}

// ParseProjection reads the query parameters attributes and excludedAttributes,
// each a list of attribute paths; elements may hold several paths separated by
// commas. Names that do not exist select nothing. If both are given,
// excludedAttributes takes away from what attributes selects. What is not an
// attribute path, one longer than two KiB and more than MaxSelectedPaths are 400 invalidValue.
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

func parseSelection(rt *ResourceType, parameter string, paths []string) (choice, bool, error) {
	selected, given := choice{}, 0
	for _, list := range paths {
		for path := range strings.SplitSeq(list, ",") {
			path = strings.TrimSpace(path)
			if path == "" {
				continue
			}
			if strings.ContainsAny(path, " []()\"") {
				return choice{}, false, invalidValue("%s must be a list of attribute names separated by commas", parameter)
			}
			if len(path) > maxSelectedPath {
				return choice{}, false, invalidValue("a path in %s is longer than %d characters", parameter, maxSelectedPath)
			}
			if given++; given > MaxSelectedPaths {
				return choice{}, false, invalidValue("%s has more than %d paths", parameter, MaxSelectedPaths)
			}
			selected.add(rt, path)
		}
	}
	slices.Sort(selected.paths)
	return selected, given > 0, nil
}

// add adds a path to what is selected of a resource.
func (c *choice) add(rt *ResourceType, path string) {
	found := rt.resolve(path)
	switch {
	case found.problem != "":
	case found.container == rt.Schema.ID:
		for _, a := range rt.Schema.Attributes {
			c.part(a.Name).whole = true
		}
	case found.container != "":
		c.part(found.container).whole = true
	case found.attr == nil:
		path = lowerASCII(found.dynamic)
		if urn, rest, ok := splitCustomFields(path); ok && customfields.IsReserved(rest) {
			path = urn // the list of all fields
		}
		c.paths = append(c.paths, path)
	default:
		if found.urn != "" {
			c = c.part(found.urn)
		}
		c = c.part(found.attr.Name)
		if found.sub != nil {
			c = c.part(found.sub.Name)
		}
		c.whole = true
	}
}

// part returns the choice for a member with a schema, to be changed.
func (c *choice) part(name string) *choice {
	if c.parts == nil {
		c.parts = map[string]*choice{}
	}
	if c.parts[name] == nil {
		c.parts[name] = &choice{}
	}
	return c.parts[name]
}

// empty reports whether nothing is selected.
func (c *choice) empty() bool { return !c.whole && len(c.parts) == 0 && len(c.paths) == 0 }

// find returns the choice for a member of a value; nil if nothing of it is selected. A name without a schema may have
// dots: what its beginning selects has it, too.
func (c *choice) find(name string, free bool) *choice {
	if !free {
		return c.parts[name]
	}
	name = lowerASCII(name)
	for i := range min(len(name), maxSelectedPath) {
		if name[i] == '.' {
			if _, whole := c.search(name[:i]); whole {
				return &choice{whole: true}
			}
		}
	}
	return c.behind(name, ".")
}

// behind returns the choice for a member whose name ends in the paths where the separator is.
func (c *choice) behind(name, separator string) *choice {
	if len(c.paths) == 0 || len(name) > maxSelectedPath {
		return nil
	}
	_, whole := c.search(name)
	prefix := name + separator
	start, _ := c.search(prefix)
	end, _ := c.search(prefix + "\xff") // which no path has
	if !whole && start == end {
		return nil
	}
	return &choice{whole: whole, paths: c.paths[start:end], at: c.at + len(prefix)}
}

// search returns where a name is, or would be, among the paths from where the members begin.
func (c *choice) search(name string) (int, bool) {
	return slices.BinarySearchFunc(c.paths, name, func(path, name string) int { return strings.Compare(path[c.at:], name) })
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
	if c := p.excluded.parts[name]; c != nil && c.whole {
		return false
	}
	_, selected := p.only.parts[name]
	return selected || !p.limited
}

// Apply returns the selected attributes, and those that are always returned.
// Parts of the result may be shared with res.
func (p *Projection) Apply(res Resource) Resource {
	if !p.limited && p.excluded.empty() {
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
	of := func(c *choice) *choice {
		if free {
			return c.behind(lowerASCII(key), ":")
		}
		return c.parts[key]
	}
	var only *choice
	if p.limited {
		if only = of(&p.only); only == nil {
			return nil
		}
	}
	return selectParts(v, free, only, of(&p.excluded))
}

// selectParts takes from v what only selects (all of it if nil) and excluded does not. free
// says that the parts of v have no schema.
func selectParts(v any, free bool, only, excluded *choice) any {
	if excluded != nil && excluded.whole || only != nil && only.empty() {
		return nil
	}
	if (only == nil || only.whole) && (excluded == nil || excluded.empty()) {
		return v
	}
	switch v := v.(type) {
	case Stream:
		return v.selectFrom(only, excluded)
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
			if wanted = only.find(name, free); wanted == nil {
				continue
			}
		}
		if excluded != nil {
			unwanted = excluded.find(name, free)
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
