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
		return nil, firstError(env, place, source, issues.Errors())
	}
	if failed := checkRanges(ast, place); failed != nil {
		return nil, failed
	}
	estimate, err := env.EstimateCost(ast, newCostEstimator())
	if err != nil {
		return nil, &CompileError{Place: place, Message: fmt.Sprintf("the cost cannot be estimated: %v", err)}
	}
	if estimate.Max > MaxEstimatedCost {
		return nil, &CompileError{Place: place, Message: estimateTooHigh(ast, estimate.Max)}
	}
	if e.program, err = env.Program(ast); err != nil {
		if failed := wrongConstant(ast, place); failed != nil {
			return nil, failed
		}
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
func firstError(env *cel.Env, place, source string, all []*common.Error) *CompileError {
	first := all[0]
	for _, e := range all[1:] {
		a, b := e.Location, first.Location
		if a.Line() < b.Line() || a.Line() == b.Line() && a.Column() < b.Column() {
			first = e
		}
	}
	if strings.HasPrefix(first.Message, "invalid ") && strings.HasSuffix(first.Message, " argument") {
		if parsed, issues := env.Parse(source); issues.Err() == nil {
			if failed := wrongConstant(parsed, place); failed != nil {
				return failed
			}
		}
	}
	failed := &CompileError{Place: place, Line: max(first.Location.Line(), 1), Column: max(first.Location.Column()+1, 1)}
	failed.Message, failed.Hint = explain(env, source, textBefore(source, failed.Line, failed.Column), first.Message)
	if failed.Message == tooDeep {
		failed.Line, failed.Column = 0, 0 // the parser gives up on the whole
	}
	return failed
}

// textBefore is the part of a line that is before a column.
func textBefore(source string, line, column int) string {
	lines := strings.Split(source, "\n")
	text := []rune(lines[min(line, len(lines))-1])
	return string(text[:min(column-1, len(text))])
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
		return &fault{v1alpha1.ReasonExpressionError, where + ": " + tooExpensive(e.ast, e.estimate)}
	}
	return &fault{v1alpha1.ReasonExpressionError, where + ": " + causeOf(err.Error())}
}

// fault is why a rule does nothing for a subject. Its message names the place in the
// rule and holds no value.
type fault struct{ reason, message string }

func (f *fault) Error() string { return f.message }
