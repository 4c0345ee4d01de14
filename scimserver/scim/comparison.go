package scim

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rservice.dev/scim-operator/api/fold"
)

// operator is a comparison operator in lower case.
type operator string

const (
	opEq operator = "eq"
	opNe operator = "ne"
	opCo operator = "co"
	opSw operator = "sw"
	opEw operator = "ew"
	opGt operator = "gt"
	opGe operator = "ge"
	opLt operator = "lt"
	opLe operator = "le"
)

func (op operator) substring() bool { return op == opCo || op == opSw || op == opEw }
func (op operator) ordering() bool {
	return op == opGt || op == opGe || op == opLt || op == opLe
}

// comparison is "attr op literal".
type comparison struct {
	target operand
	op     operator
	// literal is string, bool, json.Number or nil (null).
	literal any
	// folded is the form in which a string literal is compared.
	folded string
	// instant is the literal, if byInstant tells that instants are compared.
	instant   time.Time
	byInstant bool
}

// newComparison checks that the attribute's type allows the operator and the literal.
func newComparison(target operand, op operator, literal any) (*comparison, error) {
	c := &comparison{target: target, op: op, literal: literal}
	switch literal := literal.(type) {
	case string:
		c.folded = foldLiteral(op, literal)
	case json.Number:
		if stored, err := canonicalNumber(literal); err == nil {
			c.literal = stored
		}
	}
	if literal == nil {
		if op != opEq && op != opNe {
			return nil, invalidFilter("null can be compared with eq and ne only, not with %s", op)
		}
		return c, nil
	}
	attr := target.leaf()
	if attr == nil {
		if _, text := literal.(string); !text && op.substring() {
			return nil, invalidFilter("%s needs a quoted string", op)
		}
		return c, nil
	}
	return c, c.check(attr)
}

// foldLiteral folds a literal. The white space around the values is not compared, but that
// around a part of one can lie within the value.
func foldLiteral(op operator, literal string) string {
	switch op {
	case opSw:
		return fold.Part(strings.TrimLeftFunc(literal, unicode.IsSpace))
	case opEw:
		return fold.Part(strings.TrimRightFunc(literal, unicode.IsSpace))
	case opCo:
		return fold.Part(literal)
	default:
		return fold.String(literal)
	}
}

func (c *comparison) check(attr *Attribute) error {
	switch attr.Type {
	case Complex:
		return invalidFilter("%s is complex: compare one of its sub-attributes, such as %s.%s",
			c.target, c.target, attr.SubAttributes[0].Name)
	case Boolean:
		return c.checkBoolean()
	case DateTime:
		return c.checkDateTime()
	}
	if _, ok := c.literal.(string); !ok {
		return invalidFilter("%s holds text: put the value in double quotes", c.target)
	}
	if attr.Type == Binary && c.op.ordering() {
		return invalidFilter("%s is binary and has no order: use eq, ne or pr", c.target)
	}
	return nil
}

// checkBoolean also takes a quoted boolean, which several clients send.
func (c *comparison) checkBoolean() error {
	if c.op != opEq && c.op != opNe {
		return invalidFilter("%s is boolean: use eq, ne or pr, not %s", c.target, c.op)
	}
	b, ok := toBool(c.literal)
	if !ok {
		return invalidFilter("%s is boolean: compare it with true or false", c.target)
	}
	c.literal, c.folded = b, ""
	return nil
}

func (c *comparison) checkDateTime() error {
	text, ok := c.literal.(string)
	if !ok {
		return invalidFilter("%s is a dateTime: put the value in double quotes", c.target)
	}
	if c.op.substring() {
		return nil
	}
	if c.instant, c.byInstant = parseInstant(text); !c.byInstant {
		return invalidFilter("%s is a dateTime: write the value like 2025-01-31T12:00:00Z", c.target)
	}
	return nil
}

// parseInstant reads an xsd:dateTime. Without a zone it is UTC. A blank before
// the offset is a plus sign that the client did not encode in the URL. The end of a
// day may be written as 24:00:00.
func parseInstant(s string) (time.Time, bool) {
	s = strings.Replace(s, " ", "+", 1)
	day, rest, ends := strings.Cut(s, "T24:00:00")
	if ends {
		s = day + "T00:00:00" + rest
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if ends {
			return t.AddDate(0, 0, 1), t.Nanosecond() == 0
		}
		return t, true
	}
	return time.Time{}, false
}

// toBool reads a boolean, also as the string that Microsoft Entra ID sends.
func toBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true, true
		case strings.EqualFold(v, "false"):
			return false, true
		}
	}
	return false, false
}

