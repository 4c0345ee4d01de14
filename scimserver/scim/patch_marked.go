package scim

import "slices"

// applyMarked applies a list of values in which some are marked to be removed, as SCIM 1.1 section 3.2.2 had it: whatever
// the operation, those are removed and the others are added. scimgateway does so for values of a user, R-Service's own
// interface for members. It reports false for a list without such a mark. Where no schema is known "operation" is the client's own.
// In a POST or PUT the mark has no meaning; a value that bears it is refused, as taking it may be the opposite of what was meant.
func (p *patcher) applyMarked(op Op, t target, value any) (done bool, err error) {
	if op == OpRemove || t.attr.free {
		return false, nil
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	if !slices.ContainsFunc(list, isMarked) {
		return false, nil
	}
	if p.whole {
		return true, invalidValue("a value of %s has the operation delete, which is for PATCH only: leave the value out", t.attr.Name)
	}
	marked, rest := splitMarked(list)
	if err := p.removeValues(t, marked); err != nil || len(rest) == 0 {
		return true, err
	}
	return true, p.addValues(t, rest)
}

// splitMarked parts the values with "operation": "delete" from the others. A marked value without a "value" that says
// anything stands for all that have its other sub-attributes.
func splitMarked(list []any) (marked, rest []any) {
	for _, item := range list {
		if !isMarked(item) {
			rest = append(rest, item)
			continue
		}
		object := asMap(item)
		named := make(map[string]any, len(object))
		for name, v := range object {
			if v != "" {
				named[name] = v
			}
		}
		marked = append(marked, named)
	}
	return marked, rest
}

func isMarked(item any) bool {
	for name, v := range asMap(item) {
		if text, ok := v.(string); ok && lowerASCII(name) == "operation" && lowerASCII(text) == "delete" {
			return true
		}
	}
	return false
}
