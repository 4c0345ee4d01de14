package scim

import (
	"slices"
	"strings"
)

// Limits of a filter.
const (
	// MaxFilterLength is in bytes.
	MaxFilterLength = 8192
	// MaxFilterDepth bounds the nesting of parentheses, "not" and brackets.
	MaxFilterDepth = 32
)

// Filter is a parsed filter of RFC 7644 section 3.4.2.2, checked against the
// attribute table of one resource type. It is safe for concurrent use.
type Filter struct {
	root  node
	terms int
}

func newFilter(root node) *Filter { return &Filter{root: root, terms: terms(root)} }

// Terms is how many conditions the filter has.
func (f *Filter) Terms() int { return f.terms }

// Match reports whether the resource meets the filter.
func (f *Filter) Match(res Resource) bool {
	var texts folds
	if f.terms > 1 { // which may look at the same text
		texts = folds{}
	}
	return f.root.match(res, texts)
}

// String returns the filter in a canonical spelling; parsing it again gives the same filter.
func (f *Filter) String() string {
	var sb strings.Builder
	f.root.write(&sb)
	return sb.String()
}

// EqConstraint is a condition that holds in every match: some value at Path equals Value.
type EqConstraint struct {
	// Path is canonical: "userName", "emails.value", "members.value", or with the URN of an extension.
	Path string
	// Value is as the client wrote it; compare it as CaseExact of the attribute tells (Fold or exactly).
	Value string
}

// EqualityConstraints lists the string equalities that hold in every match, in
// the order of the filter, so that a store can look up candidates in an index
// and Match only those. It is empty when the filter allows no such look-up.
func (f *Filter) EqualityConstraints() []EqConstraint {
	var out []EqConstraint
	for _, n := range conjuncts(f.root) {
		switch n := n.(type) {
		case *comparison:
			out = n.constraint("", out)
		case *valuePath:
			for _, inner := range conjuncts(n.inner) {
				if c, ok := inner.(*comparison); ok {
					out = c.constraint(n.target.String()+".", out)
				}
			}
		}
	}
	return out
}

// Uses reports whether the filter looks at the attribute with this canonical
// name, such as "members" or "meta", so that a store can leave out what is costly to find.
func (f *Filter) Uses(name string) bool { return f.root.uses(name) }

// NamedValues returns the values that the filter compares the attribute's "value" with,
// and whether it does so by eq alone: then the filter holds of a resource if it holds of the
// resource with no other values of the attribute than these, so that a store need not find
// the others.
func (f *Filter) NamedValues(name string) (values []string, only bool) {
	return namedValues(f.root, name, nil)
}

func namedValues(n node, name string, values []string) ([]string, bool) {
	if !n.uses(name) {
		return values, true
	}
	switch n := n.(type) {
	case *group:
		for _, term := range n.terms {
			var only bool
			if values, only = namedValues(term, name, values); !only {
				return nil, false
			}
		}
		return values, true
	case *negation:
		return namedValues(n.inner, name, values)
	case *comparison:
		return n.namedValue(values)
	case *valuePath:
		for _, inner := range conjuncts(n.inner) {
			if c, ok := inner.(*comparison); ok {
				if out, only := c.namedValue(values); only {
					return out, true
				}
			}
		}
	}
	return nil, false
}

// node is one expression. A scope is a resource, or one value within a value path.
type node interface {
	match(scope map[string]any, texts folds) bool
	write(sb *strings.Builder)
	uses(name string) bool
}

// group is a chain of "and" or of "or" with at least two terms, none of them of its own kind.
type group struct {
	and   bool
	terms []node
}

func (g *group) match(scope map[string]any, texts folds) bool {
	for _, t := range g.terms {
		if t.match(scope, texts) != g.and {
			return !g.and
		}
	}
	return g.and
}

func (g *group) write(sb *strings.Builder) {
	for i, t := range g.terms {
		if i > 0 {
			if g.and {
				sb.WriteString(" and ")
			} else {
				sb.WriteString(" or ")
			}
		}
		if inner, ok := t.(*group); ok && g.and {
			writeParens(sb, inner)
			continue
		}
		t.write(sb)
	}
}

func (g *group) uses(name string) bool {
	for _, t := range g.terms {
		if t.uses(name) {
			return true
		}
	}
	return false
}

// join combines terms, splicing groups of the same kind into one.
func join(and bool, terms []node) node {
	if len(terms) == 1 {
		return terms[0]
	}
	g := &group{and: and}
	for _, t := range terms {
		if inner, ok := t.(*group); ok && inner.and == and {
			g.terms = append(g.terms, inner.terms...)
			continue
		}
		g.terms = append(g.terms, t)
	}
	return g
}

// conjuncts returns the terms that must all hold for n to hold.
func conjuncts(n node) []node {
	if g, ok := n.(*group); ok && g.and {
		return g.terms
	}
	return []node{n}
}

type negation struct{ inner node }

func (n *negation) match(scope map[string]any, texts folds) bool { return !n.inner.match(scope, texts) }
func (n *negation) uses(name string) bool                        { return n.inner.uses(name) }

func (n *negation) write(sb *strings.Builder) {
	sb.WriteString("not ")
	writeParens(sb, n.inner)
}

func writeParens(sb *strings.Builder, n node) {
	sb.WriteByte('(')
	n.write(sb)
	sb.WriteByte(')')
}

// valuePath is attr[inner]: some one value of the attribute meets the inner filter.
type valuePath struct {
	target operand
	inner  node
}

func (v *valuePath) match(scope map[string]any, texts folds) bool {
	return v.target.each(scope, func(value any) bool { return matchElement(v.inner, value, texts) })
}

// matchElement applies a value filter to one value. Simple values are looked at as {"value": …}.
func matchElement(filter node, value any, texts folds) bool {
	switch value := value.(type) {
	case nil:
		return false
	case map[string]any:
		return filter.match(value, texts)
	default:
		return filter.match(map[string]any{"value": value}, texts)
	}
}

func (v *valuePath) write(sb *strings.Builder) {
	sb.WriteString(v.target.String())
	sb.WriteByte('[')
	v.inner.write(sb)
	sb.WriteByte(']')
}

func (v *valuePath) uses(name string) bool { return v.target.names(name) }

// presence is "attr pr".
type presence struct{ target operand }

func (p *presence) match(scope map[string]any, _ folds) bool { return p.target.each(scope, present) }
func (p *presence) uses(name string) bool                    { return p.target.names(name) }

func (p *presence) write(sb *strings.Builder) {
	sb.WriteString(p.target.String())
	sb.WriteString(" pr")
}

// present reports whether a value is neither null nor empty: RFC 7644 counts an
// empty string as absent, and a complex value that has no value inside.
func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return slices.ContainsFunc(v, present)
	case map[string]any:
		for _, e := range v {
			if present(e) {
				return true
			}
		}
		return false
	default:
		return true
	}
}