func (c *comparison) match(scope map[string]any, texts folds) bool {
	return c.target.each(scope, func(v any) bool { return c.test(v, texts) })
}
func (c *comparison) uses(name string) bool { return c.target.names(name) }

// test compares one value. No value equals only null, so "ne" holds for it.
func (c *comparison) test(v any, texts folds) bool {
	if v == nil || c.literal == nil {
		return (v == nil && c.literal == nil) == (c.op == opEq) && (c.op == opEq || c.op == opNe)
	}
	attr := c.target.leaf()
	if attr == nil {
		return c.testDynamic(v, texts)
	}
	switch value := v.(type) {
	case bool:
		return (value == c.literal) == (c.op == opEq)
	case string:
		if c.byInstant {
			return c.testInstant(value)
		}
		return c.testText(value, attr.CaseExact, texts)
	default:
		return c.op == opNe
	}
}

func (c *comparison) testText(value string, exact bool, texts folds) bool {
	literal := c.folded
	switch {
	case exact:
		literal, _ = c.literal.(string)
	case c.op == opEq || c.op == opNe:
		return equalsFolded(value, literal, texts) == (c.op == opEq)
	default:
		value = texts.of(value)
	}
	switch c.op {
	case opCo:
		return strings.Contains(value, literal)
	case opSw:
		return strings.HasPrefix(value, literal)
	case opEw:
		return strings.HasSuffix(value, literal)
	default:
		return c.ordered(strings.Compare(value, literal))
	}
}

// equalsFolded reports whether fold.String(s) equals folded, without allocating for ASCII.
func equalsFolded(s, folded string, texts folds) bool {
	if s == folded {
		return true
	}
	if !isASCII(s) {
		return texts.of(s) == folded
	}
	s = strings.TrimSpace(s)
	return len(s) == len(folded) && strings.EqualFold(s, folded)
}

func (c *comparison) testInstant(value string) bool {
	t, ok := parseInstant(value)
	if !ok {
		return c.op == opNe
	}
	return c.ordered(t.Compare(c.instant))
}

// ordered tells whether the operator holds for the result of a three-way comparison.
func (c *comparison) ordered(order int) bool {
	switch c.op {
	case opEq:
		return order == 0
	case opNe:
		return order != 0
	case opGt:
		return order > 0
	case opGe:
		return order >= 0
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	default:
		return false
	}
}

// testDynamic compares a value whose schema is not known by the types met.
// Text is compared without regard to case, the default of RFC 7643 section 2.2.
// Values of different types are unequal and have no order.
func (c *comparison) testDynamic(v any, texts folds) bool {
	if m, ok := v.(map[string]any); ok {
		if v = descend(m, "value", false); v == nil {
			return c.op == opNe
		}
	}
	switch value := v.(type) {
	case string:
		if _, ok := c.literal.(string); ok {
			return c.testText(value, false, texts)
		}
	case bool:
		if literal, ok := toBool(c.literal); ok && (c.op == opEq || c.op == opNe) {
			return (value == literal) == (c.op == opEq)
		}
	default:
		order, ok := compareNumbers(v, c.literal)
		if ok {
			return c.ordered(order)
		}
	}
	return c.op == opNe
}

func (c *comparison) write(sb *strings.Builder) {
	sb.WriteString(c.target.String())
	sb.WriteByte(' ')
	sb.WriteString(string(c.op))
	sb.WriteByte(' ')
	switch literal := c.literal.(type) {
	case string:
		sb.Write(appendString(nil, literal))
	case bool:
		sb.WriteString(strconv.FormatBool(literal))
	case json.Number:
		sb.WriteString(literal.String())
	default:
		sb.WriteString("null")
	}
}

// constraint appends the comparison to out if it is an equality with text at a known attribute.
func (c *comparison) constraint(prefix string, out []EqConstraint) []EqConstraint {
	text, ok := c.literal.(string)
	if !ok || c.op != opEq || c.target.attr == nil || c.target.leaf().Type == DateTime {
		return out
	}
	return append(out, EqConstraint{Path: prefix + c.target.String(), Value: text})
}

// namedValue appends the literal of "value eq literal", be it in brackets or not.
func (c *comparison) namedValue(values []string) ([]string, bool) {
	leaf := c.target.leaf()
	text, ok := c.literal.(string)
	if !ok || c.op != opEq || leaf == nil || leaf.Name != "value" || !leaf.CaseExact {
		return nil, false
	}
	return append(values, text), true
}
