package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// Report counts what the change of a rule makes different. It holds no personal data.
type Report struct {
	// Rule is the rule that changes, Kind the kind of its subjects.
	Rule string               `json:"rule"`
	Kind v1alpha1.SubjectKind `json:"kind"`
	// Subjects is how many subjects there are, Looked how many of them were looked at
	// before the time was over.
	Subjects int `json:"subjects"`
	Looked   int `json:"looked"`
	// Reached is for how many of them the changed rule does not skip: its condition is
	// met, or it fails.
	Reached int `json:"reached"`
	// Records are the counts of records by kind.
	Records []RecordCount `json:"records"`
	// Failed is for how many subjects a rule fails that does not without the change.
	Failed int `json:"failed"`
	// Failures counts them by reason and message, the most frequent first.
	Failures []FailureCount `json:"failures,omitempty"`
}

// RecordCount counts what becomes of the records of a kind.
type RecordCount struct {
	Kind v1alpha1.RecordKind `json:"kind"`
	// Existing is how many the subjects have now.
	Existing int `json:"existing"`
	// Changed is how many of them become different, and Fields in which fields.
	Changed int            `json:"changed"`
	Fields  map[string]int `json:"fields,omitempty"`
	// Created is how many are new.
	Created int `json:"created"`
	// Disabled and Enabled are how many of the existing ones are switched off and on.
	Disabled int `json:"disabled"`
	Enabled  int `json:"enabled"`
}

// FailureCount is how many subjects fail in one way.
type FailureCount struct {
	Failure
	Subjects int `json:"subjects"`
}

func newReport(c Comparison, total int) *Report {
	report := &Report{Rule: c.Rule, Kind: c.Kind, Subjects: total}
	for _, rule := range slices.Concat(c.After, c.Before) {
		report.of(rule.Record())
	}
	return report
}

// of is the count of a kind of record. The pointer holds until the next call.
func (r *Report) of(kind v1alpha1.RecordKind) *RecordCount {
	i := slices.IndexFunc(r.Records, func(c RecordCount) bool { return c.Kind == kind })
	if i < 0 {
		i = len(r.Records)
		r.Records = append(r.Records, RecordCount{Kind: kind, Fields: map[string]int{}})
	}
	return &r.Records[i]
}

// reach counts what a subject has and whether the changed rule does anything about it.
func (r *Report) reach(rule string, effect Effect) {
	for _, record := range effect.Records {
		if record.Current != nil {
			r.of(record.Kind).Existing++
		}
	}
	if slices.ContainsFunc(effect.Outcomes, func(o rules.Outcome) bool { return o.Rule == rule && !o.Skipped() }) {
		r.Reached++
	}
}

func (r *Report) count(d Difference, with Effect) {
	for _, record := range d.Records {
		count := r.of(record.Kind)
		if record.Created {
			count.Created++
			continue
		}
		if with.Record(record.Kind).Current == nil {
			continue // created anyway, only differently
		}
		count.Changed++
		for _, change := range record.Changes {
			switch {
			case change.Field != rules.FieldDisabled:
				count.Fields[change.Field]++
			case change.To == "true":
				count.Disabled++
			default:
				count.Enabled++
			}
		}
	}
	if d.Failure == nil {
		return
	}
	r.Failed++
	i := slices.IndexFunc(r.Failures, func(f FailureCount) bool { return f.Failure == *d.Failure })
	if i >= 0 {
		r.Failures[i].Subjects++
	} else if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, FailureCount{Failure: *d.Failure, Subjects: 1})
	}
}

const (
	// maxFailures bounds the ways of failing that are told apart: messages can name a
	// subject each.
	maxFailures = 20
	// maxNamed is the most fields or ways of failing that a text names.
	maxNamed = 8
)

// Lines say in words what the report counts: first everything in one line, then a line
// for each of the most frequent ways of failing. Verb is "would" or "will".
func (r *Report) Lines(verb string) []string {
	var parts []string
	for _, count := range r.Records {
		parts = append(parts, count.parts()...)
	}
	if r.Failed > 0 {
		parts = append(parts, fmt.Sprintf("fail for %s: %s", countOf(r.Failed, r.Kind), r.reasons()))
	}
	line := "change nothing of " + r.scope()
	if len(parts) > 0 {
		line = strings.Join(parts, "; ")
	}
	line = verb + " " + line
	if r.Looked < r.Subjects {
		line = fmt.Sprintf("after looking at %s of %s in the time there is: ", number(r.Looked), countOf(r.Subjects, r.Kind)) + line
	}
	lines := []string{line}
	for _, failure := range r.Failures[:min(len(r.Failures), maxNamed)] {
		lines = append(lines, fmt.Sprintf("%s for %s: %s", failure.Reason, countOf(failure.Subjects, r.Kind), failure.Message))
	}
	return lines
}

// Scope is what was looked at: the number of subjects.
func (r *Report) Scope() string { return countOf(r.Looked, r.Kind) }

// scope is what there is: the records, or the subjects while there are none.
func (r *Report) scope() string {
	var scopes []string
	for _, count := range r.Records {
		if count.Existing > 0 {
			scopes = append(scopes, countOf(count.Existing, count.Kind))
		}
	}
	if len(scopes) == 0 {
		return countOf(r.Looked, r.Kind)
	}
	return strings.Join(scopes, " and ")
}

func (c RecordCount) parts() []string {
	var parts []string
	if c.Changed > 0 {
		part := fmt.Sprintf("change %s of %s", number(c.Changed), countOf(c.Existing, c.Kind))
		if len(c.Fields) > 0 {
			part += ": " + ranking(c.Fields)
		}
		parts = append(parts, part)
	}
	if c.Created > 0 {
		parts = append(parts, "create "+countOf(c.Created, c.Kind))
	}
	if c.Disabled > 0 {
		parts = append(parts, "disable "+number(c.Disabled))
	}
	if c.Enabled > 0 {
		parts = append(parts, "enable "+number(c.Enabled))
	}
	return parts
}

func (r *Report) reasons() string {
	counts := map[string]int{}
	for _, failure := range r.Failures {
		counts[failure.Reason] += failure.Subjects
	}
	return ranking(counts)
}

// ranking lists counts, the largest first.
func ranking(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names[:min(len(names), maxNamed)] {
		parts = append(parts, name+" "+number(counts[name]))
	}
	if more := len(names) - maxNamed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// nouns are what one of a kind is called.
var nouns = map[string]string{
	"Person": "person", "Organization": "organization", "Site": "site", "ScimUser": "user", "ScimGroup": "group",
}

func countOf[K ~string](n int, kind K) string {
	noun := nouns[string(kind)]
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// number writes thousands with a comma.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
