package rules

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// run is one rule at work on one subject. It gives the rule's expressions their
// variables.
type run struct {
	*planner
	// ctx ends when the rule has run for too long.
	//nolint:containedctx // a run is the parameters of one call
	ctx  context.Context
	step *step
	rule *Rule
	kind *recordKind
	// state is the record that the rule works on.
	state recordState
	// values are those of the rule's named expressions so far.
	values []ref.Val
	// cost is what the rule's expressions have cost so far, in CEL cost units.
	cost uint64
	// size is what the values of the rule's expressions have taken so far, in bytes.
	size int
	// applied are the owners of those fields of the record that others applied.
	applied map[string]applied.Owner
	// kept are the fields that the rule leaves as they are.
	kept []Kept
	// overruled is Outcome.Overruled.
	overruled string
	// readsRecord says that the expression which is evaluated has read the record.
	readsRecord bool
	// searched says that found and searchError are known.
	searched    bool
	found       Record
	searchError error
}

var _ cel.Activation = (*run)(nil)

// ResolveName is part of cel.Activation.
func (r *run) ResolveName(name string) (any, bool) {
	if i, ok := r.rule.index[name]; ok && i < len(r.values) {
		return r.values[i], true
	}
	if name == recordVariable {
		r.readsRecord = true
		return r.recordValue(), true
	}
	return r.variable(name)
}

// Parent is part of cel.Activation.
func (r *run) Parent() cel.Activation { return nil }

func (r *run) recordValue() ref.Val {
	record, err := r.find()
	if err != nil {
		return types.NewErr("the record cannot be found")
	}
	if record == nil {
		record = r.kind.newRecord()
	}
	return r.kind.typ.value(record)
}

// evaluate evaluates an expression of the rule, and measures what it gives. An error of a
// look-up comes first, even where CEL did not need the result.
func (r *run) evaluate(e *expression) (ref.Val, error) {
	value, err := r.evaluateWithinLimits(e)
	switch {
	case r.searchError != nil:
		return nil, r.searchError
	case err != nil:
		return nil, err
	}
	return value, r.measure(e, value)
}

func (r *run) evaluateWithinLimits(e *expression) (ref.Val, error) {
	r.readsRecord, r.lookups.readsOwn = false, false
	value, cost, err := e.evaluate(r.ctx, r)
	r.cost += cost
	if r.readsRecord {
		for _, field := range e.recordFields {
			r.step.reads[field] = true
		}
	}
	if r.lookups.readsOwn {
		r.step.reads["disabled"] = true
	}
	switch {
	case r.lookups.err != nil:
		return nil, r.lookups.err
	case r.planner.ctx.Err() != nil:
		return nil, r.planner.ctx.Err()
	case err != nil && r.ctx.Err() != nil:
		return nil, &fault{v1alpha1.ReasonExpressionError, e.place + ": " + tooSlow()}
	case err == nil && r.cost > MaxRuleCost:
		return nil, &fault{v1alpha1.ReasonExpressionError, e.place + ": " + ruleTooExpensive(r.cost)}
	}
	return value, err
}

// carryOut fills in the outcome. A *fault says that the rule failed.
func (r *run) carryOut(outcome *Outcome) error {
	for _, named := range r.rule.expressions {
		value, err := r.evaluate(named.expression)
		if err != nil {
			return err
		}
		r.values = append(r.values, value)
		outcome.Expressions = append(outcome.Expressions, v1alpha1.ExpressionResult{Name: named.name, Value: resultText(value)})
	}
	met, err := r.conditionMet()
	if err != nil {
		return err
	}
	outcome.ConditionMet = &met
	if !met {
		outcome.Reason = v1alpha1.ReasonConditionNotMet
		outcome.Message = unmet(r.rule)
		return nil
	}
	return r.update(outcome)
}

func (r *run) conditionMet() (bool, error) {
	if r.rule.condition == nil {
		return true, nil
	}
	value, err := r.evaluate(r.rule.condition)
	if err != nil {
		return false, err
	}
	met, ok := value.(types.Bool)
	if !ok {
		return false, &fault{v1alpha1.ReasonExpressionError,
			fmt.Sprintf("condition: gives %s where true or false is needed", value.Type().TypeName())}
	}
	return bool(met), nil
}

