package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// patternFunctions take a regular expression, and where among their arguments when
// they are called on a text; one more when the text is the first of them.
var patternFunctions = []string{overloads.Matches, "find", "findAll"}

// conversions are the functions that make a value of another type.
var conversions = map[string]ref.Type{
	overloads.TypeConvertInt: types.IntType, overloads.TypeConvertUint: types.UintType, overloads.TypeConvertDouble: types.DoubleType,
	overloads.TypeConvertBool: types.BoolType, overloads.TypeConvertString: types.StringType,
	overloads.TypeConvertTimestamp: types.TimestampType, overloads.TypeConvertDuration: types.DurationType,
}

// wrongConstant finds the text in an expression that keeps it from compiling though it
// is correct CEL, such as a pattern that is not valid: CEL reports it without saying
// where, or why. Nil when there is none.
func wrongConstant(ast *cel.Ast, place string) *CompileError {
	var failed *CompileError
	celast.PostOrderVisit(ast.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if failed != nil || e.Kind() != celast.CallKind {
			return
		}
		argument, message, hint := checkConstant(e.AsCall())
		if message == "" {
			return
		}
		location := ast.NativeRep().SourceInfo().GetStartLocation(argument.ID())
		failed = &CompileError{Place: place, Line: location.Line(), Column: location.Column() + 1, Message: message, Hint: hint}
	}))
	return failed
}

func checkConstant(call celast.CallExpr) (argument celast.Expr, message, hint string) {
	for _, function := range patternFunctions {
		if call.FunctionName() != function || len(call.Args()) == 0 {
			continue
		}
		argument = call.Args()[0]
		if !call.IsMemberFunction() {
			argument = call.Args()[len(call.Args())-1]
		}
		if pattern, ok := constant(argument).(types.String); ok {
			message, hint = checkPattern(string(pattern))
		}
		return argument, message, hint
	}
	wanted, ok := conversions[call.FunctionName()]
	if !ok || len(call.Args()) != 1 {
		return nil, "", ""
	}
	argument = call.Args()[0]
	value := constant(argument)
	if value == nil {
		return nil, "", ""
	}
	if err, failed := value.ConvertToType(wanted).(*types.Err); failed {
		return argument, causeOf(err.Error()), ""
	}
	return nil, "", ""
}

// constant is the value of a literal, else nil.
func constant(e celast.Expr) ref.Val {
	if e.Kind() != celast.LiteralKind {
		return nil
	}
	return e.AsLiteral()
}

// checkPattern says what is wrong with a regular expression, or "".
func checkPattern(pattern string) (message, hint string) {
	_, err := regexp.Compile(pattern)
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return "", ""
	}
	return fmt.Sprintf("%s: %s: %s", wrongPattern, wrong.Code, Cut(wrong.Expr, 100)), patternHint(wrong.Code)
}

const wrongPattern = "a regular expression is not valid"

// patternHint says what to do about a pattern that is not valid.
func patternHint(code syntax.ErrorCode) string {
	switch code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape:
		return `the syntax is RE2's, without looking ahead or behind and without references to groups such as \1; the end of the text is $`
	case syntax.ErrInvalidRepeatSize, syntax.ErrInvalidRepeatOp, syntax.ErrLarge, syntax.ErrNestingDepth:
		return "a part is repeated at most 1000 times, all in all, and only once: (a{2}){3}"
	case syntax.ErrMissingBracket, syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingRepeatArgument:
		return "a character that has a meaning of its own is written in square brackets where it stands for itself: [(] [[] [*]"
	}
	return ""
}

// patternCodes are the reasons for which a regular expression is not valid.,
// longer ones before those that they begin with.
var patternCodes = []syntax.ErrorCode{
	syntax.ErrInvalidCharRange, syntax.ErrInvalidCharClass, syntax.ErrInvalidEscape, syntax.ErrInvalidNamedCapture,
	syntax.ErrInvalidPerlOp, syntax.ErrInvalidRepeatOp, syntax.ErrInvalidRepeatSize, syntax.ErrInvalidUTF8,
	syntax.ErrMissingBracket, syntax.ErrMissingParen, syntax.ErrMissingRepeatArgument, syntax.ErrTrailingBackslash,
	syntax.ErrUnexpectedParen, syntax.ErrNestingDepth, syntax.ErrLarge,
}
