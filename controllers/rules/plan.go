package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Plan runs the rules of a subject in the order given, which is that of Sort,
// over a working copy of the subject's record, so that a later rule sees what an
// earlier one set. An error means that nothing can be said about the subject now
// and that the caller should try again: a look-up failed or ctx ended. What is
// wrong with a rule or the subject is in the outcomes.
func Plan(ctx context.Context, rules []*Rule, in Input, dir Directory) (Result, error) {
	p, err := newPlanner(ctx, in, dir)
	if err != nil {
		return Result{}, err
	}
	result := Result{Outcomes: make([]Outcome, 0, len(rules))}
	for _, rule := range rules {
		if rule.subject != p.subject {
			return Result{}, fmt.Errorf("rule %s is for %s, but the subject is a %s", rule.name, rule.subject.kind, p.subject.kind)
		}
		outcome, err := p.run(rule)
		if err != nil {
			return Result{}, err
		}
		if outcome.Failed() && p.failed == "" {
			p.failed = rule.name
		}
		result.Outcomes = append(result.Outcomes, outcome)
	}
	leaveOutUndone(p.subject.record, result.Outcomes)
	if p.record != nil {
		result.Record = copyOf(p.record)
	}
	return result, nil
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
	// record is the record that is linked to the subject, with what earlier rules
	// changed; nil when there is none yet. It is never changed, only replaced.
	record Record
	// created says that an earlier rule creates the record.
	created bool
	// failed is the name of the first rule that failed.
	failed string
	// variables are the variables that a rule has asked for, by name.
	variables map[string]ref.Val
}

func newPlanner(ctx context.Context, in Input, dir Directory) (*planner, error) {
	p := &planner{
		ctx:       ctx,
		in:        in,
		lookups:   &lookups{ctx: ctx, directory: dir},
		variables: make(map[string]ref.Val, len(userVariables)),
	}
	switch {
	case (in.User == nil) == (in.Group == nil):
		return nil, errors.New("a plan needs either a user or a group")
	case in.User != nil:
		p.subject, p.id, p.namespace = userSubject, in.User.Name, in.User.Namespace
		p.active = in.User.Spec.Active == nil || *in.User.Spec.Active
	default:
		p.subject, p.id, p.namespace, p.active = groupSubject, in.Group.Name, in.Group.Namespace, true
	}
	var err error
	p.record, err = p.subject.record.bySource(ctx, dir, p.id)
	return p, err
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

// run runs one rule. The error is one to try again for.
func (p *planner) run(rule *Rule) (Outcome, error) {
	outcome := Outcome{Rule: rule.name, Generation: rule.generation, Kind: p.subject.record.kind}
	r := &run{planner: p, rule: rule, values: make([]ref.Val, 0, len(rule.expressions))}
	err := r.carryOut(&outcome)
	var f *fault
	switch {
	case errors.As(err, &f):
		outcome.Reason = f.reason
		outcome.Message = cut(fmt.Sprintf("rule %s: %s", rule.name, f.message), MaxMessageLength)
	case err != nil:
		return Outcome{}, err
	}
	if outcome.Before == nil && p.record != nil && !p.created {
		outcome.Before = copyOf(p.record)
	}
	return outcome, nil
}

func copyOf(r Record) Record { return r.DeepCopyObject().(Record) }

// appliedMessage says what a rule changes.
func appliedMessage(rule string, changes []v1alpha1.FieldChange) string {
	return cut(fmt.Sprintf("rule %s changes %s", rule, changedFields(changes)), MaxMessageLength)
}

// changedFields names the fields, not their values.
func changedFields(changes []v1alpha1.FieldChange) string {
	fields := make([]string, len(changes))
	for i, change := range changes {
		fields[i] = change.Field
	}
	return strings.Join(fields, ", ")
}
