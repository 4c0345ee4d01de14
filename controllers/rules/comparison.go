package rules

import (
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// tooLarge begins the error of a comparison of what is too large, tooManyEntries that of a list
// which would be too long.
const (
	tooLarge       = "value too large to compare"
	tooManyEntries = "list too long"
)

// holdsOthers reports whether there are values in a value, which take time to compare.
func holdsOthers(value ref.Val) bool {
	switch value.(type) {
	case *types.Optional, *object, traits.Lister, traits.Mapper:
		return true
	}
	return false
}

// boundedComparison compares two values, unless they are too large: a list that holds
// another one again and again takes as long to compare as it would written out, and nothing
// can stop that. Where one of the two holds no others there is nothing to measure.
type boundedComparison struct {
	interpreter.InterpretableCall
	compare func(left, right ref.Val) ref.Val
	// measured says which of the two values are compared as a whole.
	measured func(left, right ref.Val) []ref.Val
}

// Exec implements interpreter.InterpretableV2.
func (b boundedComparison) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	var values [2]ref.Val
	for i, arg := range b.Args() {
		values[i] = arg.Exec(frame)
	}
	for _, value := range values {
		if types.IsUnknownOrError(value) {
			return value
		}
	}
	for _, value := range b.measured(values[0], values[1]) {
		if sizeOf(value, 0, MaxValuesSize) > MaxValuesSize {
			return types.NewErr(tooLarge)
		}
	}
	return b.compare(values[0], values[1])
}

// Eval implements interpreter.Interpretable.
func (b boundedComparison) Eval(variables interpreter.Activation) ref.Val {
	return b.Exec(interpreter.AsFrame(variables))
}

// both are the values of an == or !=.
func both(left, right ref.Val) []ref.Val {
	if holdsOthers(left) && holdsOthers(right) {
		return []ref.Val{left, right}
	}
	return nil
}

// inside are the values of an in: a map is asked for the key, and only a list is walked through.
func inside(left, right ref.Val) []ref.Val {
	_, isMap := right.(traits.Mapper)
	switch {
	case !holdsOthers(left):
		return nil
	case isMap:
		return []ref.Val{left}
	}
	return []ref.Val{left, right}
}

// boundedSum adds, unless that makes a list that is too long. CEL only notes which lists a sum is made of: it takes no
// memory to put a list behind itself, and each look at an entry goes through all of the sums below. So the sum is copied.
type boundedSum struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (b boundedSum) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	sum := b.InterpretableCall.Exec(frame)
	list, ok := sum.(traits.Lister)
	if !ok {
		return sum
	}
	if entries, ok := list.Size().(types.Int); !ok || entries > MaxRange {
		return types.NewErr(tooManyEntries)
	}
	if isGrowing(sum) {
		return sum
	}
	entries := make([]ref.Val, 0, entriesOf(sum))
	for it := list.Iterator(); it.HasNext() == types.True; {
		entries = append(entries, it.Next())
	}
	return types.NewRefValList(types.DefaultTypeAdapter, entries)
}

// isGrowing reports whether a list is the one that a loop adds its entries to: the sum is that list itself.
func isGrowing(list ref.Val) bool {
	_, ok := list.(traits.MutableLister)
	return ok
}

// Eval implements interpreter.Interpretable.
func (b boundedSum) Eval(variables interpreter.Activation) ref.Val {
	return b.Exec(interpreter.AsFrame(variables))
}

// boundOperators puts boundedComparison in place of ==, != and in, and boundedSum in place of +.
func boundOperators(step interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := step.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return step, nil
	}
	switch call.Function() {
	case operators.Add:
		return boundedSum{call}, nil
	case operators.Equals:
		return boundedComparison{call, types.Equal, both}, nil
	case operators.NotEquals:
		return boundedComparison{call, func(left, right ref.Val) ref.Val { return types.Bool(types.Equal(left, right) != types.True) }, both}, nil
	case operators.In:
		return boundedComparison{call, func(left, right ref.Val) ref.Val {
			if container, ok := right.(traits.Container); ok {
				return container.Contains(left)
			}
			return types.MaybeNoSuchOverloadErr(right)
		}, inside}, nil
	}
	return step, nil
}
