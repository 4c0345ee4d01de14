package scim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Resource is a SCIM resource in canonical form: attribute names in the
// spelling of the table, extension objects under the canonical spelling of
// their URN (unknown URNs as the client spelt them), unassigned attributes left
// out.
//
// Values are string, bool, json.Number (numbers of unknown extensions, in the
// form in which they are stored), map[string]any for complex values and []any for multi-valued
// attributes, also when there is one value. Instants are RFC 3339 strings.
// float64, int and int64 are accepted where a Resource is read, but never made.
//
// Functions of this package treat a Resource as read-only and may share parts
// of it with their result; change a Clone instead.
type Resource map[string]any

// ID returns the id, or "".
func (r Resource) ID() string { return r.String("id") }

// String returns the string at a top-level attribute, or "".
func (r Resource) String(name string) string {
	s, _ := r[name].(string)
	return s
}

// Complex returns the complex value or extension object at a top-level key, or nil.
func (r Resource) Complex(name string) map[string]any {
	m, _ := r[name].(map[string]any)
	return m
}

// Values returns the values of a multi-valued attribute, or nil.
func (r Resource) Values(name string) []any {
	if values, ok := r[name].(Stream); ok {
		return values.values()
	}
	v, _ := r[name].([]any)
	return v
}

// Clone returns a deep copy.
func (r Resource) Clone() Resource {
	if r == nil {
		return nil
	}
	return Resource(cloneMap(r))
}

func cloneMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	default:
		return v
	}
}

// MemberIDs returns the ids of a group's members, each once, in their order.
func (r Resource) MemberIDs() []string {
	list, _ := r["members"].([]any)
	ids := make([]string, 0, len(list))
	seen := make(map[string]struct{}, len(list))
	add := func(element any) {
		id := elementValue(element)
		if _, dup := seen[id]; !dup && id != "" {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	switch members := r["members"].(type) {
	case []any:
		for _, m := range members {
			add(m)
		}
	case Stream:
		for m := range members {
			add(m)
		}
	case *MemberEdits:
		for m := range members.all() {
			add(m)
		}
	}
	return ids
}

// elementValue returns the "value" of a complex value, or "".
func elementValue(element any) string {
	m, _ := element.(map[string]any)
	s, _ := m["value"].(string)
	return s
}

// extensionURNs returns the URNs of the extension objects that are present, sorted.
func (r Resource) extensionURNs() []string {
	var urns []string
	for key, v := range r {
		if _, ok := v.(map[string]any); ok && IsURN(key) {
			urns = append(urns, key)
		}
	}
	slices.Sort(urns)
	return urns
}

// setSchemas derives the schemas attribute from what is present, as RFC 7643
// section 3 defines it. What the client listed is not looked at: lists are
// often incomplete, misspelt, or name schemas that are not used.
func (r Resource) setSchemas(rt *ResourceType) {
	urns := r.extensionURNs()
	if usual, ok := rt.usualSchemas[strings.Join(urns, " ")]; ok {
		r["schemas"] = usual
		return
	}
	schemas := []any{rt.Schema.ID}
	for _, urn := range urns {
		schemas = append(schemas, urn)
	}
	r["schemas"] = schemas
}

// notClientData holds the attributes that the service provider makes.
var notClientData = []string{"id", "meta", "schemas", "groups"}

// Equal reports whether a and b say the same of what a client writes, that is whether
// writing b over a would change nothing. Spelling counts also where case is
// not significant; the order of values counts except for members, which are
// compared by their value alone.
func Equal(a, b Resource) bool {
	return equalSubset(a, b, true) && equalSubset(b, a, false)
}

// equalSubset reports whether every assigned attribute of a is equal in b, or just present there.
func equalSubset(a, b Resource, compare bool) bool {
	for key, v := range a {
		if slices.Contains(notClientData, key) || unassigned(v) {
			continue
		}
		other := b[key]
		switch {
		case unassigned(other):
			return false
		case !compare:
		case key == "members":
			if !equalMembers(a, b) {
				return false
			}
		case !equalValues(v, other):
			return false
		}
	}
	return true
}

func equalMembers(a, b Resource) bool {
	inA, inB := a.MemberIDs(), b.MemberIDs()
	if len(inA) != len(inB) {
		return false
	}
	slices.Sort(inA)
	slices.Sort(inB)
	return slices.Equal(inA, inB)
}

func unassigned(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if !unassigned(member) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return unassigned(b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValues)
	case string, bool:
		return a == b
	default:
		x, ok := numberText(a)
		y, ok2 := numberText(b)
		return ok && ok2 && x == y
	}
}

func equalMaps(a, b map[string]any) bool {
	for key, v := range a {
		if !unassigned(v) && !equalValues(v, b[key]) {
			return false
		}
	}
	for key, v := range b {
		if !unassigned(v) && unassigned(a[key]) {
			return false
		}
	}
	return true
}

// numberText returns a number as JSON text.
func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	default:
		return "", false
	}
}
