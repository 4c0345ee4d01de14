package rules

import (
	"fmt"
	"math"
	"slices"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
)

// What to do about an expression that costs too much. Each piece of advice is compiled
// by a test: filter(), which comes to mind first, only adds to an estimate.
const (
	cheaperSort = "sort, sortBy and distinct cost the square of a list's length: cut the list before, in the same expression, " +
		"groups.slice(0, [groups.size(), 100].min()).sortBy(g, g.displayName), or take min() or max() of it; " +
		"give a list that a loop makes a name of its own and cut that, sites.slice(0, [sites.size(), 100].min())"
	cheaperLoops = "loops in one another cost the product of their lengths: cut both lists, in the same expression, " +
		"groups.slice(0, [groups.size(), 100].min()), or look with in for one value among others, groups.exists(g, g.displayName in user.emails.map(e, e.value))"
	cheaperLoop = "do less for each entry of the list: write patterns and what is looked for out as texts, take startsWith() where it is enough, " +
		"or cut the list, in the same expression, groups.slice(0, [groups.size(), 100].min())"
	cheaperText = "write patterns out as texts, or cut what is long with substring()"
	cheaperRule = "name what is needed twice as an expression of its own, or make several rules of it"
)

// sorting are the functions whose cost is the square of a list's length.
var sorting = []string{"sort", "@sortByAssociatedKeys", "distinct"}

// cheaper says what to do about an expression that costs too much, by what is in it.
func cheaper(ast *cel.Ast) string {
	deepest, sorts := loops(ast.NativeRep().Expr())
	switch {
	case sorts:
		return cheaperSort
	case deepest > 1:
		return cheaperLoops
	case deepest > 0:
		return cheaperLoop
	}
	return cheaperText
}

// loops says how many loops are in one another, and whether something is sorted. What
// sortBy makes of itself is no loop of the author's.
func loops(e celast.Expr) (deepest int, sorts bool) {
	var children []celast.Expr
	own := 0
	switch e.Kind() {
	case celast.ComprehensionKind:
		loop := e.AsComprehension()
		children = []celast.Expr{loop.LoopCondition(), loop.LoopStep()}
		if loop.AccuVar() != sortByInput {
			own = 1
		}
		for _, outside := range []celast.Expr{loop.IterRange(), loop.AccuInit(), loop.Result()} {
			depth, sorted := loops(outside)
			deepest, sorts = max(deepest, depth), sorts || sorted
		}
	case celast.CallKind:
		call := e.AsCall()
		sorts = slices.Contains(sorting, call.FunctionName())
		children = slices.Clone(call.Args())
		if call.IsMemberFunction() {
			children = append(children, call.Target())
		}
	case celast.SelectKind:
		children = []celast.Expr{e.AsSelect().Operand()}
	case celast.ListKind:
		children = e.AsList().Elements()
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			children = append(children, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
	case celast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			children = append(children, field.AsStructField().Value())
		}
	}
	inner := 0
	for _, child := range children {
		depth, sorted := loops(child)
		inner, sorts = max(inner, depth), sorts || sorted
	}
	return max(deepest, inner+own), sorts
}

// estimateTooHigh is about an expression that could cost too much.
func estimateTooHigh(ast *cel.Ast, estimate uint64) string {
	if estimate == math.MaxUint64 {
		return fmt.Sprintf("nothing bounds what the expression could cost for the largest subject, beyond the limit of %d; %s", MaxEstimatedCost, cheaper(ast))
	}
	return fmt.Sprintf("the expression could cost %d for the largest subject, %s the limit of %d; %s",
		estimate, times(estimate, MaxEstimatedCost), MaxEstimatedCost, cheaper(ast))
}

// tooExpensive is about an expression that was stopped, so what it would have cost
// is known only by its estimate.
func tooExpensive(ast *cel.Ast, estimate uint64) string {
	return fmt.Sprintf("the expression was stopped for this subject at the limit of %d cost units; for the largest subject it is estimated to cost %d, %s that; %s",
		MaxCost, estimate, times(estimate, MaxCost), cheaper(ast))
}

// ruleTooExpensive is about a rule whose expressions cost too much together.
func ruleTooExpensive(cost uint64) string {
	return fmt.Sprintf("the rule's expressions have cost %d for this subject up to here, %s the limit of %d for all of them; %s",
		cost, times(cost, MaxRuleCost), MaxRuleCost, cheaperRule)
}

// tooSlow is about a rule that ran for too long.
func tooSlow() string {
	return fmt.Sprintf("the rule was stopped for this subject after the %s that it may take; %s", MaxRuleTime, cheaperRule)
}

// times says how much larger than a limit something is.
func times(n, limit uint64) string {
	return fmt.Sprintf("%.1f times", float64(n)/float64(limit))
}
