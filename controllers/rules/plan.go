package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Plan runs the rules of a subject in the order given, which is that of Sort,
// over working copies of the subject's records, so that a later rule sees what an
// earlier one set. An error means that nothing can be said about the subject now
// and that the caller should try again: a look-up failed or ctx ended. What is
// wrong with a rule or the subject is in the outcomes.
func Plan(ctx context.Context, rules []*Rule, in Input, dir Directory) (Result, error) {
	p, err := newPlanner(ctx, in, dir)
	if err != nil {
		return Result{}, err
	}
	for _, rule := range rules {
		if rule.subject != p.subject {
			return Result{}, fmt.Errorf("rule %s is for %s, but the subject is a %s", rule.name, rule.subject.kind, p.subject.kind)
		}
	}
	failed := map[*Rule]Outcome{}
	for {
		first, err := p.pass(rules, p.linked, failed)
		if err != nil {
			return Result{}, err
		}
		wrong := p.madeOutside(first)
		if len(wrong) == 0 {
			if wrong, err = p.unstable(rules, first, failed); err != nil {
				return Result{}, err
			}
		}
		if len(wrong) == 0 {
			return p.result(first), nil
		}
		// Each round fails at least one rule more, so there is a last one.
		maps.Copy(failed, wrong)
	}
}

// planner is what the rules of one plan share.
type planner struct {
	//nolint:containedctx // a planner is the parameters of one call
	ctx     context.Context
	in      Input
	subject *subject
	lookups *lookups
	// id, namespace and active are the subject's.
	id        string
	namespace string
	active    bool
	// calledOtherwise is Outcome.LastActive.
	calledOtherwise []string
	// linked are the records that are linked to the subject.
	linked records
	// former is the name of the Person of an inactive user that is another one's by now.
	former string
	// expired says that the Person of an inactive user was deleted, and none is to be made.
	expired bool
	// variables are the variables that a rule has asked for, by name.
	variables map[string]ref.Val
}

// records are the states of a subject's records, one of each kind that rules for
// the subject can update.
type records map[*recordKind]recordState

// recordState is the record of one kind in the course of a pass.
type recordState struct {
	// record is the one that is linked to the subject, with what earlier rules
	// changed; nil when there is none yet. It is never changed, only replaced.
	record Record
	// created says that an earlier rule creates the record.
	created bool
	// failed is the name of the first rule for this kind that failed.
	failed string
}

// pass is one run of all rules.
type pass struct {
	// before are the records that the pass began with, after what it ended with.
	before, after records
	steps         []step
}

// step is what one rule did in a pass.
type step struct {
	rule    *Rule
	outcome Outcome
	// missing says that the rule failed because there is no record and it may not
	// create one.
	missing bool
	// absent says that the rule looked for a record and there is none.
	absent bool
	// outside says why the Person that the rule makes may not have the primary address that
	// the rule gives it; "" if it may.
	outside string
	// reads are the fields of the record that the rule's values depend on.
	reads map[string]bool
}

func newPlanner(ctx context.Context, in Input, dir Directory) (*planner, error) {
	p := &planner{
		ctx:       ctx,
		in:        in,
		lookups:   &lookups{directory: dir},
		linked:    records{},
		variables: make(map[string]ref.Val, len(userVariables)),
	}
	switch {
	case (in.User == nil) == (in.Group == nil):
		return nil, errors.New("a plan needs either a user or a group")
	case in.User != nil:
		p.subject, p.id, p.namespace = userSubject, in.User.Name, in.User.Namespace
		p.active, p.calledOtherwise = in.User.IsActive(), calledOtherwise(in.User)
		p.in.User = in.User.AsLastActive()
	default:
		p.subject, p.id, p.namespace, p.active = groupSubject, in.Group.Name, in.Group.Namespace, true
	}
	for _, kind := range p.subject.records {
		record, err := kind.bySource(ctx, dir, p.id)
		if err != nil {
			return nil, err
		}
		p.linked[kind] = recordState{record: record}
	}
	return p, p.findFormer(ctx, dir)
}

