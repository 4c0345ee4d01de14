package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
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

// appendFreeKey appends a text that is equal for values without a schema that count as the same: by
// default no attribute is case exact (RFC 7643 section 2.2), and numbers are the same by what they come to.
func appendFreeKey(dst []byte, v any, texts folds) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, texts.of(v))
	case []any:
		dst = append(dst, '[')
		for _, element := range v {
			dst = append(appendFreeKey(dst, element, texts), ',')
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
			dst = append(appendFreeKey(dst, v[lower[name]], texts), ',')
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
