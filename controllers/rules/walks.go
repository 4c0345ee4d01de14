package rules

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/cel"
	celfunctions "github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apiserver/pkg/cel/library"
)

// Some functions of CEL's libraries walk through all that they are given, in one step that
// nothing can stop. What that costs CEL counts when it is done, and by the number of entries:
// not by what is in them, nor by what is compared with what. Here it is counted before, by what
// there is to walk through, and a walk that would cost more than MaxCost is not begun.

// tooFar begins the error of a walk that is not begun.
const tooFar = "too much to walk through"

// charsPerUnit is how many comparisons of characters cost as much as one of two values.
const charsPerUnit = 64

// walkers are those functions, with what a call costs, which may be anything above MaxCost when
// it is above that.
var walkers = []struct {
	function  string
	overloads []string
	cost      func(args []ref.Val) uint64
}{
	{"indexOf", []string{"list_a_index_of_int"}, costOfEntries},
	{"lastIndexOf", []string{"list_a_last_index_of_int"}, costOfEntries},
	{"includes", []string{"list_includes_dyn_dyn"}, costOfEntries},
	{"flatten", []string{"list_flatten", "list_flatten_int"}, costOfEntries},
	{"distinct", []string{"list_distinct"}, func(args []ref.Val) uint64 { return 2 * pairs(args[0], args[0]) }},
	{"sets.contains", []string{"list_sets_contains_list"}, costOfSets},
	{"sets.intersects", []string{"list_sets_intersects_list"}, costOfSets},
	{"sets.equivalent", []string{"list_sets_equivalent_list"}, func(args []ref.Val) uint64 { return 2 * costOfSets(args) }},
	{"indexOf", []string{"string_index_of_string", "string_index_of_string_int"}, costOfSearch},
	{"lastIndexOf", []string{"string_last_index_of_string", "string_last_index_of_string_int"}, costOfSearch},
	{"charAt", []string{"string_char_at_int"}, func(args []ref.Val) uint64 { return costOfText(args[0]) }},
}

func costOfEntries(args []ref.Val) uint64 { return uint64(nodesOf(args[0])) }

func costOfSets(args []ref.Val) uint64 { return max(pairs(args[0], args[1]), pairs(args[1], args[0])) }

// pairs is what it costs to compare each entry of one list with all of another one.
func pairs(one, other ref.Val) uint64 {
	return uint64(entriesOf(one)) * uint64(nodesOf(other))
}

// entriesOf is the number of entries of a list, at most one more than MaxCost.
func entriesOf(value ref.Val) int {
	sizer, ok := value.(traits.Sizer)
	if !ok {
		return 1
	}
	entries, _ := sizer.Size().(types.Int)
	return int(min(entries, MaxCost+1))
}

func costOfText(value ref.Val) uint64 { return 1 + uint64(len(textOf(value)))/10 }

// costOfSearch is that of a search which compares what is looked for at each character.
func costOfSearch(args []ref.Val) uint64 {
	return costOfText(args[0]) + uint64(len(textOf(args[0])))*uint64(len(textOf(args[1])))/charsPerUnit
}

