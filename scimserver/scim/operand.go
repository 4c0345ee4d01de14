package scim

import (
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// operand names the values that a filter or a projection looks at.
type operand struct {
	// urn is the key of the extension object that holds attr; empty for core
	// attributes and inside value paths.
	urn string
	// attr is an attribute of the scope; nil when the schema is not known.
	attr *Attribute
	// sub is set when a sub-attribute of attr is meant.
	sub *Attribute
	// dynamic is the path as written when the schema is not known: within a
	// resource the extension's URN and the attribute, such as
	// "urn:example:ext:1.0:color.name", within a value path the name alone.
	dynamic string
}

// String returns the canonical path.
func (o operand) String() string {
	if o.attr == nil {
		return o.dynamic
	}
	s := o.attr.Name
	if o.sub != nil {
		s += "." + o.sub.Name
	}
	if o.urn != "" {
		return o.urn + ":" + s
	}
	return s
}

// names reports whether the operand is, or is part of, the attribute with that canonical name.
func (o operand) names(name string) bool {
	if o.attr == nil {
		return fold.Equal(o.dynamic, name)
	}
	if o.urn != "" {
		return name == o.urn+":"+o.attr.Name
	}
	return o.attr.Name == name
}

// leaf is the attribute whose type and case rule apply to the values; nil when the schema is not known.
func (o operand) leaf() *Attribute {
	if o.sub != nil {
		return o.sub
	}
	return o.attr
}

// each calls test for every value and reports whether one passed. It calls test
// once with nil when there is no value at all, and with nil for a value that
// lacks the sub-attribute.
func (o operand) each(scope map[string]any, test func(any) bool) bool {
	if o.attr == nil {
		return eachDynamic(dynamicValue(scope, o.dynamic, false), test)
	}
	if o.urn != "" {
		scope, _ = scope[o.urn].(map[string]any)
	}
	switch v := scope[o.attr.Name].(type) {
	case []any:
		if len(v) == 0 {
			return test(nil)
		}
		for _, element := range v {
			if test(o.pick(element)) {
				return true
			}
		}
		return false
	default:
		return test(o.pick(v))
	}
}

func (o operand) pick(value any) any {
	if o.sub == nil {
		return value
	}
	m, _ := value.(map[string]any)
	return m[o.sub.Name]
}

func eachDynamic(v any, test func(any) bool) bool {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		if ok {
			v = nil
		}
		return test(v)
	}
	return slices.ContainsFunc(list, test)
}

// dynamicValue finds the value at a path whose schema is not known. An
// extension object is found under any key that the path starts with, because a
// URN alone does not tell where the schema's name ends. Of several values on
// the way all are followed, or with one the one that orders the resource.
func dynamicValue(scope map[string]any, path string, one bool) any {
	if !IsURN(path) {
		return descend(scope, path, one)
	}
	var found any
	longest, rest := "", ""
	for key, v := range scope {
		if after, ok := cutURN(path, key); ok && len(key) > len(longest) {
			found, longest, rest = v, key, after
		}
	}
	if rest == "" {
		return found
	}
	return descend(withList(longest, rest, found), rest, one)
}

// cutURN cuts the URN off a path, without regard to case.
func cutURN(path, urn string) (rest string, ok bool) {
	if len(path) < len(urn) || !strings.EqualFold(path[:len(urn)], urn) {
		return "", false
	}
	if len(path) == len(urn) {
		return "", true
	}
	if path[len(urn)] != ':' || len(path) == len(urn)+1 {
		return "", false
	}
	return path[len(urn)+1:], true
}

// descend follows a path of names separated by dots through objects, and through the values of
// arrays, or with one only through that which orders a resource.
func descend(v any, path string, one bool) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := spelling(v, path); ok {
			return v[name]
		}
		head, tail, dotted := strings.Cut(path, ".")
		if name, ok := spelling(v, head); ok && dotted {
			return descend(v[name], tail, one)
		}
		return nil
	case []any:
		if one {
			return descend(preferred(v), path, one)
		}
		var found []any
		for _, element := range v {
			if member := descend(element, path, one); member != nil {
				found = append(found, member)
			}
		}
		if found == nil {
			return nil
		}
		return found
	default:
		return nil
	}
}
