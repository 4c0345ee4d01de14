package rules

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	celfunctions "github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The cost of an expression is estimated for values of the largest sizes that a subject has,
// and counted by the sizes of what a function is given. Neither bounds what expressions hand
// to each other: a list that holds another one ten times takes little memory and is ten times
// as much to write out, and a text can be put into a text as often as that has characters.
// Therefore what an expression gives is measured, and what a function would make of texts is
// before it does.

// nodeSize is what an entry of a list or a map, or a field of an object, counts besides its
// text, in bytes.
const nodeSize = 16

// sizeOf adds the size of a value to what was counted before, in bytes. It stops as soon as
// that exceeds most, so it never takes longer than what is allowed.
func sizeOf(value ref.Val, counted, most int) int {
	counted += nodeSize
	switch v := value.(type) {
	case types.String:
		return counted + len(v)
	case types.Bytes:
		return counted + len(v)
	case *types.Optional:
		if v.HasValue() {
			return sizeOf(v.GetValue(), counted, most)
		}
	case *object:
		for i := 0; i < len(v.fields) && counted <= most; i++ {
			if f := v.fields[i]; f.isSet(v.goValue) {
				counted = sizeOf(f.get(v.goValue), counted, most)
			}
		}
	case traits.Mapper:
		for it := v.Iterator(); counted <= most && it.HasNext() == types.True; {
			key := it.Next()
			counted = sizeOf(v.Get(key), sizeOf(key, counted, most), most)
		}
	case traits.Lister:
		for it := v.Iterator(); counted <= most && it.HasNext() == types.True; {
			counted = sizeOf(it.Next(), counted, most)
		}
	}
	return counted
}

// measure counts what an expression of the rule gives against what all of them may.
func (r *run) measure(e *expression, value ref.Val) error {
	if r.size = sizeOf(value, r.size, MaxValuesSize); r.size <= MaxValuesSize {
		return nil
	}
	return &fault{v1alpha1.ReasonExpressionError, fmt.Sprintf("%s: the values of the rule's expressions up to here are larger than the limit of %d bytes for this subject; "+
		"cut lists, groups.slice(0, [groups.size(), 100].min()), and texts, user.title.substring(0, [user.title.size(), 100].min())", e.place, MaxValuesSize)}
}

// tooLong begins the error of a function that would make too long a text.
const tooLong = "text too long"

// textMakers are the functions of CEL's libraries whose result can be longer than all that
// they are given, or that write out what is no text, with the size of the result, which may
// be anything above most when it is above that.
var textMakers = []struct {
	function, overload string
	size               func(args []ref.Val, most int) int
}{
	{"replace", "string_replace_string_string", sizeReplaced},
	{"replace", "string_replace_string_string_int", sizeReplaced},
	{"join", "list_join_string", sizeJoined},
	{"format", "string_format", func(args []ref.Val, most int) int { return sizeOf(args[1], sizeOf(args[0], 0, most), most) }},
}

func sizeReplaced(args []ref.Val, _ int) int {
	text, old, replacement := textOf(args[0]), textOf(args[1]), textOf(args[2])
	count := strings.Count(text, old)
	if len(args) == 4 {
		if limit, ok := args[3].(types.Int); ok && limit >= 0 {
			count = min(count, int(limit))
		}
	}
	return len(text) + count*(len(replacement)-len(old))
}

func sizeJoined(args []ref.Val, most int) int {
	list, ok := args[0].(traits.Lister)
	if !ok {
		return 0
	}
	entries, _ := list.Size().(types.Int)
	return sizeOf(list, int(entries)*len(textOf(args[1])), most)
}

// boundedTextMakers declares textMakers anew, so that they refuse to make more than
// MaxMadeText.
func boundedTextMakers(base *cel.Env) ([]cel.EnvOption, error) {
	var options []cel.EnvOption
	for _, maker := range textMakers {
		declared := base.Functions()[maker.function]
		bindings, err := declared.Bindings()
		if err != nil {
			return nil, fmt.Errorf("bindings of %s: %w", maker.function, err)
		}
		bounded := false
		for i, overload := range declared.OverloadDecls() {
			if overload.ID() != maker.overload {
				continue
			}
			bounded = true
			options = append(options, cel.Function(maker.function, cel.MemberOverload(overload.ID(), overload.ArgTypes(), overload.ResultType(),
				cel.FunctionBinding(func(args ...ref.Val) ref.Val {
					if maker.size(args, MaxMadeText) > MaxMadeText {
						return types.NewErr(tooLong)
					}
					return callBinding(bindings[i], args)
				}))))
		}
		if !bounded {
			return nil, fmt.Errorf("function %s has no overload %s", maker.function, maker.overload)
		}
	}
	return options, nil
}

func callBinding(f *celfunctions.Overload, args []ref.Val) ref.Val {
	if len(args) == 2 && f.Binary != nil {
		return f.Binary(args[0], args[1])
	}
	return f.Function(args...)
}

// boundedComparison compares two values, unless they are too large: a list that holds
// another one again and again takes as long to compare as it would written out, and nothing
// can stop that.
type boundedComparison struct {
	interpreter.InterpretableCall
	compare func(left, right ref.Val) ref.Val
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
	for _, value := range values {
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

// tooLarge begins the error of a comparison of what is too large.
const tooLarge = "value too large to compare"

// boundComparisons puts boundedComparison in place of ==, != and in.
func boundComparisons(step interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := step.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return step, nil
	}
	switch call.Function() {
	case operators.Equals:
		return boundedComparison{call, types.Equal}, nil
	case operators.NotEquals:
		return boundedComparison{call, func(left, right ref.Val) ref.Val { return types.Bool(types.Equal(left, right) != types.True) }}, nil
	case operators.In:
		return boundedComparison{call, func(left, right ref.Val) ref.Val {
			if container, ok := right.(traits.Container); ok {
				return container.Contains(left)
			}
			return types.MaybeNoSuchOverloadErr(right)
		}}, nil
	}
	return step, nil
}