// boundedFunctions declares textMakers and walkers anew, so that they refuse what is too much.
func boundedFunctions(base *cel.Env) ([]cel.EnvOption, error) {
	var options []cel.EnvOption
	for _, maker := range textMakers {
		bounded, err := bounded(base, maker.function, maker.overload, func(args []ref.Val) ref.Val {
			if maker.size(args, MaxMadeText) > MaxMadeText {
				return types.NewErr(tooLong)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		options = append(options, bounded)
	}
	for _, walker := range walkers {
		for _, id := range walker.overloads {
			bounded, err := bounded(base, walker.function, id, func(args []ref.Val) ref.Val {
				if walker.cost(args) > MaxCost {
					return types.NewErr(tooFar)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			options = append(options, bounded)
		}
	}
	return options, nil
}

// bounded declares an overload of a function anew, which is only called where refuse gives nil.
func bounded(base *cel.Env, function, id string, refuse func(args []ref.Val) ref.Val) (cel.EnvOption, error) {
	declared, ok := base.Functions()[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %s", function)
	}
	bindings, err := declared.Bindings()
	if err != nil {
		return nil, fmt.Errorf("bindings of %s: %w", function, err)
	}
	at := slices.IndexFunc(bindings, func(b *celfunctions.Overload) bool { return b.Operator == id })
	for _, overload := range declared.OverloadDecls() {
		if overload.ID() != id || at < 0 {
			continue
		}
		declare := cel.Overload
		if overload.IsMemberFunction() {
			declare = cel.MemberOverload
		}
		return cel.Function(function, declare(id, overload.ArgTypes(), overload.ResultType(), cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			if refused := refuse(args); refused != nil {
				return refused
			}
			return callBinding(bindings[at], args)
		}))), nil
	}
	return nil, fmt.Errorf("function %s has no overload %s", function, id)
}

func callBinding(f *celfunctions.Overload, args []ref.Val) ref.Val {
	switch {
	case len(args) == 1 && f.Unary != nil:
		return f.Unary(args[0])
	case len(args) == 2 && f.Binary != nil:
		return f.Binary(args[0], args[1])
	}
	return f.Function(args...)
}

// walkTrackers count at run time what walkers cost, where CEL knows beforehand which one is called.
func walkTrackers() []interpreter.CostTrackerOption {
	var options []interpreter.CostTrackerOption
	for _, walker := range walkers {
		for _, id := range walker.overloads {
			options = append(options, interpreter.OverloadCostTracker(id, func(args []ref.Val, result ref.Val) *uint64 {
				return walked(walker.cost, args, result)
			}))
		}
	}
	return options
}

// refusedCost is what it costs to find out that a walk or a comparison is too much, which an
// expression can go on after: ||, && and the loops take no notice of an error that changes nothing.
const refusedCost = MaxCost / 10

// walked is what a walk has cost.
func walked(cost func(args []ref.Val) uint64, args []ref.Val, result ref.Val) *uint64 {
	if failed, ok := result.(*types.Err); ok && (failed.String() == tooFar || failed.String() == tooLarge) {
		return new(uint64(refusedCost))
	}
	if types.IsUnknownOrError(result) || slices.ContainsFunc(args, types.IsUnknownOrError) {
		return new(uint64(1))
	}
	return new(cost(args))
}

// callCosts counts at run time what calls cost. It knows what the Kubernetes libraries cost, and
// counts walks and comparisons also where only the values tell which function is called.
type callCosts struct{ library.CostEstimator }

// CallCost implements interpreter.ActualCostEstimator.
func (c *callCosts) CallCost(function, overloadID string, args []ref.Val, result ref.Val) *uint64 {
	switch function {
	case operators.Equals, operators.NotEquals:
		if cost := comparisonCost(args, result); cost != nil {
			*cost = (*cost + 9) / 10
			return cost
		}
	case operators.Add:
		if _, isList := result.(traits.Lister); isList && !isGrowing(result) {
			return new(1 + uint64(entriesOf(result)))
		}
	case operators.In:
		if _, isMap := args[1].(traits.Mapper); isMap {
			return new(uint64(nodesOf(args[0])))
		}
		if cost := comparisonCost(args, result); cost != nil {
			return cost
		}
		if list, ok := args[1].(traits.Lister); ok {
			return new(uint64(entriesOf(list)))
		}
	case "indexOf", "lastIndexOf":
		if _, ok := args[0].(types.String); ok {
			return walked(costOfSearch, args, result)
		}
		return walked(costOfEntries, args, result)
	case "flatten":
		return walked(costOfEntries, args, result)
	}
	return c.CostEstimator.CallCost(function, overloadID, args, result)
}

// comparisonCost is one for each node of two values; nil where one of them holds no others, or
// where they are not compared.
func comparisonCost(args []ref.Val, result ref.Val) *uint64 {
	if len(args) != 2 || !holdsOthers(args[0]) || !holdsOthers(args[1]) {
		return nil
	}
	return walked(func(args []ref.Val) uint64 { return uint64(nodesOf(args[0]) + nodesOf(args[1])) }, args, result)
}
