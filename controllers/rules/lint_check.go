package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Problem is one thing that keeps a rule from compiling, for people who look at the
// rule's manifest.
type Problem struct {
	*CompileError
	// Path is the field of the manifest, such as spec.update.set[0].value.
	Path string
	// Text is the expression at Path as it is written, "" where the problem is not in
	// the text of an expression.
	Text string
}

// Excerpt is the line of Text in which the problem is, without the white space around it.
func (p Problem) Excerpt() string {
	lines := strings.Split(p.Text, "\n")
	return strings.TrimSpace(lines[max(0, min(p.Line-1, len(lines)-1))])
}

// Check finds everything that keeps a rule from compiling, where Compile stops at the
// first: one problem for each expression and field at most, because what follows in
// the same text often comes of it. A rule without problems compiles.
func Check(rule *v1alpha1.AutomationRule) ([]Problem, error) {
	subject, record, failed := kindsOf(rule)
	if failed != nil {
		return []Problem{{CompileError: failed, Path: "spec." + failed.Place}}, nil //nolint:nilerr // it is the finding
	}
	env, err := subject.env()
	if err != nil {
		return nil, err
	}
	c := &check{compiler: compiler{env: env, rule: &Rule{subject: subject, record: record, index: map[string]int{}}}}
	c.expressions(&rule.Spec)
	c.report(c.compileMatch(&rule.Spec), "spec.update.match", matchText(&rule.Spec))
	c.report(c.declareRecord(&rule.Spec), "spec.update", "")
	c.report(c.compileCondition(&rule.Spec), "spec.condition", rule.Spec.Condition)
	c.actions(&rule.Spec)
	if len(c.problems) == 0 {
		// Limits of the whole, which say nothing as long as parts of it are wrong.
		_, err := Compile(rule)
		if failed, ok := err.(*CompileError); ok { //nolint:errorlint // Compile gives it as it is
			c.report(failed, "spec", "")
		} else if err != nil {
			return nil, err
		}
	}
	return c.problems, nil
}

// check is a compiler that goes on.
type check struct {
	compiler
	problems []Problem
}

func (c *check) report(failed *CompileError, path, text string) bool {
	if failed == nil {
		return false
	}
	c.problems = append(c.problems, Problem{CompileError: failed, Path: path, Text: text})
	return true
}

// expressions declares an expression that does not compile as one of any type, so
// that what uses it is not reported for that.
func (c *check) expressions(spec *v1alpha1.AutomationRuleSpec) {
	for i, named := range spec.Expressions {
		place, path := fmt.Sprintf("expression %q", named.Name), fmt.Sprintf("spec.expressions[%d]", i)
		if c.report(c.checkName(place, named.Name), path+".name", "") {
			continue
		}
		typ := types.DynType
		e, failed := compileExpression(c.env, place, named.Value, true)
		if !c.report(failed, path+".value", named.Value) {
			typ = e.typ
		}
		c.report(c.declare(place, named.Name, typ), path+".name", "")
		c.rule.index[named.Name] = i
	}
}

func (c *check) actions(spec *v1alpha1.AutomationRuleSpec) {
	for i, name := range spec.Update.Clear {
		_, _, failed := c.actionField(fmt.Sprintf("clear[%d] %s", i, name), name, clearOperation)
		c.report(failed, fmt.Sprintf("spec.update.clear[%d]", i), "")
	}
	for _, list := range []struct {
		operation operation
		entries   []v1alpha1.FieldAssignment
	}{
		{setOperation, spec.Update.Set}, {removeOperation, spec.Update.Remove}, {addOperation, spec.Update.Add},
	} {
		for i, entry := range list.entries {
			_, failed := c.compileAssignment(list.operation, i, entry)
			path, text := fmt.Sprintf("spec.update.%s[%d].value", list.operation, i), entry.Value
			if failed != nil && failed.Line == 0 {
				path, text = fmt.Sprintf("spec.update.%s[%d]", list.operation, i), entry.Field+": "+entry.Value
			}
			c.report(failed, path, text)
		}
	}
}

func matchText(spec *v1alpha1.AutomationRuleSpec) string {
	for _, text := range spec.Update.Match {
		return string(text)
	}
	return ""
}

// Differences lists what differs between the specs of two records of one kind, in the
// order of the kind's fields; with before nil everything that after has.
func Differences(before, after Record) []v1alpha1.FieldChange {
	kind := recordKindOf(after)
	if before == nil {
		return kind.differences(kind.newRecord(), after, true)
	}
	return kind.differences(before, after, false)
}

func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Message, b.Message))
	})
}

// KindOf gives the kind of a record.
func KindOf(record Record) v1alpha1.RecordKind { return recordKindOf(record).kind }

func recordKindOf(record Record) *recordKind {
	switch record.(type) {
	case *v1alpha1.Person:
		return personKind
	case *v1alpha1.Organization:
		return organizationKind
	case *v1alpha1.Site:
		return siteKind
	}
	panic(fmt.Sprintf("rules: %T is no record", record)) // a mistake of the caller, like a wrong type
}

// HasField reports whether the spec of a record has a field of this name, which can
// be a custom field, written customFields.<id>.
func HasField(record Record, name string) bool {
	kind := recordKindOf(record)
	_, known := kind.field(name)
	_, custom := kind.customFieldID(name)
	return known || custom || kind.customFields != nil && name+"." == customFieldPrefix
}
