package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// explainOverload is about an operator or a function that does not take the types it
// is given: "found no matching overload for '_+_' applied to '(string, int)'".
func explainOverload(env *cel.Env, message string) (explained, hint string) {
	function, _ := quoted(message, "overload for '")
	applied, _ := quoted(message, "applied to '")
	if target, list, isMember := cutTarget(applied); isMember {
		args := append([]string{target}, splitTypes(list)...)
		return fmt.Sprintf("%s.%s() does not take (%s)", target, operatorName(function), list), functionHint(env, function, args, true)
	}
	args := splitTypes(strings.TrimSuffix(strings.TrimPrefix(applied, "("), ")"))
	name := operatorName(function)
	switch {
	case function == operators.Conditional && len(args) == 3:
		if args[0] != types.BoolType.String() {
			return fmt.Sprintf("%s decides by %s where true or false is needed", name, args[0]), comparisonHint
		}
		return fmt.Sprintf("%s gives %s or %s, and must give one type", name, args[1], args[2]), typesHint(function, args[1:])
	case name == function:
		return fmt.Sprintf("%s() does not take (%s)", name, strings.Join(args, ", ")), functionHint(env, function, args, false)
	case len(args) == 1:
		return fmt.Sprintf("the operator %s does not take %s", name, args[0]), typesHint(function, args)
	}
	return fmt.Sprintf("the operator %s does not take %s", name, strings.Join(args, " and ")), typesHint(function, args)
}

const comparisonHint = `what is true or false comes of a comparison: user.title != ""`

// typesHint says how to bring the operands of an operator together.
func typesHint(function string, args []string) string {
	has := func(is func(string) bool) bool { return slices.ContainsFunc(args, is) }
	isType := func(t string) func(string) bool { return func(arg string) bool { return arg == t } }
	isNumber := func(arg string) bool { return arg == "int" || arg == "uint" || arg == "double" }
	isList := func(arg string) bool { return strings.HasPrefix(arg, "list(") }
	switch {
	case has(isOptional):
		return `orValue() takes a value out of an optional: user.?title.orValue("")`
	case has(isType("null")):
		return `a text that was not sent is ""; has(user.title) tells whether it was`
	case function == operators.LogicalNot:
		return comparisonHint
	case function == operators.In && len(args) == 2 && args[1] == "string":
		return `a text holds another with contains(): user.title.contains("a")`
	case function == operators.Index || function == operators.OptIndex:
		return indexHint(args[0])
	case has(isList):
		return `one entry of a list is user.emails.first().?value.orValue(""); whether one of them fits says user.emails.exists(e, e.value == "a")`
	case has(isType("string")) && has(isNumber):
		return "string() makes a text of a number, int() a number of a text"
	case has(isType("string")) && len(args) == 2 && function == operators.Add:
		return "string() makes a text of other values"
	case has(isNumber) && len(args) == 2 && isNumber(args[0]) && isNumber(args[1]):
		return "numbers are of one type: 1 is an int, 1u a uint, 1.0 a double; int(), uint() and double() convert"
	case function == operators.Equals && has(isType("bool")):
		return `true and false stand without quotation marks; a text is compared with a text: user.userType == "true"`
	}
	return ""
}

func indexHint(container string) string {
	switch {
	case strings.HasPrefix(container, "list("):
		return "an entry of a list has a number, user.emails[0]; others are found with user.emails.filter(e, e.type == \"work\")"
	case isWord(container):
		return "a field is read with a dot: user.title"
	}
	return ""
}

func isOptional(t string) bool { return strings.HasPrefix(t, optionalTypeName+"(") }

// functionHint says what a function takes, with a value taken out of an optional where
// that is all that is missing.
func functionHint(env *cel.Env, function string, args []string, member bool) string {
	switch {
	case member && !isOptional(args[0]) && slices.Contains([]string{"orValue", "or", "hasValue", "value", "optMap", "optFlatMap"}, function):
		return `only an optional has this function, and .? or [?] makes one: user.?title.orValue("")`
	case function == "@sortByAssociatedKeys":
		return "sortBy() takes what can be compared, such as a text: groups.sortBy(g, g.displayName)"
	case member && isOptional(args[0]) && function != "orValue":
		return `orValue() takes a value out of an optional: user.?title.orValue("").trim()`
	}
	declared, ok := env.Functions()[function]
	if !ok {
		return ""
	}
	var forms []string
	for _, overload := range declared.OverloadDecls() {
		forms = append(forms, signature(function, overload.IsMemberFunction(), overload.ArgTypes()))
	}
	const most = 4
	if len(forms) > most {
		forms = append(forms[:most], "…")
	}
	return "its forms are " + strings.Join(forms, ", ")
}

// signature is how a function is called: "string.startsWith(string)".
func signature(name string, member bool, args []*types.Type) string {
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = arg.String()
	}
	if member {
		return fmt.Sprintf("%s.%s(%s)", texts[0], name, strings.Join(texts[1:], ", "))
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(texts, ", "))
}

// cutTarget splits "list(string).(int)" into what the function is called on and its
// arguments.
func cutTarget(applied string) (target, args string, isMember bool) {
	target, args, isMember = strings.Cut(applied, ".(")
	return target, strings.TrimSuffix(args, ")"), isMember
}

// splitTypes splits at the commas that are not within brackets.
func splitTypes(list string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	if rest := strings.TrimSpace(list[start:]); rest != "" {
		parts = append(parts, rest)
	}
	return parts
}