// update plans the changes of the record.
func (r *run) update(outcome *Outcome) error {
	before, created, err := r.target()
	if err != nil {
		return err
	}
	after := copyOf(before)
	r.applied = applied.Fields(before)
	isNew := created || r.state.created || isUnfinished(before, r.rule.name)
	var assigned []string
	for _, a := range r.rule.actions {
		done, err := r.carryOutAction(a, after, isNew)
		if err != nil {
			return err
		}
		if done {
			assigned = append(assigned, a.field.name)
		}
	}
	r.kind.setText(after, "source", v1alpha1.SourceSCIM)
	r.kind.setText(after, "sourceID", r.id)
	r.leaveHeld(before, after, created)
	assigned = r.checkDomain(before, after, created, assigned)
	if assigned, err = r.checkMatch(before, after, created, assigned); err != nil {
		return err
	}
	r.kind.keepFormerSource(before, after)
	outcome.After, outcome.Create, outcome.Assigned = after, created, assigned
	outcome.Kept, outcome.Overruled, outcome.LastActive = r.kept, r.overruled, r.calledOtherwise
	if !created {
		outcome.Before = copyOf(before)
	}
	r.kind.describe(outcome, "")
	r.state.record, r.state.created = after, r.state.created || created
	return nil
}

// carryOutAction changes the working copy, unless the action is not for it. It reports
// whether there was a value to assign.
func (r *run) carryOutAction(a action, working Record, isNew bool) (assigned bool, err error) {
	switch {
	case a.when == v1alpha1.SetWhenCreated && !isNew:
		return false, nil
	case r.frozen(a, isNew):
		_, err = r.keep(a, working, "the user is inactive")
		return false, err
	case r.applied[a.field.name].Manager != "" && !a.force:
		return r.respect(a, working)
	}
	return r.perform(a, working)
}

// perform carries an action out on a working copy.
func (r *run) perform(a action, working Record) (assigned bool, err error) {
	var goValue any
	if a.value != nil {
		value, err := r.evaluate(a.value)
		if err != nil {
			return false, err
		}
		value, ok := unwrap(value)
		if !ok {
			return false, nil // none: keep what is there
		}
		if goValue, err = a.field.convert(value); err != nil {
			return false, &fault{v1alpha1.ReasonInvalidValue, a.value.place + ": " + err.Error()}
		}
	}
	if err := a.apply(r.kind, working, goValue); err != nil {
		return false, &fault{v1alpha1.ReasonInvalidValue, fmt.Sprintf("%s %s: %s", a.operation, a.field.name, err)}
	}
	return true, nil
}

// describe fills in what an outcome changes between its Before and After, and says
// so in its message, which ends with what is left to later rules.
func (k *recordKind) describe(outcome *Outcome, leftToOthers string) {
	before := outcome.Before
	if outcome.Create {
		before = k.newRecord()
	}
	outcome.Changes = k.differences(before, outcome.After, outcome.Create)
	outcome.Reason = v1alpha1.ReasonApplied
	var message string
	switch {
	case outcome.Create:
		message = fmt.Sprintf("rule %s creates the %s", outcome.Rule, k.kind)
	case len(outcome.Changes) > 0:
		message = fmt.Sprintf("rule %s changes %s", outcome.Rule, changedFields(outcome.Changes))
	case leftToOthers != "", len(outcome.Kept) > 0:
		outcome.Reason = v1alpha1.ReasonNoChange
		message = fmt.Sprintf("rule %s changes nothing", outcome.Rule)
	default:
		outcome.Reason = v1alpha1.ReasonNoChange
		message = fmt.Sprintf("the %s already is as rule %s wants it", k.kind, outcome.Rule)
	}
	outcome.Message = Cut(message+leftToOthers+outcome.Remarks(), MaxMessageLength)
}

// unmet says which condition is not met, in the rule's own words on one line.
func unmet(rule *Rule) string {
	text := strings.Join(strings.Fields(rule.condition.text), " ")
	return Cut(fmt.Sprintf("the condition of rule %s is not met: %s", rule.name, text), MaxMessageLength)
}
