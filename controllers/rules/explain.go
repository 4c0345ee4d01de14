package rules

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/operators"
)

// tooDeep is about an expression that CEL's parser gives up on, without a place.
const (
	tooDeep     = "the expression is nested too deeply: it holds more than about 250 of ? : in one another, of + in a row, of calls on calls, or of brackets in one another"
	tooDeepHint = `write a long choice as a map, {"a": "b"}[?user.title].orValue(""), a long text as ["a", "b"].join(""), and give parts a name as expressions of their own`
)

// explanation says in a rule author's words what CEL's compiler says in its own.
type explanation struct {
	// celText is what CEL's message begins with.
	celText string
	// message takes its place; "" keeps it.
	message string
	hint    string
}

// explanations are tried in their order.
var explanations = []explanation{
	{"expression recursion limit exceeded", tooDeep, tooDeepHint},
	{"max recursion depth exceeded", tooDeep, tooDeepHint},
	{"invalid argument to has() macro", "", "has() takes a field: has(user.title)"},
	{"argument is not an identifier", "", "the first argument is a name for the entry, without quotes: user.emails.map(e, e.value)"},
	{"invalid int literal", "", "a whole number is at most 9223372036854775807; write a larger one as text"},
	{"invalid uint literal", "", "a whole number is at most 18446744073709551615u; write a larger one as text"},
	{"error during formatting: ", "", "%s takes any value"},
	{"index ", "", "format() takes a list with a value for each % of its text; a percent sign itself is %%"},
	{"could not parse formatting clause", "", "of the clauses of format(), %s takes any value; a percent sign itself is %%"},
	{"reserved identifier: if", "", "a choice is written user.active ? 1 : 0"},
	{"reserved identifier: else", "", "a choice is written user.active ? 1 : 0"},
	{"reserved identifier: for", "", "a loop is written user.emails.map(e, e.value)"},
	{"reserved identifier: while", "", "a loop is written user.emails.map(e, e.value)"},
	{"reserved identifier: let", "", "give a part a name as an expression of its own"},
	{"reserved identifier: var", "", "give a part a name as an expression of its own"},
	{"reserved identifier: const", "", "give a part a name as an expression of its own"},
	{"reserved identifier: ", "", "CEL keeps this word for itself; choose another name"},
	{"expected type 'bool' but found", "", `what is true or false comes of a comparison: user.title != ""`},
	{"expected type ", "", "all entries of a list or a map have one type; string() makes texts of them, dyn() lets them differ"},
	{"Syntax error: token recognition error at: '= ", "", "== compares"},
	{"Syntax error: token recognition error at: '=>", "", "a loop is written user.emails.map(e, e.value)"},
	{"Syntax error: token recognition error at: '“", "", `a text stands between straight quotation marks: "a"`},
	{"Syntax error: token recognition error at: '”", "", `a text stands between straight quotation marks: "a"`},
	{"Syntax error: token recognition error at: '‘", "", `a text stands between straight quotation marks: "a"`},
	{"Syntax error: token recognition error at: '$", "", "an expression stands there as it is, without ${ }"},
	{"Syntax error: token recognition error at: '#", "", "a comment begins with //"},
	{"Syntax error: token recognition error at: ';", "", "an expression is one value; give parts a name as expressions of their own"},
	{"Syntax error: mismatched input 'and'", "", "write && for and, || for or, ! for not"},
	{"Syntax error: mismatched input 'or'", "", "write && for and, || for or, ! for not"},
}

// valueExpected is what CEL says for "a value": all that one can begin with.
const valueExpected = "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

// explain gives the message for what CEL found in the source, and what to do. before
// is the source up to there.
func explain(env *cel.Env, source, before, message string) (explained, hint string) {
	message = strings.Replace(message, " (in container '')", "", 1)
	message = strings.Replace(message, valueExpected, "expecting a value", 1)
	for _, e := range explanations {
		if !strings.HasPrefix(message, e.celText) {
			continue
		}
		if e.message != "" {
			message = e.message
		}
		return message, e.hint
	}
	switch {
	case strings.HasPrefix(message, "Syntax error: "):
		return message, syntaxHint(source, before, message)
	case strings.HasPrefix(message, "found no matching overload for "):
		return explainOverload(env, message)
	case strings.HasSuffix(message, "does not support field selection"):
		return message, selectionHint(message)
	}
	if name, ok := quoted(message, "undefined field '"); ok && strings.HasSuffix(before, findVariable) {
		if called, ok := lookupNamed(name); ok {
			return message, called
		}
	}
	return message, nameHint(env, message)
}

// syntaxHint is about what other languages write otherwise.
func syntaxHint(source, before, message string) string {
	if token, ok := strings.CutPrefix(message, "Syntax error: token recognition error at: '"); ok && (token[0] == '"' || token[0] == '\'') {
		if strings.Contains(token, `\`) {
			return `in a text \\ stands for a backslash; r"\d" is a text in which a backslash has no meaning`
		}
		return "the text does not end: its closing quotation mark is missing"
	}
	switch {
	case strings.HasPrefix(strings.TrimSpace(source), "{{"):
		return "an expression stands there as it is, without {{ }}"
	case strings.HasPrefix(strings.TrimSpace(source), "not "):
		return "write && for and, || for or, ! for not"
	case strings.HasSuffix(strings.TrimSpace(before), "->"), strings.HasSuffix(strings.TrimSpace(before), "-"):
		return "a loop is written user.emails.map(e, e.value)"
	case strings.Contains(source, "?."), strings.Contains(source, "??"), strings.Contains(source, "?:"), strings.Contains(source, "? :"):
		return `what can be missing is written user.?title.orValue("")`
	}
	return ""
}

// selectionHint is about a field of something that has none.
func selectionHint(message string) string {
	switch typ, _ := quoted(message, "type '"); {
	case strings.HasPrefix(typ, "list("):
		return "a list has no fields: take one entry, user.emails.first().?value, or look at all, user.emails.map(e, e.value)"
	case typ == "string":
		return "a text has no fields; a function is called with brackets, as in user.title.trim()"
	}
	return ""
}

// operatorNames are CEL's names of operators, as they are written.
var operatorNames = map[string]string{
	operators.Conditional: "? :", operators.LogicalNot: "!", operators.Negate: "-", operators.In: "in",
	operators.Index: "[ ]", operators.OptIndex: "[? ]", "@sortByAssociatedKeys": "sortBy",
}

func operatorName(function string) string {
	if name, ok := operatorNames[function]; ok {
		return name
	}
	if name, ok := operators.FindReverseBinaryOperator(function); ok {
		return name
	}
	return function
}
