package preview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Comparison says what to compare.
type Comparison struct {
	// Kind is the kind of subject, and Rule the name of the rule that changes.
	Kind v1alpha1.SubjectKind
	Rule string
	// Before and After are all enabled rules for Kind, without and with the change, in
	// the order of rules.Sort.
	Before, After []*rules.Rule
	// Visit is called for each subject for which something differs; nil for no one.
	Visit func(Difference)
	// Persons is called for each user whose Person would be written: with the Person as it is,
	// nil for one that would be created, and as it would be with the change and without; nil for
	// no one.
	Persons func(user *v1alpha1.ScimUser, current, with, without *v1alpha1.Person)
}

// Difference is what the change of a rule makes different for one subject. All but the
// counts of a Report may be personal data.
type Difference struct {
	// Subject is the subject's SCIM id, and Name its userName or displayName.
	Subject string `json:"subject"`
	Name    string `json:"name"`
	// Records are the records that would become different.
	Records []RecordDifference `json:"records,omitempty"`
	// Failure is set where rules fail for the subject because of the change.
	Failure *Failure `json:"failure,omitempty"`
}

// RecordDifference is a record that would become different by the change of a rule.
type RecordDifference struct {
	Kind v1alpha1.RecordKind `json:"kind"`
	// Name is the record's name, "" for one that would be created.
	Name    string                 `json:"name,omitempty"`
	Created bool                   `json:"created,omitempty"`
	Changes []v1alpha1.FieldChange `json:"changes"`
}

// Failure is why a rule would fail.
type Failure struct {
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Compare plans all subjects with the changed rules and, where that would write
// something or fail, without the change as well, and counts the differences: what would
// be written anyway does not count. When ctx's deadline passes, the report is about the
// subjects looked at so far. The plan of a subject sees the addresses and names that
// earlier subjects get, but not what else becomes of them: what follows from a changed
// Organization for the users of its group, or from a new Person for those it manages,
// is not counted.
func Compare(ctx context.Context, world World, c Comparison) (*Report, error) {
	total, inputs, err := world.Inputs(ctx, c.Kind)
	if err != nil {
		return nil, err
	}
	run := &comparison{
		Comparison: c,
		report:     newReport(c, total),
		before:     newPlanned(world),
		after:      newPlanned(world),
	}
	for in, err := range inputs {
		if err == nil {
			err = run.look(ctx, in)
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		run.report.Looked++
	}
	run.report.sortFailures()
	return run.report, nil
}

// comparison is a Comparison at work.
type comparison struct {
	Comparison
	report        *Report
	before, after *planned
}

// look plans one subject.
func (c *comparison) look(ctx context.Context, in rules.Input) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	with, err := Of(ctx, c.After, in, c.after)
	if err != nil {
		return fmt.Errorf("plan with the change: %w", err)
	}
	var without Effect
	differs := with.changes() || with.Failure() != nil
	if differs {
		if without, err = Of(ctx, c.Before, in, c.before); err != nil {
			return fmt.Errorf("plan without the change: %w", err)
		}
	}
	// From here on the subject counts.
	id, name := idAndName(in)
	c.report.reach(c.Rule, with)
	if !differs {
		return nil
	}
	c.after.add(id, with)
	c.before.add(id, without)
	if c.Persons != nil && in.User != nil {
		record := with.Record(v1alpha1.RecordPerson)
		c.Persons(in.User, person(record.Current), person(record.Final), person(cmp.Or(without.Record(v1alpha1.RecordPerson).Final, record.Current)))
	}
	difference := Difference{Subject: id, Name: name, Records: c.differences(with, without), Failure: newFailure(with, without)}
	c.report.count(difference, with)
	if c.Visit != nil && (len(difference.Records) > 0 || difference.Failure != nil) {
		c.Visit(difference)
	}
	return nil
}

// person is a record as a Person, nil where there is none.
func person(record rules.Record) *v1alpha1.Person {
	p, _ := record.(*v1alpha1.Person)
	return p
}

// differences are between the records as they would be without the change and with it.
func (c *comparison) differences(with, without Effect) []RecordDifference {
	var differences []RecordDifference
	for _, r := range with.Records {
		other := without.Record(r.Kind).Final
		if other == nil { // no rule would do anything about the record
			other = r.Current
		}
		changes := rules.Differences(other, r.Final)
		if len(changes) == 0 || len(r.Changes()) == 0 {
			continue
		}
		differences = append(differences, RecordDifference{
			Kind: r.Kind, Name: r.Final.GetName(), Created: other == nil, Changes: changes,
		})
	}
	return differences
}

// newFailure is the first failure with the change, unless the same happens without it.
func newFailure(with, without Effect) *Failure {
	for _, outcome := range with.Outcomes {
		known := slices.ContainsFunc(without.Outcomes, func(o rules.Outcome) bool {
			return o.Rule == outcome.Rule && o.Reason == outcome.Reason
		})
		if outcome.Failed() && !known {
			return &Failure{Rule: outcome.Rule, Reason: outcome.Reason, Message: outcome.Message}
		}
	}
	return nil
}

func idAndName(in rules.Input) (id, name string) {
	if in.User != nil {
		return in.User.Name, in.User.Spec.UserName
	}
	return in.Group.Name, in.Group.Spec.DisplayName
}

func (r *Report) sortFailures() {
	slices.SortFunc(r.Failures, func(a, b FailureCount) int {
		return cmp.Or(cmp.Compare(b.Subjects, a.Subjects), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
}
