package scim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The tests below compare filters with an evaluator that is as naive as can be:
// it walks the expression it was made from, not the text, and knows of every
// attribute only what modelAttributes says.

type modelAttribute struct {
	path string
	kind modelKind
}

type modelKind int

const (
	modelText modelKind = iota
	modelExactText
	modelBoolean
	modelInstant
)

var modelAttributes = []modelAttribute{
	{"userName", modelText}, {"title", modelText}, {"externalId", modelExactText}, {"id", modelExactText}, {"active", modelBoolean},
	{"name.givenName", modelText}, {"name.familyName", modelText}, {"meta.created", modelInstant},
	{"emails.value", modelText}, {"emails.type", modelText}, {"emails.primary", modelBoolean},
	{"groups.value", modelExactText}, {"photos.value", modelExactText},
	{EnterpriseURN + ":department", modelText}, {EnterpriseURN + ":manager.value", modelText},
	{UserURN + ":title", modelText}, {"urn:x:y:color", modelText}, {"urn:x:y:car.plate", modelText},
}

var (
	modelTexts    = []string{"", "a", "A", "ab", "aB", "b", "ba", "ß", "ss", "a b", `q"\`, "work", "Home"}
	modelInstants = []string{"2025-06-01T12:00:00Z", "2025-06-01T14:00:00+02:00", "2025-06-01T12:00:00.5Z", "2024-02-29T23:59:59-01:00"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func maybe(r *rand.Rand) bool { return r.IntN(2) == 0 }

func (k modelKind) value(r *rand.Rand) any {
	switch k {
	case modelBoolean:
		return maybe(r)
	case modelInstant:
		return pick(r, modelInstants)
	default:
		return pick(r, modelTexts)
	}
}

// randomUser has some of the attributes of the model.
func randomUser(r *rand.Rand) Resource {
	res := Resource{}
	for _, a := range modelAttributes {
		if !maybe(r) {
			continue
		}
		key, sub := splitModelPath(a.path)
		scope := map[string]any(res)
		for _, name := range key[:len(key)-1] {
			if scope[name] == nil {
				scope[name] = object{}
			}
			scope = scope[name].(object)
		}
		last := key[len(key)-1]
		switch {
		case sub == "":
			scope[last] = a.kind.value(r)
		case a.path == "name."+sub || a.path == "meta."+sub || strings.HasPrefix(a.path, "urn:"):
			if scope[last] == nil {
				scope[last] = object{}
			}
			scope[last].(object)[sub] = a.kind.value(r)
		default:
			list, _ := scope[last].([]any)
			for len(list) < 1+r.IntN(3) {
				list = append(list, object{})
			}
			list[r.IntN(len(list))].(object)[sub] = a.kind.value(r)
			scope[last] = list
		}
	}
	return res
}

// splitModelPath splits a path into the keys of a resource that lead to the attribute, and its sub-attribute.
func splitModelPath(path string) (keys []string, sub string) {
	if i := strings.LastIndexByte(path, ':'); i >= 0 {
		if path[:i] != UserURN {
			keys = append(keys, path[:i])
		}
		path = path[i+1:]
	}
	name, sub, _ := strings.Cut(path, ".")
	return append(keys, name), sub
}

// modelValues returns the values at a path, nil for one that lacks the sub-attribute, and one nil for none at all.
func modelValues(res map[string]any, path string) []any {
	keys, sub := splitModelPath(path)
	var v any = res
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var out []any
	for _, element := range list {
		if sub != "" {
			m, _ := element.(map[string]any)
			element = m[sub]
		}
		out = append(out, element)
	}
	return out
}

// modelExpression is a filter as text and as a function.
type modelExpression struct {
	text  string
	match func(scope map[string]any) bool
	// or is set if the text is a chain of "or", which binds less than "and".
	or bool
}

type modelFilters struct{ *rand.Rand }

// expression makes a filter over the given attributes. Those within a value path have no dots.
func (r modelFilters) expression(depth int, attributes []modelAttribute, inValue bool) modelExpression {
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return r.pair(depth, attributes, inValue, "and", func(a, b bool) bool { return a && b })
		case 1:
			return r.pair(depth, attributes, inValue, "or", func(a, b bool) bool { return a || b })
		case 2:
			inner := r.expression(depth-1, attributes, inValue)
			return modelExpression{text: r.letters("not") + r.blanks(0) + "(" + inner.text + ")",
				match: func(scope map[string]any) bool { return !inner.match(scope) }}
		case 3:
			if !inValue {
				return r.valuePath(depth)
			}
		}
	}
	a := pick(r.Rand, attributes)
	if r.IntN(6) == 0 {
		return modelExpression{text: r.letters(a.path) + r.blanks(1) + r.letters("pr"), match: func(scope map[string]any) bool {
			for _, v := range modelValues(scope, a.path) {
				if v != nil && v != "" {
					return true
				}
			}
			return false
		}}
	}
	return r.comparison(a)
}

// pair puts its parts into parentheses where the text would mean something else without, and sometimes elsewhere.
func (r modelFilters) pair(depth int, attributes []modelAttribute, inValue bool, word string, both func(a, b bool) bool) modelExpression {
	a, b := r.expression(depth-1, attributes, inValue), r.expression(depth-1, attributes, inValue)
	enclosed := func(e modelExpression) string {
		if word == "and" && e.or || r.IntN(3) == 0 {
			return "(" + r.blanks(0) + e.text + r.blanks(0) + ")"
		}
		return e.text
	}
	return modelExpression{enclosed(a) + r.blanks(1) + r.letters(word) + r.blanks(1) + enclosed(b),
		func(scope map[string]any) bool { return both(a.match(scope), b.match(scope)) }, word == "or"}
}

func (r modelFilters) valuePath(depth int) modelExpression {
	inner := r.expression(depth-1, []modelAttribute{{"value", modelText}, {"type", modelText}, {"primary", modelBoolean}}, true)
	return modelExpression{text: r.letters("emails") + "[" + inner.text + "]", match: func(scope map[string]any) bool {
		list, _ := scope["emails"].([]any)
		for _, element := range list {
			if inner.match(element.(map[string]any)) {
				return true
			}
		}
		return false
	}}
}

func (r modelFilters) comparison(a modelAttribute) modelExpression {
	var operators []string
	switch a.kind {
	case modelBoolean:
		operators = []string{"eq", "ne"}
	case modelInstant:
		operators = []string{"eq", "ne", "gt", "ge", "lt", "le"}
	default:
		operators = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}
	}
	op, literal := pick(r.Rand, operators), a.kind.value(r.Rand)
	if (op == "eq" || op == "ne") && r.IntN(5) == 0 {
		literal = nil
	}
	return modelExpression{text: r.letters(a.path) + r.blanks(1) + r.letters(op) + r.blanks(1) + r.literal(literal), match: func(scope map[string]any) bool {
		for _, v := range modelValues(scope, a.path) {
			if a.kind.compare(v, op, literal) {
				return true
			}
		}
		return false
	}}
}

func (k modelKind) compare(v any, op string, literal any) bool {
	if v == nil || literal == nil {
		return op == "eq" && v == literal || op == "ne" && v != literal
	}
	if k == modelBoolean {
		return (v == literal) == (op == "eq")
	}
	x, y := v.(string), literal.(string)
	switch k {
	case modelText:
		// ß is the only letter of the model that folds to two.
		x, y = strings.ReplaceAll(strings.ToLower(x), "ß", "ss"), strings.ReplaceAll(strings.ToLower(y), "ß", "ss")
	case modelInstant:
		s, _ := time.Parse(time.RFC3339Nano, x)
		t, _ := time.Parse(time.RFC3339Nano, y)
		x, y = fmt.Sprintf("%020d", s.UnixNano()), fmt.Sprintf("%020d", t.UnixNano())
	}
	return map[string]bool{"eq": x == y, "ne": x != y, "co": strings.Contains(x, y), "sw": strings.HasPrefix(x, y), "ew": strings.HasSuffix(x, y),
		"gt": x > y, "ge": x >= y, "lt": x < y, "le": x <= y}[op]
}

func (r modelFilters) literal(v any) string {
	switch v := v.(type) {
	case nil:
		return r.letters("null")
	case bool:
		text := r.letters(fmt.Sprint(v))
		if maybe(r.Rand) {
			return `"` + text + `"`
		}
		return text
	default:
		return string(appendString(nil, v.(string)))
	}
}

func (r modelFilters) letters(s string) string {
	out := []byte(s)
	for i := range out {
		if 'a' <= out[i] && out[i] <= 'z' && r.IntN(4) == 0 {
			out[i] -= 'a' - 'A'
		}
	}
	return string(out)
}

func (r modelFilters) blanks(least int) string { return strings.Repeat(" ", least+r.IntN(2)) }

// FuzzFilterAgainstModel compares filters with the naive evaluator. Every seed stands for some filters and resources.
func FuzzFilterAgainstModel(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		for range 10 {
			expression := modelFilters{r}.expression(r.IntN(4), modelAttributes, false)
			filter, err := ParseFilter(User, expression.text)
			if err != nil {
				t.Fatalf("%s: %v", expression.text, err)
			}
			root, err := ParseRootFilter(expression.text)
			if err != nil {
				t.Fatalf("%s: %v", expression.text, err)
			}
			for range 10 {
				res := randomUser(r)
				want := expression.match(res)
				if filter.Match(res) != want || root.Match(res) != want {
					t.Fatalf("%s (%s) should give %t for\n%s", expression.text, filter, want, encodeJSON(map[string]any(res)))
				}
				checkConstraints(t, filter, res, want)
				if want && !root.CanMatch(User) {
					t.Fatalf("%s matches a user, but CanMatch denies it", expression.text)
				}
			}
		}
	})
}

// checkConstraints checks that an index that is asked for the equalities of a filter gives every match.
func checkConstraints(t *testing.T, filter *Filter, res Resource, match bool) {
	t.Helper()
	if !match {
		return
	}
	for _, c := range filter.EqualityConstraints() {
		found := false
		for _, v := range modelValues(res, c.Path) {
			s, ok := v.(string)
			found = found || ok && modelText.compare(s, "eq", c.Value)
		}
		if !found {
			t.Fatalf("%s matches %s although %s is not %q", filter, encodeJSON(map[string]any(res)), c.Path, c.Value)
		}
	}
}
