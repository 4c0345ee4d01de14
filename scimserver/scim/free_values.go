package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"rservice.dev/scim-operator/api/fold"
)

// normalizeFree is normalize for an attribute without a schema: a copy without the members of
// objects that are null, or nil if nothing is left.
func (a *Attribute) normalizeFree(v any) any {
	if a.MultiValued {
		v = asList(v)
	}
	return freeValue(v)
}

func freeValue(v any) any {
	if v = withoutNulls(v); unassigned(v) {
		return nil
	}
	return v
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

// freeKey returns a text that is equal for values without a schema that count as the same: by
// default no attribute is case exact (RFC 7643 section 2.2), and numbers are the same by what they come to.
func freeKey(v any) string { return string(appendFreeKey(nil, v)) }

func appendFreeKey(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, fold.String(v))
	case []any:
		dst = append(dst, '[')
		for _, element := range v {
			dst = append(appendFreeKey(dst, element), ',')
		}
		return append(dst, ']')
	case map[string]any:
		lower := make(map[string]string, len(v))
		for name := range v {
			lower[lowerASCII(name)] = name
		}
		dst = append(dst, '{')
		for _, name := range slices.Sorted(maps.Keys(lower)) {
			dst = append(appendString(dst, name), ':')
			dst = append(appendFreeKey(dst, v[lower[name]]), ',')
		}
		return append(dst, '}')
	default:
		text, _ := numberText(v)
		if stored, err := canonicalNumber(json.Number(text)); err == nil {
			return append(dst, stored...)
		}
		return append(dst, text...) // what cannot be stored is like nothing that is
	}
}

// freeListing is listing for an attribute without a schema. What is no object stands for itself,
// and for values whose "value" it is.
func freeListing(items []any) (func(element any) bool, error) {
	simple := map[string]bool{}
	var wanted []map[string]string
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			simple[freeKey(item)] = true
			continue
		}
		want := make(map[string]string, len(object))
		for name, v := range object {
			if !unassigned(v) {
				want[name] = freeKey(v)
			}
		}
		if len(want) > 0 {
			wanted = append(wanted, want)
		}
	}
	if len(wanted) > MaxValues {
		return nil, invalidValue("at most %d objects can be removed at once", MaxValues)
	}
	return func(element any) bool {
		object, ok := element.(map[string]any)
		if !ok {
			object = map[string]any{"value": element}
		}
		known := &names{of: object}
		if name, has := known.find("value"); has && simple[freeKey(object[name])] || simple[freeKey(element)] {
			return true
		}
		return slices.ContainsFunc(wanted, func(want map[string]string) bool { return known.matches(want) })
	}, nil
}

// matches reports whether the object has all of these members.
func (n *names) matches(want map[string]string) bool {
	for name, key := range want {
		spelt, has := n.find(name)
		if !has || freeKey(n.of[spelt]) != key {
			return false
		}
	}
	return true
}
