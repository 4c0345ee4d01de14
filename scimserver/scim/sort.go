package scim

import (
	"fmt"
	"math"
	"strings"

	"rservice.dev/scim-operator/api/fold"
)

// Sort is the order of a list (RFC 7644 section 3.4.2.3). It is safe for
// concurrent use. A nil Sort orders by id.
type Sort struct {
	target     operand
	descending bool
}

// maxSortValue bounds a place, in bytes, so that every cursor is short enough to be taken back. It
// has room for MaxReference characters; an extension without a schema may have longer texts.
const maxSortValue = 4 * MaxReference

// SortKey is what decides a resource's place in a list. It holds no reference to
// the resource, so that a store need not keep resources while it sorts.
type SortKey struct {
	// Value orders by its bytes. It is empty if the resource has no value. Of a
	// text of more than 16 KiB the beginning counts.
	Value string
	// ID tells resources with equal values apart.
	ID string
}

// ParseSort reads the parameters sortBy and sortOrder, where "" means that the
// client did not give one. Without sortBy the result is nil. sortBy is any
// attribute path; a complex attribute stands for its "value". sortOrder is
// ascending, the default, or descending, in any case. What is neither, an
// attribute that does not exist, and one that has no order are 400 invalidValue.
func ParseSort(rt *ResourceType, sortBy, sortOrder string) (*Sort, error) {
	return parseSort(rt.resolve, sortBy, sortOrder)
}

func parseSort(resolve func(string) lookup, sortBy, sortOrder string) (*Sort, error) {
	s := &Sort{}
	switch strings.ToLower(strings.TrimSpace(sortOrder)) {
	case "", "ascending":
	case "descending":
		s.descending = true
	default:
		return nil, invalidValue("sortOrder must be ascending or descending")
	}
	sortBy = strings.TrimSpace(sortBy)
	if sortBy == "" {
		return nil, nil
	}
	found := resolve(sortBy)
	switch {
	case found.problem != "":
		return nil, invalidValue("sortBy: %s", found.problem)
	case found.container != "":
		return nil, invalidValue("sortBy: %s is a schema: name one of its attributes after a colon", found.container)
	}
	s.target = valueByDefault(found.operand)
	leaf := s.target.leaf()
	switch {
	case leaf == nil:
	case leaf.Type == Complex:
		return nil, invalidValue("sortBy: %s is complex: name one of its sub-attributes, such as %s.%s",
			s.target, s.target, leaf.SubAttributes[0].Name)
	case leaf.Type == Binary, leaf.Returned == ReturnedNever:
		return nil, invalidValue("sortBy: %s has no order", s.target)
	}
	return s, nil
}

// Uses reports whether the order depends on the attribute with this canonical
// name, such as "members", so that a store can leave out what is costly to find.
func (s *Sort) Uses(name string) bool { return s != nil && s.target.names(name) }

// Key returns the resource's place. Of a multi-valued attribute the primary
// value counts, or else the first. Text is compared without regard to case
// unless the attribute is case exact, a dateTime as an instant, and false comes
// before true. An empty string is no value.
func (s *Sort) Key(res Resource) SortKey {
	key := SortKey{ID: res.ID()}
	if s == nil {
		return key
	}
	key.Value = sortValue(s.target.leaf(), s.value(res))
	if len(key.Value) > maxSortValue {
		// A copy, so that the rest does not stay in memory.
		key.Value = strings.Clone(key.Value[:maxSortValue])
	}
	return key
}

func sortValue(attr *Attribute, v any) string {
	if attr == nil {
		return dynamicSortValue(v)
	}
	switch v := v.(type) {
	case bool:
		return boolSortValue(v)
	case string:
		return textSortValue(attr, v)
	}
	return ""
}

func (s *Sort) value(res Resource) any {
	if s.target.attr == nil {
		v := preferred(dynamicValue(res, s.target.dynamic, true))
		if object, ok := v.(map[string]any); ok {
			return descend(object, "value", true)
		}
		return v
	}
	scope := map[string]any(res)
	if s.target.urn != "" {
		scope = res.Complex(s.target.urn)
	}
	return s.target.pick(preferred(scope[s.target.attr.Name]))
}

// preferred returns the primary value of an array, or else the first.
func preferred(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	for _, element := range list {
		if isPrimary(element) {
			return element
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func boolSortValue(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func textSortValue(attr *Attribute, s string) string {
	switch {
	case attr.Type == DateTime:
		t, ok := parseInstant(s)
		if !ok {
			return ""
		}
		return t.UTC().Format("2006-01-02T15:04:05.000000000")
	case attr.CaseExact:
		return s
	default:
		return fold.String(s)
	}
}

// dynamicSortValue orders values whose schema is not known: booleans, then numbers, then text.
func dynamicSortValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return "b" + boolSortValue(v)
	case string:
		if v == "" {
			return ""
		}
		return "s" + fold.String(v)
	}
	text, ok := numberText(v)
	number, isNumber := parseDouble(text)
	if !ok || !isNumber || math.IsInf(number.float, 0) {
		return ""
	}
	// The bits of positive floats order as the floats do, those of negative ones the other way round.
	bits := math.Float64bits(number.float)
	switch f := number.float; {
	case f < 0:
		bits = ^bits
	case f == 0: // also -0
		bits = 1 << 63
	default:
		bits |= 1 << 63
	}
	return fmt.Sprintf("n%016x%04x", bits, 1<<15+number.rest())
}

// Compare returns a negative number if the resource with key a comes before that
// with key b, and 0 only for the same id. Resources without a value come last
// when ascending and first when descending; equal values are ordered by id.
func (s *Sort) Compare(a, b SortKey) int {
	if s != nil && a.Value != b.Value {
		order := strings.Compare(a.Value, b.Value)
		if a.Value == "" || b.Value == "" {
			order = -order
		}
		if s.descending {
			order = -order
		}
		return order
	}
	return strings.Compare(a.ID, b.ID)
}
