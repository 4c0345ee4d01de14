package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// maxPasses is how often the rules are planned over their own result until it must
// stay the same. Rules that build on one another in the wrong order need one pass
// more for each.
const maxPasses = 6

// everyField stands for all fields of the record.
const everyField = "*"

// unstable finds the rules whose result makes them change the record again, for ever:
// record.jobTitle + "x" does, and so do two rules that each set what the other one
// reads. It plans again over the result, unless no rule read a field that changed:
// then the rules cannot come to anything else. The outcomes say what is wrong.
func (p *planner) unstable(rules []*Rule, first pass, failed map[*Rule]Outcome) (map[*Rule]Outcome, error) {
	passes := []pass{first}
	for last := first; last.readsWhatChanged(); {
		if len(passes) == maxPasses {
			return blame(passes), nil
		}
		next, err := p.pass(rules, last.after.written(), failed)
		if err != nil {
			return nil, err
		}
		passes = append(passes, next)
		last = next
	}
	return nil, nil
}

// written are the records as the next run finds them.
func (r records) written() records {
	next := records{}
	for kind, state := range r {
		next[kind] = recordState{record: state.record}
	}
	return next
}

// changed are the names of the fields of a kind that differ after the pass.
func (p pass) changed(kind *recordKind) map[string]bool {
	before, after := p.before[kind].record, p.after[kind].record
	if after == nil {
		return nil
	}
	if before == nil {
		before = kind.newRecord()
	}
	fields := map[string]bool{}
	for _, change := range kind.differences(before, after, false) {
		fields[change.Field] = true
	}
	return fields
}

func (p pass) readsWhatChanged() bool {
	changed := map[*recordKind]map[string]bool{}
	for i := range p.steps {
		s := &p.steps[i]
		if len(s.reads) == 0 {
			continue
		}
		kind := s.rule.record
		if changed[kind] == nil {
			changed[kind] = p.changed(kind)
		}
		if s.readsAnyOf(changed[kind]) {
			return true
		}
	}
	return false
}

// readsAnyOf reports whether what the rule does depends on one of the fields. Reading
// all custom fields is reading each.
func (s *step) readsAnyOf(fields map[string]bool) bool {
	for field := range fields {
		if s.reads[field] || s.reads[everyField] || strings.HasPrefix(field, customFieldPrefix) && s.reads["customFields"] {
			return true
		}
	}
	return false
}

// culprit is a rule that goes on changing the record, and the fields that it changes.
type culprit struct {
	rule   *Rule
	fields map[string]bool
	step   step
}

// blame names the rules that both read and change what does not come to rest. The
// first passes do not count: in them rules can still follow one another.
func blame(passes []pass) map[*Rule]Outcome {
	culprits := map[*Rule]*culprit{}
	for _, pass := range passes[len(passes)/2:] {
		for _, s := range pass.steps {
			restless := pass.changed(s.rule.record)
			if !s.readsAnyOf(restless) {
				continue
			}
			for _, change := range s.outcome.Changes {
				if !restless[change.Field] {
					continue
				}
				if culprits[s.rule] == nil {
					culprits[s.rule] = &culprit{rule: s.rule, fields: map[string]bool{}}
				}
				culprits[s.rule].fields[change.Field] = true
				culprits[s.rule].step = s
			}
		}
	}
	outcomes := map[*Rule]Outcome{}
	for _, s := range passes[0].steps {
		if c := culprits[s.rule]; c != nil {
			outcomes[s.rule] = c.outcome(s.outcome, culprits)
		}
	}
	return outcomes
}

// outcome is that of the first pass, as a failure.
func (c *culprit) outcome(first Outcome, culprits map[*Rule]*culprit) Outcome {
	var others []string
	for _, other := range culprits {
		if other.rule != c.rule && other.rule.record == c.rule.record && c.step.readsAnyOf(other.fields) {
			others = append(others, other.rule.name)
		}
	}
	slices.Sort(others)
	cause := "because the value depends on what the rule itself sets"
	if len(others) > 0 {
		cause = "because the rule depends on what rule " + strings.Join(others, " and rule ") + " sets, and that on what this rule sets"
	}
	return Outcome{
		Rule: first.Rule, Generation: first.Generation, Kind: first.Kind, Expressions: first.Expressions,
		Reason: v1alpha1.ReasonUnstableResult,
		Message: Cut(fmt.Sprintf("rule %s: %s would change again each time the rules run, %s; "+
			`take the value from the subject, set it only "when: created", or only while the field is empty`,
			first.Rule, strings.Join(slices.Sorted(maps.Keys(c.fields)), ", "), cause), MaxMessageLength),
	}
}

// fieldsOf are the fields of a variable that an expression can read, everyField when
// it uses the variable as a whole.
func fieldsOf(expression celast.Expr, variable string) []string {
	fields := map[string]bool{}
	uses, selected := 0, 0
	is := func(e celast.Expr) bool { return e.Kind() == celast.IdentKind && e.AsIdent() == variable }
	celast.PreOrderVisit(expression, celast.NewExprVisitor(func(e celast.Expr) {
		switch {
		case is(e):
			uses++
		case e.Kind() == celast.SelectKind && is(e.AsSelect().Operand()):
			selected++
			fields[e.AsSelect().FieldName()] = true
		case e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.OptSelect && is(e.AsCall().Args()[0]):
			selected++
			if name, ok := e.AsCall().Args()[1].AsLiteral().(types.String); ok {
				fields[string(name)] = true
			}
		}
	}))
	if uses > selected {
		fields[everyField] = true
	}
	return slices.Sorted(maps.Keys(fields))
}
