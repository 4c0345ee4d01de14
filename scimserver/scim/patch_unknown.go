package scim

import (
	"maps"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// The limits of extensions whose schema is not known.
const (
	// MaxUnknownExtensions is how many of them a resource may have.
	MaxUnknownExtensions = 16
	// MaxUnknownSize is how long one of them may be, in bytes of JSON.
	MaxUnknownSize = 32 * 1024
)

// applyUnknown applies an operation to an extension whose schema is not known,
// or to an attribute in it.
func (p *patcher) applyUnknown(op Op, t target, value any) error {
	if !fold.IsLine(t.dynamic) {
		return invalidPath("the path has control characters")
	}
	urn, rest := p.splitUnknown(t.dynamic, t.keyed, value)
	if _, _, ok := splitCustomFields(urn); ok {
		if entry, ok := value.(map[string]any); ok && t.entry {
			value = member(entry, "value")
		}
		var err error
		if op, rest, value, err = p.customFields(op, urn, rest, value); err != nil {
			return err
		}
	}
	given, _ := value.(map[string]any)
	value = withoutNulls(value)
	object, isObject := value.(map[string]any)
	switch {
	case rest == "" && op == OpRemove || rest == "" && value == nil && op == OpReplace:
		delete(p.res, urn)
	case value == nil && op == OpAdd:
	case rest == "" && !isObject:
		return invalidValue("%s must be an object of attributes", urn)
	case rest == "":
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if v := object[name]; v != nil || op == OpReplace {
				setUnknown(p.extension(urn), []string{name}, op, v)
			}
		}
	case op == OpRemove || value == nil:
		if p.res.Complex(urn) != nil {
			setUnknown(p.extension(urn), []string{rest}, OpRemove, nil)
		}
	default:
		setUnknown(p.extension(urn), []string{rest}, op, value)
	}
	if object, ok := p.res[urn].(map[string]any); ok && len(object) == 0 {
		delete(p.res, urn)
	}
	return nil
}

// splitUnknown tells which part of a path names the extension. The longest URN
// that the resource has, or that is known by name, decides; without one an
// object is taken as the extension itself, and another value as that of an
// attribute after the last colon. An object under a key, as opposed to one that
// is given for a path, always is the extension itself.
func (p *patcher) splitUnknown(path string, keyed bool, value any) (urn, rest string) {
	_, isObject := value.(map[string]any)
	urn, rest, custom := splitCustomFields(path)
	if urn = canonicalURN(urn); !custom {
		urn, rest, _ = splitKnownURN(path)
	}
	for key := range p.res {
		if after, ok := cutURN(path, key); ok && IsURN(key) && len(key) >= len(urn) {
			urn, rest = key, after
		}
	}
	if custom || urn != "" && (rest == "" || !keyed || !isObject) {
		return urn, rest
	}
	if isObject {
		return path, ""
	}
	if i := strings.LastIndexByte(path, ':'); i > len("urn:") && i < len(path)-1 {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// setUnknown changes the member that names lead to. object belongs to the
// caller, what is in it may be shared. A name is looked for as it is first, and
// then as names separated by dots.
func setUnknown(object map[string]any, names []string, op Op, value any) {
	key := spelling(object, names[0])
	if _, exists := object[key]; len(names) == 1 && !exists {
		if split := strings.Split(names[0], "."); len(split) > 1 {
			names, key = split, spelling(object, split[0])
		}
	}
	if len(names) == 1 {
		if value == nil {
			delete(object, key)
		} else {
			object[key] = combine(op, object[key], value)
		}
		return
	}
	inner := asMap(object[key])
	if inner == nil && value == nil {
		return
	}
	if inner = maps.Clone(inner); inner == nil {
		inner = map[string]any{}
	}
	setUnknown(inner, names[1:], op, value)
	if object[key] = inner; len(inner) == 0 {
		delete(object, key)
	}
}

// spelling returns the name as the object has it already.
func spelling(object map[string]any, name string) string {
	if _, ok := object[name]; ok {
		return name
	}
	for key := range object {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}

// combine returns what add or replace makes of a value without schema: add
// appends to arrays, both set the members of objects that the value names.
func combine(op Op, old, value any) any {
	switch old := old.(type) {
	case []any:
		if op != OpAdd {
			return value
		}
		out := slices.Clone(old)
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, element := range list {
			if !slices.ContainsFunc(out, func(e any) bool { return equalValues(e, element) }) {
				out = append(out, element)
			}
		}
		return out
	case map[string]any:
		object, ok := value.(map[string]any)
		if !ok {
			return value
		}
		out := maps.Clone(old)
		for name, v := range object {
			out[spelling(out, name)] = v
		}
		return out
	default:
		return value
	}
}

// withoutNulls returns a copy of a value without the members of objects that are null.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if member != nil {
				out[name] = withoutNulls(member)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutNulls(v[i])
		}
		return out
	default:
		return v
	}
}

// checkExtensions bounds the extensions whose schema is not known, and drops known ones that are empty.
func (p *patcher) checkExtensions() error {
	unknown := 0
	for _, urn := range p.res.extensionURNs() {
		object := p.res.Complex(urn)
		if p.rt.Extension(urn) != nil {
			if len(object) == 0 {
				delete(p.res, urn)
			}
			continue
		}
		if unknown++; unknown > MaxUnknownExtensions {
			return invalidValue("a resource can have at most %d extensions whose schema is not known", MaxUnknownExtensions)
		}
		e := encoder{}
		e.object(nil, object)
		if len(e.out) > MaxUnknownSize {
			return invalidValue("%s is longer than %d bytes", urn, MaxUnknownSize)
		}
	}
	return nil
}
