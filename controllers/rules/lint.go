package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Finding is something about a rule that compiles and is probably a mistake.
type Finding struct {
	// Rule is the rule that it is about.
	Rule string
	// Other is the rule that has to do with it, "" for none.
	Other string
	// Place is the part of the rule, as in CompileError.
	Place string
	// Message says what is odd about it. It holds no value of a subject or record.
	Message string
}

// Concerns reports whether the finding has to do with the rule of this name.
func (f Finding) Concerns(rule string) bool { return f.Rule == rule || f.Other == rule }

// String gives all of it in one line.
func (f Finding) String() string { return fmt.Sprintf("rule %s, %s: %s", f.Rule, f.Place, f.Message) }

// Lint looks for probable mistakes in the enabled rules of a namespace, without any
// subject: conditions that are always or never true, expressions that nothing uses,
// and rules that undo what others do. It finds nothing that could not be a mistake,
// and by far not every mistake.
func Lint(set []*Rule) ([]Finding, error) {
	ordered := slices.Clone(set)
	Sort(ordered)
	always := map[*Rule]bool{}
	var findings []Finding
	for _, rule := range ordered {
		values, err := constantsOf(rule)
		if err != nil {
			return nil, err
		}
		always[rule] = rule.condition == nil || values[rule.condition] == types.True
		findings = append(findings, constantFindings(rule, values)...)
		findings = append(findings, unusedFindings(rule)...)
	}
	for i, earlier := range ordered {
		for _, later := range ordered[i+1:] {
			if earlier.subject != later.subject || earlier.record != later.record || exclusive(earlier, later) {
				continue
			}
			findings = append(findings, fieldFindings(earlier, later, always[later])...)
		}
	}
	sortFindings(findings)
	return findings, nil
}

// constantsOf evaluates a rule's expressions without a subject. Those whose value does
// not depend on one are in the result.
func constantsOf(rule *Rule) (map[*expression]ref.Val, error) {
	env, err := rule.subject.env()
	if err != nil {
		return nil, err
	}
	constants := map[*expression]ref.Val{}
	known := map[string]any{}
	unknown := []*cel.AttributePatternType{cel.AttributePattern(recordVariable)}
	for _, v := range rule.subject.variables {
		unknown = append(unknown, cel.AttributePattern(v.name))
	}
	evaluate := func(e *expression) error {
		value, err := constantOf(env, e, known, unknown)
		if value != nil {
			constants[e] = value
		}
		return err
	}
	for _, named := range rule.expressions {
		if err := evaluate(named.expression); err != nil {
			return nil, err
		}
		if value, ok := constants[named.expression]; ok {
			known[named.name] = value
		} else {
			unknown = append(unknown, cel.AttributePattern(named.name))
		}
	}
	for _, e := range []*expression{rule.match, rule.condition} {
		if e == nil {
			continue
		}
		if err := evaluate(e); err != nil {
			return nil, err
		}
	}
	return constants, nil
}

// constantOf is the value of an expression that does not depend on what is unknown,
// else nil.
func constantOf(env *cel.Env, e *expression, known map[string]any, unknown []*cel.AttributePatternType) (ref.Val, error) {
	program, err := env.Program(e.ast, cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.place, err)
	}
	variables, err := cel.PartialVars(known, unknown...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.place, err)
	}
	value, _, err := program.Eval(variables)
	if err != nil || types.IsUnknownOrError(value) {
		return nil, nil //nolint:nilerr // what fails without a subject can be right with one
	}
	if e.emptyIsNone {
		value = emptyToNone(value)
	}
	return value, nil
}

func constantFindings(rule *Rule, values map[*expression]ref.Val) []Finding {
	var findings []Finding
	add := func(e *expression, message string) {
		findings = append(findings, Finding{Rule: rule.name, Place: e.place, Message: message})
	}
	if c := rule.condition; c != nil {
		switch {
		case values[c] == types.False:
			add(c, "the condition is never true, so the rule never does anything")
		case values[c] == types.True:
			add(c, "the condition is always true; leave it out")
		case contradictory(factsOf(c)):
			add(c, "the condition is never true, because one part of it excludes another; the rule never does anything")
		}
	}
	if value, ok := values[rule.match].(types.String); ok {
		if isBlank(string(value)) {
			add(rule.match, "the value is always blank, so the rule finds no record")
		} else {
			add(rule.match, "the value is the same for every subject, so all of them would have one record")
		}
	}
	return findings
}

// unusedFindings finds named expressions that nothing uses. Their values are in the
// executions all the same, where somebody may look for them.
func unusedFindings(rule *Rule) []Finding {
	used := map[string]bool{}
	for _, e := range allExpressions(rule) {
		for name := range identifiers(e) {
			used[name] = true
		}
	}
	var findings []Finding
	for _, named := range rule.expressions {
		if !used[named.name] {
			findings = append(findings, Finding{Rule: rule.name, Place: named.place, Message: "nothing uses the expression"})
		}
	}
	return findings
}

func allExpressions(rule *Rule) []*expression {
	var all []*expression
	for _, named := range rule.expressions {
		all = append(all, named.expression)
	}
	all = append(all, rule.match)
	if rule.condition != nil {
		all = append(all, rule.condition)
	}
	for _, a := range rule.actions {
		if a.value != nil {
			all = append(all, a.value)
		}
	}
	return all
}

// identifiers are the names that an expression uses.
func identifiers(e *expression) map[string]bool {
	names := map[string]bool{}
	celast.PostOrderVisit(e.ast.NativeRep().Expr(), celast.NewExprVisitor(func(node celast.Expr) {
		if node.Kind() == celast.IdentKind {
			names[strings.TrimPrefix(node.AsIdent(), ".")] = true
		}
	}))
	return names
}
