package rules

import (
	"fmt"
	"math"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// sortByInput is what the macro sortBy calls its list.
const sortByInput = "@__sortBy_input__"

// listEstimates replace estimates of cel-go that take no notice of what bounds a list:
// a list cut by `slice(0, [n, 100].min())` has at most 100 entries, and one whose end
// is before its start, which fails when it runs, does not cost more than anything else.
func listEstimates() []checker.CostOption {
	return []checker.CostOption{
		checker.OverloadCostEstimate("list_slice", estimateSlice),
		checker.OverloadCostEstimate("lists_range", estimateRange),
	}
}

func estimateSlice(estimator checker.CostEstimator, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	if target == nil || len(args) != 2 {
		return nil
	}
	size := (*target).ComputedSize()
	if size == nil {
		size = estimator.EstimateSize(*target)
	}
	if size == nil {
		return nil
	}
	end := min(size.Max, upperBound(args[1].Expr()))
	var start uint64
	if from := args[0].Expr(); from.Kind() == celast.LiteralKind {
		start = upperBound(from)
	}
	return newList(end - min(start, end))
}

func estimateRange(_ checker.CostEstimator, _ *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	if len(args) != 1 {
		return nil
	}
	return newList(upperBound(args[0].Expr()))
}

// newList is the estimate of a call that makes a list of at most so many entries.
func newList(most uint64) *checker.CallEstimate {
	size := checker.SizeEstimate{Max: most}
	return &checker.CallEstimate{
		CostEstimate: size.MultiplyByCostFactor(1).Add(checker.FixedCostEstimate(1 + common.ListCreateBaseCost)),
		ResultSize:   &size,
	}
}

// upperBound is the largest number that an expression can give, as far as its text
// says: a number, or the smallest of several. math.MaxUint64 where it does not.
func upperBound(e celast.Expr) uint64 {
	switch e.Kind() {
	case celast.LiteralKind:
		if n, ok := e.AsLiteral().(types.Int); ok {
			return uint64(max(n, 0))
		}
	case celast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != "min" || !call.IsMemberFunction() || call.Target().Kind() != celast.ListKind {
			break
		}
		least := uint64(math.MaxUint64)
		for _, element := range call.Target().AsList().Elements() {
			least = min(least, upperBound(element))
		}
		return least
	}
	return math.MaxUint64
}

// checkRanges refuses a lists.range() that MaxCost would stop, after it has filled the
// memory.
func checkRanges(ast *cel.Ast, place string) *CompileError {
	var failed *CompileError
	celast.PostOrderVisit(ast.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if failed != nil || e.Kind() != celast.CallKind || e.AsCall().FunctionName() != "lists.range" || len(e.AsCall().Args()) != 1 {
			return
		}
		argument := e.AsCall().Args()[0]
		if upperBound(argument) <= MaxRange {
			return
		}
		location := ast.NativeRep().SourceInfo().GetStartLocation(argument.ID())
		failed = &CompileError{Place: place, Line: location.Line(), Column: location.Column() + 1,
			Message: fmt.Sprintf("lists.range() makes at most %d entries, and the expression does not say that these are fewer", MaxRange),
			Hint:    "write the most that there can be beside the number: lists.range([groups.size(), 100].min())"}
	}))
	return failed
}
