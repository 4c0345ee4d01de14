package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// expression is a compiled CEL expression at its place in a rule.
type expression struct {
	place string
	// text is the expression as it is written in the rule.
	text    string
	ast     *cel.Ast
	program cel.Program
	// typ is the type of the value, an optional where emptyIsNone is set.
	typ *types.Type
	// emptyIsNone is the leading "?": an empty result is none.
	emptyIsNone bool
	// recordFields are the fields of the record that the expression can read.
	recordFields []string
	// estimate is the most that the expression can cost by the estimate.
	estimate uint64
}

// compileExpression compiles the text at a place of the rule. withShorthand allows
// the leading "?".
func compileExpression(env *cel.Env, place, text string, withShorthand bool) (*expression, *CompileError) {
	if utf8.RuneCountInString(text) > MaxExpressionLength {
		return nil, &CompileError{Place: place, Message: fmt.Sprintf("an expression holds at most %d characters", MaxExpressionLength)}
	}
	e := &expression{place: place, text: text}
	source, shorthand := withoutShorthand(text)
	if shorthand && !withShorthand {
		return nil, compileErrorAt(place, text, strings.IndexByte(text, '?'),
			`a leading "?" has a meaning only for named expressions and the values of set, add and remove`)
	}
	e.emptyIsNone = shorthand
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, firstError(env, place, issues.Errors())
	}
	estimate, err := env.EstimateCost(ast, newCostEstimator())
	if err != nil {
		return nil, &CompileError{Place: place, Message: fmt.Sprintf("the cost cannot be estimated: %v", err)}
	}
	if estimate.Max > MaxEstimatedCost {
		return nil, &CompileError{Place: place, Message: estimateTooHigh(estimate.Max)}
	}
	if e.program, err = env.Program(ast); err != nil {
		return nil, &CompileError{Place: place, Message: err.Error()}
	}
	e.ast, e.typ, e.estimate = ast, ast.OutputType(), estimate.Max
	e.recordFields = fieldsOf(ast.NativeRep().Expr(), recordVariable)
	if shorthand && e.typ.TypeName() != optionalTypeName {
		e.typ = types.NewOptionalType(e.typ)
	}
	return e, nil
}

const optionalTypeName = "optional_type"

// withoutShorthand replaces a leading "?" by a space, so that columns stay.
func withoutShorthand(text string) (string, bool) {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "?") {
		return text, false
	}
	return text[:len(text)-len(trimmed)] + " " + trimmed[1:], true
}

func compileErrorAt(place, text string, offset int, message string) *CompileError {
	before := text[:offset]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &CompileError{Place: place, Line: line, Column: column, Message: message}
}

// firstError reports the error that comes first in the text: the others often
// follow from it.
func firstError(env *cel.Env, place string, all []*common.Error) *CompileError {
	first := all[0]
	for _, e := range all[1:] {
		a, b := e.Location, first.Location
		if a.Line() < b.Line() || a.Line() == b.Line() && a.Column() < b.Column() {
			first = e
		}
	}
	message := strings.Replace(first.Message, " (in container '')", "", 1)
	return &CompileError{
		Place:   place,
		Line:    max(first.Location.Line(), 1),
		Column:  first.Location.Column() + 1,
		Message: message,
		Hint:    hint(env, message),
	}
}

// evaluate gives the value and what it cost. The error is a *fault, or that of ctx.
func (e *expression) evaluate(ctx context.Context, variables cel.Activation) (value ref.Val, cost uint64, err error) {
	value, details, err := e.program.ContextEval(ctx, variables)
	if actual := details.ActualCost(); actual != nil {
		cost = *actual
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, cost, ctx.Err()
		}
		return nil, cost, e.runtimeError(err)
	}
	if e.emptyIsNone {
		value = emptyToNone(value)
	}
	return value, cost, nil
}

// runtimeError keeps of CEL's error what cannot hold a value: the place, and one of
// a few causes.
func (e *expression) runtimeError(err error) *fault {
	where := e.place
	var celError *types.Err
	if errors.As(err, &celError) && celError.NodeID() != 0 {
		location := e.ast.NativeRep().SourceInfo().GetStartLocation(celError.NodeID())
		if location.Line() > 0 {
			where = fmt.Sprintf("%s, line %d, column %d", where, location.Line(), location.Column()+1)
		}
	}
	if strings.Contains(err.Error(), "cost limit exceeded") {
		return &fault{v1alpha1.ReasonExpressionError, where + ": " + tooExpensive(e.estimate)}
	}
	for _, cause := range runtimeCauses {
		if strings.Contains(err.Error(), cause.celText) {
			return &fault{v1alpha1.ReasonExpressionError, where + ": " + cause.meaning}
		}
	}
	return &fault{v1alpha1.ReasonExpressionError, where + ": the expression cannot be evaluated for this subject"}
}

// fault is why a rule does nothing for a subject. Its message names the place in the
// rule and holds no value.
type fault struct{ reason, message string }

func (f *fault) Error() string { return f.message }

// runtimeCauses translate CEL's run-time errors, which can quote a value.
var runtimeCauses = []struct{ celText, meaning string }{
	{"no such key", "a map has no such key; write [?key] or .?key where it can be missing"},
	{"no such field", "an object has no such field"},
	{"index out of bounds", "a list has no such entry; write [?index] where it can be missing"},
	{"index out of range", "an index is out of range"},
	{"optional.none() dereference", "a value is taken out of an optional that is none; use orValue()"},
	{"no such overload", "an operand has a type that the operator or function does not take"},
	{"division by zero", "a number is divided by zero"},
	{"modulus by zero", "a number is divided by zero"},
	{"overflow", "a number is too large"},
	{"type conversion error", "a value cannot be converted to the type"},
	{"regexp", "a regular expression is not valid"},
}
