package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
)

type tree = map[string]any

// edge is a value at a place, as JSON.
type edge struct {
	place []string
	value string
	// name is the object that has it, if the API server took it.
	name string
}

func (e *edge) String() string {
	return fmt.Sprintf("%s = %.80s", strings.Join(e.place, "."), e.value)
}

// put sets a value, and makes what is on the way there the smallest that its schema takes. A list
// has one element, named *, and a map one key, named *, too.
func put(parent tree, s tree, place []string, value any) {
	name, rest := place[0], place[1:]
	child := property(s, name)
	if name == "*" {
		name = "x"
	}
	if len(rest) == 0 {
		parent[name] = value
		if _, other := parent["claim"]; other && (name == "expression" || name == "message") { // which are in its place
			delete(parent, "claim")
			if name == "message" {
				parent["expression"] = "x"
			}
		}
		return
	}
	if child["type"] == "array" {
		item := child["items"].(tree)
		if len(rest) == 1 {
			parent[name] = []any{value}
			return
		}
		element, _ := smallest(item).(tree)
		put(element, item, rest[1:], value)
		parent[name] = []any{element}
		return
	}
	inner, ok := parent[name].(tree)
	if !ok {
		inner, _ = smallest(child).(tree)
		parent[name] = inner
	}
	if rest[0] == "*" {
		clear(inner)
	}
	put(inner, child, rest, value)
}

// at is the schema of a place.
func at(s tree, place []string) tree {
	for _, name := range place {
		if items, ok := s["items"].(tree); ok {
			s = items
			continue
		}
		s = property(s, name)
	}
	return s
}

// walk visits a schema and all within.
func walk(s tree, visit func(tree)) {
	visit(s)
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := s[key].(tree); ok {
			walk(inner, visit)
		}
	}
	properties, _ := s["properties"].(tree)
	for _, inner := range properties {
		walk(inner.(tree), visit)
	}
}

func property(s tree, name string) tree {
	if values, ok := s["additionalProperties"].(tree); ok {
		return values
	}
	return s["properties"].(tree)[name].(tree)
}

// ruled reports whether a rule of a schema has this in it.
func ruled(s tree, part string) bool {
	rules, _ := s["x-kubernetes-validations"].([]any)
	return slices.ContainsFunc(rules, func(rule any) bool { return strings.Contains(rule.(tree)["rule"].(string), part) })
}

// smallest is a value that a schema takes.
func smallest(s tree) any {
	if values, ok := s["enum"].([]any); ok {
		return values[0]
	}
	switch s["type"] {
	case "object":
		value := tree{}
		required, _ := s["required"].([]any)
		if s["minProperties"] != nil && len(required) == 0 {
			required = []any{"x"}
			if properties, ok := s["properties"].(tree); ok {
				required[0] = slices.Sorted(maps.Keys(properties))[0]
			}
		}
		for _, name := range required {
			value[name.(string)] = smallest(property(s, name.(string)))
		}
		for part, other := range map[string]string{"has(self.secretName)": "secretName", "has(self.claim) != has(self.expression)": "claim"} {
			if ruled(s, part) {
				value[other] = "x"
			}
		}
		return value
	case "array":
		if s["minItems"] != nil {
			return []any{smallest(s["items"].(tree))}
		}
		return []any{}
	case "integer":
		if least, ok := s["minimum"]; ok {
			return least
		}
		return 0
	case "boolean":
		return false
	case "string":
		switch {
		case ruled(s, "matches('^https://"):
			return "https://x"
		case ruled(s, "isCIDR(self)"):
			return "192.0.2.0/24"
		case s["format"] == "date-time":
			return "2026-01-02T03:04:05.000006Z"
		case s["pattern"] == "^[0-9]+$":
			return "1"
		case s["pattern"] == "^[A-Z][A-Za-z]*$":
			return "X"
		case s["minLength"] == 3.0: // an e-mail address
			return "x@x"
		}
		return "x"
	}
	return tree{}
}

// edgesOf returns the values for a place and for all within.
func edgesOf(place []string, s tree) []*edge {
	var edges []*edge
	add := func(values ...string) {
		for _, value := range values {
			edges = append(edges, &edge{place: place, value: value})
		}
	}
	within := func(name string, inner tree) {
		edges = append(edges, edgesOf(append(slices.Clone(place), name), inner)...)
	}
	add("null")
	switch s["type"] {
	case "object":
		smallest, err := json.Marshal(smallest(s))
		Expect(err).NotTo(HaveOccurred())
		add(string(smallest))
		if values, ok := s["additionalProperties"].(tree); ok {
			within("*", values)
		}
		properties, _ := s["properties"].(tree)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			within(name, properties[name].(tree))
		}
	case "array":
		add("[]", "[null]")
		if s["minItems"] != nil {
			smallest, err := json.Marshal(smallest(s))
			Expect(err).NotTo(HaveOccurred())
			add(string(smallest))
		}
		within("*", s["items"].(tree))
	case "integer":
		add(integers(s)...)
	case "number":
		add("0", "1.5", "1e300", "-1e300")
	case "boolean":
		add("true", "false", `"true"`, "1")
	case "string":
		add(texts(s)...)
	default:
		add(`""`, `"x"`, "true", "1.5", "1e300", "9223372036854775808", "[]", "[null]", "{}", `{"x": [null, {"y": null}]}`)
	}
	return edges
}

func integers(s tree) []string {
	values := []string{
		"0", "1", "-1", "1.0", "1e3", "1.5", "2147483647", "2147483648", "-2147483649", "9007199254740991", "9007199254740992", "9007199254740993",
		"1e15", "1e16", "1e18", "1e19", "1e21", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "1e300", `"1"`,
	}
	for _, bound := range []string{"minimum", "maximum"} {
		if value, ok := s[bound]; ok {
			values = append(values, fmt.Sprintf("%.0f", value))
		}
	}
	return values
}

func texts(s tree) []string {
	if s["format"] == "date-time" {
		return []string{
			`"2026-11-28T10:00:59.123456Z"`, `"2026-11-28T10:00:59Z"`, `"2026-11-28T10:00:59.1Z"`, `"2026-11-28T10:00:59.123456789Z"`,
			`"2026-11-28T10:00:59.1234567890123Z"`, `"2026-11-28T10:00:59+02:00"`, `"2026-11-28T10:00:59.123456-23:59"`, `"2026-11-28t10:00:59z"`,
			`"2026-11-28T10:00:59,5Z"`, `"2026-11-28T10:00:59x5Z"`, `"2026-11-28T10:00:59+24:00"`, `"2026-11-28T10:00:59-99:99"`, `"0000-01-01T00:00:00Z"`,
			`"0000-01-01T00:00:00+12:00"`, `"2026-11-28T10:00:59ZTx"`, `"9999-12-31T23:59:59.999999-12:00"`, `"0001-01-01T00:00:00Z"`, `"2026-02-29T00:00:00Z"`, `"2016-12-31T23:59:60Z"`,
			`"2026-11-28T24:00:00Z"`, `"2026-11-28 10:00:59Z"`, `"2026-11-28"`, `"2026-11-28T10:00:59"`, `""`, `"x"`, "0",
		}
	}
	values := []string{fmt.Sprintf("%q", smallest(s)), `""`, `"\u0000"`, `"\ud800"`, `"2026-11-28T10:00:59Z"`, "1"}
	if most, ok := s["maxLength"].(float64); ok {
		values = append(values, `"`+strings.Repeat("x", int(most))+`"`)
	}
	all, _ := s["enum"].([]any)
	for _, value := range all {
		values = append(values, fmt.Sprintf("%q", value))
	}
	return values
}
