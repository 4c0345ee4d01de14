package rules

import (
	"fmt"
	"strings"

	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// fact is a part of a condition which must hold for the whole to hold: that what a
// path such as user.userType leads to equals a literal, or does not.
type fact struct {
	path, literal string
	equal         bool
}

// isTrue is the literal of a path that stands alone.
const isTrue = "bool true"

// factsOf are the facts among the parts of a condition that are joined by &&.
func factsOf(e *expression) []fact {
	if e == nil {
		return nil
	}
	return factsIn(e.ast.NativeRep().Expr())
}

func factsIn(node celast.Expr) []fact {
	if path, ok := pathOf(node); ok {
		return []fact{{path, isTrue, true}}
	}
	if node.Kind() != celast.CallKind {
		return nil
	}
	call := node.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		return append(factsIn(args[0]), factsIn(args[1])...)
	case operators.LogicalNot:
		if path, ok := pathOf(args[0]); ok {
			return []fact{{path, isTrue, false}}
		}
	case operators.Equals, operators.NotEquals:
		for _, sides := range [][2]celast.Expr{{args[0], args[1]}, {args[1], args[0]}} {
			path, ok := pathOf(sides[0])
			if ok && sides[1].Kind() == celast.LiteralKind {
				switch literal := sides[1].AsLiteral(); literal.(type) {
				case types.String, types.Bool: // numbers of two types can be equal
					return []fact{{path, fmt.Sprintf("%s %v", literal.Type().TypeName(), literal.Value()), call.FunctionName() == operators.Equals}}
				}
			}
		}
	}
	return nil
}

// pathOf is the text of a chain of fields, such as user.enterprise.department.
func pathOf(node celast.Expr) (string, bool) {
	switch node.Kind() {
	case celast.IdentKind:
		return node.AsIdent(), true
	case celast.SelectKind:
		selection := node.AsSelect()
		if selection.IsTestOnly() {
			return "", false
		}
		operand, ok := pathOf(selection.Operand())
		return operand + "." + selection.FieldName(), ok
	}
	return "", false
}

// contradictory reports whether no subject can have all of the facts.
func contradictory(facts []fact) bool {
	for i, a := range facts {
		for _, b := range facts[i+1:] {
			if a.path != b.path {
				continue
			}
			if a.equal && b.equal && a.literal != b.literal || a.equal != b.equal && a.literal == b.literal {
				return true
			}
		}
	}
	return false
}

// exclusive reports whether no subject can meet the conditions of both rules. Only
// facts about the subject count: a name can stand for something else in each rule,
// and the record changes between them.
func exclusive(a, b *Rule) bool {
	ofSubject := func(rule *Rule) []fact {
		var facts []fact
		for _, f := range factsOf(rule.condition) {
			if _, named := rule.index[rootOf(f.path)]; !named && rootOf(f.path) != recordVariable {
				facts = append(facts, f)
			}
		}
		return facts
	}
	return contradictory(append(ofSubject(a), ofSubject(b)...))
}

func rootOf(path string) string {
	root, _, _ := strings.Cut(path, ".")
	return root
}
