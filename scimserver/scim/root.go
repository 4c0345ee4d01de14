package scim

// Queries at the root of the server, such as POST /.search, are over resources
// of all types (RFC 7644 section 3.4.2.1). One filter and one order then apply
// to every resource: an attribute that a resource's type does not have is one
// without a value.

// ParseRootFilter is ParseFilter for resources of all types. An attribute that
// no type has is 400 invalidFilter. Filter.CanMatch tells which types to look at.
func ParseRootFilter(filter string) (*Filter, error) {
	root, err := parseFilter(filter, func(path string) (operand, error) { return filterOperand(resolveAny, path) })
	if err != nil {
		return nil, err
	}
	return newFilter(root), nil
}

// ParseRootSort is ParseSort for resources of all types.
func ParseRootSort(sortBy, sortOrder string) (*Sort, error) {
	return parseSort(resolveAny, sortBy, sortOrder)
}

// resolveAny finds what a path names in the first resource type that has it. A
// path counts as one into an extension without a schema only if no type knows its URN.
func resolveAny(path string) lookup {
	var out lookup
	for i, rt := range ResourceTypes() {
		found := rt.resolve(path)
		if found.attr != nil && found.problem == "" {
			return found
		}
		if i == 0 || out.problem == "" && found.problem != "" {
			out = found
		}
	}
	return out
}

// CanMatch reports whether a resource of that type may match. It is false for a
// filter that its attributes, or meta.resourceType, limit to other types; the
// EqualityConstraints are of no use for such a type.
func (f *Filter) CanMatch(rt *ResourceType) bool {
	holds, known := decide(f.root, rt)
	return holds || !known
}

// decide evaluates a filter as far as the resource type alone tells. known says whether it does.
func decide(n node, rt *ResourceType) (holds, known bool) {
	var target operand
	switch n := n.(type) {
	case *group:
		return decideGroup(n, rt)
	case *negation:
		holds, known = decide(n.inner, rt)
		return !holds, known
	case *comparison:
		target = n.target
	case *presence:
		target = n.target
	case *valuePath:
		target = n.target
	}
	if target.attr == nil || target.urn != "" {
		return false, false
	}
	if rt.Attribute(target.attr.Name) != nil && target.String() != "meta.resourceType" {
		return false, false
	}
	return n.match(Resource{"meta": map[string]any{"resourceType": rt.Name}}, nil), true
}

func decideGroup(g *group, rt *ResourceType) (holds, known bool) {
	known = true
	for _, term := range g.terms {
		termHolds, termKnown := decide(term, rt)
		if termKnown && termHolds != g.and {
			return !g.and, true
		}
		known = known && termKnown
	}
	return g.and, known
}