// variable gives the value of a variable of the environment, made on first use.
func (p *planner) variable(name string) (ref.Val, bool) {
	if value, ok := p.variables[name]; ok {
		return value, true
	}
	var value ref.Val
	switch {
	case name == findVariable:
		value = findType.value(p.lookups)
	case name == "endpoint":
		value = endpointType.value(&p.in)
	case name == "user" && p.in.User != nil:
		value = userType.value(p.in.User)
	case name == "groups" && p.in.User != nil:
		value = listOf(membershipType, p.in.Groups)
	case name == "group" && p.in.Group != nil:
		value = groupType.value(p.in.Group)
	case name == "customFields" && p.in.User != nil:
		value = customFields(p.in.User.Spec.Extensions)
	case name == "customFields":
		value = customFields(p.in.Group.Spec.Extensions)
	default:
		return nil, false
	}
	p.variables[name] = value
	return value, true
}

// pass runs all rules on the records given. The rules in failed are not run: they
// have the outcome that is given for them.
func (p *planner) pass(rules []*Rule, before records, failed map[*Rule]Outcome) (pass, error) {
	done := pass{before: before, after: maps.Clone(before), steps: make([]step, 0, len(rules))}
	for _, rule := range rules {
		s, err := p.step(rule, done.after, failed)
		if err != nil {
			return pass{}, err
		}
		if state := done.after[rule.record]; s.outcome.Failed() && state.failed == "" {
			state.failed = rule.name
			done.after[rule.record] = state
		}
		done.steps = append(done.steps, s)
	}
	return done, nil
}

// step runs one rule and changes its record in records. The error is one to try
// again for.
func (p *planner) step(rule *Rule, records records, failed map[*Rule]Outcome) (step, error) {
	done := step{rule: rule, reads: map[string]bool{}}
	if outcome, ok := failed[rule]; ok {
		done.outcome = outcome
	} else if err := p.run(&done, records); err != nil {
		return step{}, err
	}
	if state := records[rule.record]; done.outcome.Before == nil && state.record != nil && !state.created {
		done.outcome.Before = copyOf(state.record)
	}
	return done, nil
}

func (p *planner) run(done *step, records records) error {
	rule := done.rule
	if p.former != "" || p.expired {
		done.outcome = p.leftAlone(rule)
		return nil
	}
	done.outcome = Outcome{Rule: rule.name, Generation: rule.generation, Kind: rule.record.kind}
	ctx, cancel := context.WithTimeout(p.ctx, MaxRuleTime)
	defer cancel()
	p.lookups.ctx = ctx
	p.lookups.own, _ = records[rule.record].record.(*v1alpha1.Person)
	r := &run{planner: p, ctx: ctx, step: done, rule: rule, kind: rule.record, state: records[rule.record]}
	r.values = make([]ref.Val, 0, len(rule.expressions))
	err := r.carryOut(&done.outcome)
	var f *fault
	switch {
	case errors.As(err, &f):
		done.outcome.Reason = f.reason
		done.outcome.Message = Cut(fmt.Sprintf("rule %s: %s", rule.name, f.message), MaxMessageLength)
	case err != nil:
		return err
	}
	done.absent = r.searched && r.found == nil && r.searchError == nil && r.state.record == nil
	records[rule.record] = r.state
	return nil
}

// result is the plan that a pass makes.
func (p *planner) result(done pass) Result {
	p.excuseMissing(done)
	for _, kind := range p.subject.records {
		writeOnce(kind, done.steps)
	}
	result := Result{Outcomes: make([]Outcome, len(done.steps)), Records: map[v1alpha1.RecordKind]Record{}, FormerPerson: p.former}
	for i, s := range done.steps {
		result.Outcomes[i] = s.outcome
	}
	for kind, state := range done.after {
		if state.record != nil {
			result.Records[kind.kind] = copyOf(state.record)
		}
	}
	return result
}

func copyOf(r Record) Record { return r.DeepCopyObject().(Record) }

// changedFields names the fields, not their values.
func changedFields(changes []v1alpha1.FieldChange) string {
	fields := make([]string, len(changes))
	for i, change := range changes {
		fields[i] = change.Field
	}
	return strings.Join(fields, ", ")
}
