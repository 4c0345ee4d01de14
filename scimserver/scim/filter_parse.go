package scim

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/customfields"
)

// ParseFilter parses a filter of RFC 7644 section 3.4.2.2 for resources of one
// type. Beyond the RFC's grammar it takes several blanks, quoted booleans for
// boolean attributes, and attr[filter].sub op value, all of which clients send.
// Errors are 400 invalidFilter.
func ParseFilter(rt *ResourceType, filter string) (*Filter, error) {
	root, err := parseFilter(filter, func(path string) (operand, error) { return filterOperand(rt.resolve, path) })
	if err != nil {
		return nil, err
	}
	return newFilter(root), nil
}

// parseValueFilter parses the part between the brackets of a value path on attr.
func parseValueFilter(attr *Attribute, filter string) (node, error) {
	return parseFilter(filter, func(name string) (operand, error) { return valueOperand(attr, name) })
}

func parseFilter(filter string, resolve func(string) (operand, error)) (node, error) {
	if len(filter) > MaxFilterLength {
		return nil, invalidFilter("the filter is longer than %d bytes", MaxFilterLength)
	}
	if !utf8.ValidString(filter) {
		return nil, invalidFilter("the filter is not valid UTF-8")
	}
	p := &filterParser{in: filter, resolve: resolve}
	p.advance()
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.token != "" {
		return nil, p.unexpected("and, or, or the end of the filter")
	}
	return root, nil
}

// filterParser is a recursive descent parser with one token of look-ahead.
type filterParser struct {
	in  string
	pos int
	// token is a bracket, a quoted string, or a run of other characters; "" at the end.
	token string
	start int
	// resolve turns a path into an operand. It changes within a value path.
	resolve func(path string) (operand, error)
	inValue bool
	depth   int
}

func (p *filterParser) advance() {
	for p.pos < len(p.in) && (p.in[p.pos] == ' ' || p.in[p.pos] == '\t') {
		p.pos++
	}
	p.start = p.pos
	if p.pos == len(p.in) {
		p.token = ""
		return
	}
	switch p.in[p.pos] {
	case '(', ')', '[', ']':
		p.pos++
	case '"':
		p.pos = endOfString(p.in, p.pos)
	default:
		for p.pos < len(p.in) && !strings.ContainsRune(" \t()[]\"", rune(p.in[p.pos])) {
			p.pos++
		}
	}
	p.token = p.in[p.start:p.pos]
}

// endOfString returns the position after the string literal that starts at start, or the end of s.
func endOfString(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func (p *filterParser) keyword(word string) bool {
	if !strings.EqualFold(p.token, word) {
		return false
	}
	p.advance()
	return true
}

func (p *filterParser) unexpected(want string) error {
	if p.token == "" {
		return invalidFilter("the filter ends where it needs %s", want)
	}
	return invalidFilter("the filter needs %s at character %d", want, utf8.RuneCountInString(p.in[:p.start])+1)
}

func (p *filterParser) or() (node, error)  { return p.chain("or", p.and) }
func (p *filterParser) and() (node, error) { return p.chain("and", p.term) }

func (p *filterParser) chain(word string, next func() (node, error)) (node, error) {
	var terms []node
	for {
		n, err := next()
		if err != nil {
			return nil, err
		}
		terms = append(terms, n)
		if !p.keyword(word) {
			return join(word == "and", terms), nil
		}
	}
}

func (p *filterParser) term() (node, error) {
	if p.token == "(" {
		return p.enclosed(")")
	}
	if p.token == "" || strings.ContainsAny(p.token[:1], ")[]\"") {
		return nil, p.unexpected("an attribute name")
	}
	path := p.token
	p.advance()
	if strings.EqualFold(path, "not") && p.token == "(" {
		inner, err := p.enclosed(")")
		if err != nil {
			return nil, err
		}
		return &negation{inner: inner}, nil
	}
	target, err := p.resolve(path)
	if err != nil {
		return nil, err
	}
	if p.token == "[" {
		return p.valuePath(target)
	}
	return p.expression(target)
}

// enclosed parses a filter between the current token, an opening bracket, and the closing one.
func (p *filterParser) enclosed(closing string) (node, error) {
	if p.depth++; p.depth > MaxFilterDepth {
		return nil, invalidFilter("the filter nests deeper than %d levels", MaxFilterDepth)
	}
	p.advance()
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.token != closing {
		return nil, p.unexpected("a closing " + closing)
	}
	p.depth--
	p.advance()
	return inner, nil
}

// expression parses "op value" or "pr".
func (p *filterParser) expression(target operand) (node, error) {
	if p.keyword("pr") {
		return &presence{target: target}, nil
	}
	op := operator(lowerASCII(p.token))
	switch op {
	case opEq, opNe, opCo, opSw, opEw, opGt, opGe, opLt, opLe:
	default:
		return nil, p.unexpected("one of the operators eq, ne, co, sw, ew, gt, ge, lt, le, pr")
	}
	p.advance()
	literal, ok := parseLiteral(p.token)
	if !ok {
		return nil, p.unexpected("a value: a string in double quotes, a number, true, false or null")
	}
	p.advance()
	return newComparison(valueByDefault(target), op, literal)
}

// valueByDefault turns an attribute that has a "value" into that sub-attribute,
// which is what a comparison of the attribute means (RFC 7644 section 3.4.2.2).
func valueByDefault(o operand) operand {
	if o.attr != nil && o.sub == nil && o.attr.Type == Complex {
		o.sub = o.attr.Sub("value")
	}
	return o
}

// valuePath parses "[filter]" and what may follow it. attr[filter].sub op value
// means that one value meets both conditions.
func (p *filterParser) valuePath(target operand) (node, error) {
	if p.inValue {
		return nil, invalidFilter("a value path cannot hold another one, see character %d", p.start+1)
	}
	if target.sub != nil || target.attr != nil && target.attr.Type != Complex {
		return nil, invalidFilter("%s has no sub-attributes: brackets can follow a complex attribute only", target)
	}
	if _, rest, ok := splitCustomFields(target.dynamic); ok && rest == "" {
		target.dynamic += ":" + customfields.Name
	}
	outer := p.resolve
	p.resolve = func(name string) (operand, error) { return valueOperand(target.attr, name) }
	p.inValue = true
	inner, err := p.enclosed("]")
	if err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(p.token, "."); ok && p.in[p.start-1] == ']' {
		sub, err := p.resolve(name)
		if err != nil {
			return nil, err
		}
		p.advance()
		condition, err := p.expression(sub)
		if err != nil {
			return nil, err
		}
		inner = join(true, []node{inner, condition})
	}
	p.resolve, p.inValue = outer, false
	return &valuePath{target: target, inner: inner}, nil
}

// parseLiteral parses a compValue: a JSON string or number, or true, false or
// null, which as literals of an ABNF grammar may have any case.
func parseLiteral(token string) (any, bool) {
	switch lowerASCII(token) {
	case "":
		return nil, false
	case "true":
		return true, true
	case "false":
		return false, true
	case "null":
		return nil, true
	}
	switch c := token[0]; {
	case c == '"':
		var s string
		err := json.Unmarshal([]byte(token), &s)
		return s, err == nil && noCharacter([]byte(token)) < 0
	case c == '-' || '0' <= c && c <= '9':
		return json.Number(token), json.Valid([]byte(token))
	}
	return nil, false
}
