package rules

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

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
	return measure{node: nodeSize, char: 1, most: most}.add(value, counted)
}

// nodesOf is the number of entries and fields that there are in a value, itself included. It
// stops as soon as that exceeds MaxCost.
func nodesOf(value ref.Val) int {
	return measure{node: 1, most: MaxCost}.add(value, 0)
}

// measure says what counts in a value: each node, and each byte of a text.
type measure struct{ node, char, most int }

func (m measure) add(value ref.Val, counted int) int {
	counted += m.node
	switch v := value.(type) {
	case types.String:
		return counted + m.char*len(v)
	case types.Bytes:
		return counted + m.char*len(v)
	case *types.Optional:
		if v.HasValue() {
			return m.add(v.GetValue(), counted)
		}
	case *object:
		for i := 0; i < len(v.fields) && counted <= m.most; i++ {
			if f := v.fields[i]; f.isSet(v.goValue) {
				counted = m.add(f.get(v.goValue), counted)
			}
		}
	case traits.Mapper:
		for it := v.Iterator(); counted <= m.most && it.HasNext() == types.True; {
			key := it.Next()
			counted = m.add(v.Get(key), m.add(key, counted))
		}
	case traits.Lister:
		for it := v.Iterator(); counted <= m.most && it.HasNext() == types.True; {
			counted = m.add(it.Next(), counted)
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
