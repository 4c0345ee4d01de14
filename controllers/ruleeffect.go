package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/digest"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// maxSummary is the most characters of the summary of an effect.
const maxSummary = 1024

// eventRecordsChanged is the reason of the Event that tells of an effect.
const eventRecordsChanged = "RecordsChanged"

// effect makes a rule's status tell what its present version has changed, once all its
// subjects are done: what becomes of one that is tried again nobody knows. That is added up
// from their executions: it costs no plan, is what really happened, and is the same after a
// restart in between. Call it once the status says how far the subjects are.
func (r *ruleReconciler) effect(ctx context.Context, rule, before *v1alpha1.AutomationRule) error {
	state := rule.Status.Reprocessing
	if before.Status.ObservedGeneration != rule.Generation && state != nil && state.StartedAt != nil {
		rule.Status.Effect = &v1alpha1.RuleEffect{Generation: rule.Generation, Since: *state.StartedAt}
	}
	effect := rule.Status.Effect
	if effect == nil || effect.Generation != rule.Generation || effect.Summary != "" || state == nil || state.FinishedAt == nil {
		return nil
	}
	all := &v1alpha1.AutomationRuleList{}
	if err := r.find.list(ctx, all, rule.Namespace); err != nil {
		return fmt.Errorf("list AutomationRules: %w", err)
	}
	sum := newEffectSum(rule)
	for i := range all.Items {
		if all.Items[i].Spec.Subject != rule.Spec.Subject {
			continue
		}
		// Unlike for the counts, this waits for what this process has written: it is counted once.
		executions := &v1alpha1.AutomationRuleExecutionList{}
		err := directory.List(ctx, r.client, executions, rule.Namespace, directory.ExecutionByRule, all.Items[i].Name, client.UnsafeDisableDeepCopy)
		if err != nil {
			return fmt.Errorf("list AutomationRuleExecutions: %w", err)
		}
		for j := range executions.Items {
			sum.add(&executions.Items[j])
		}
	}
	effect.Summary = rules.Cut(sum.report().Lines("did")[0], maxSummary)
	return nil
}

// tellEffect is called when a rule's status is written. It sends an Event where the effect
// has become known.
func (r *ruleReconciler) tellEffect(rule, before *v1alpha1.AutomationRule) {
	is, was := rule.Status.Effect, before.Status.Effect
	known := was != nil && was.Generation == rule.Generation && was.Summary != ""
	if is == nil || is.Summary == "" || known || rule.Status.Reprocessing == nil || rule.Status.Reprocessing.Total == 0 {
		return
	}
	r.status.Event(rule, nil, corev1.EventTypeNormal, eventRecordsChanged, "%s",
		verdict.Truncate(fmt.Sprintf("Generation %d of the rule %s.", is.Generation, is.Summary)))
}

// effectSum adds up what a version of a rule did to records. It looks at the executions of
// all rules for its kind of subject: where one stops setting a field, another one does.
type effectSum struct {
	rule *v1alpha1.AutomationRule
	// records are what the executions name, with what was changed of each by field.
	records map[v1alpha1.TargetReference]map[string]v1alpha1.FieldChange
	// subjects is how many the rule has an execution for; reasons are why it failed for some.
	subjects int
	reasons  map[string]int
}

func newEffectSum(rule *v1alpha1.AutomationRule) *effectSum {
	return &effectSum{rule: rule, records: map[v1alpha1.TargetReference]map[string]v1alpha1.FieldChange{}, reasons: map[string]int{}}
}

func (s *effectSum) add(one *v1alpha1.AutomationRuleExecution) {
	if one.Spec.Rule == s.rule.Name {
		s.subjects++
		if execution.Failed(one) {
			s.reasons[execution.Reason(one)]++
		}
	}
	if one.Status.Record == nil {
		return
	}
	changes := s.records[*one.Status.Record]
	if changes == nil {
		changes = map[string]v1alpha1.FieldChange{}
		s.records[*one.Status.Record] = changes
	}
	if !s.caused(one) {
		return
	}
	for _, change := range one.Status.Changes {
		changes[change.Field] = change
	}
}

// caused reports whether an execution changed its record because of this version of the
// rule, and not because of what a client pushed meanwhile.
func (s *effectSum) caused(one *v1alpha1.AutomationRuleExecution) bool {
	status := &one.Status
	if !execution.Changed(one) || status.Time.Time.Before(s.rule.Status.Effect.Since.Time) {
		return false
	}
	if one.Spec.Rule != s.rule.Name {
		return status.Trigger == v1alpha1.TriggerContextChanged
	}
	return status.RuleGeneration == s.rule.Generation && status.Trigger != v1alpha1.TriggerSubjectChanged
}

// report is the sum in the form of a preview.
func (s *effectSum) report() *preview.Report {
	counts := map[v1alpha1.RecordKind]*preview.RecordCount{}
	for record, changes := range s.records {
		count := counts[record.Kind]
		if count == nil {
			count = &preview.RecordCount{Kind: record.Kind, Fields: map[string]int{}}
			counts[record.Kind] = count
		}
		s.count(count, changes)
	}
	report := &preview.Report{Rule: s.rule.Name, Kind: s.rule.Spec.Subject, Subjects: s.subjects, Looked: s.subjects}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		report.Records = append(report.Records, *counts[kind])
	}
	for _, reason := range slices.Sorted(maps.Keys(s.reasons)) {
		report.Failed += s.reasons[reason]
		report.Failures = append(report.Failures, preview.FailureCount{
			Failure: preview.Failure{Rule: s.rule.Name, Reason: reason}, Subjects: s.reasons[reason],
		})
	}
	return report
}

// count adds a record to the count of its kind.
func (s *effectSum) count(count *preview.RecordCount, changes map[string]v1alpha1.FieldChange) {
	for field := range s.rule.Spec.Update.Match {
		// A record has what it is found by from the start, and never loses it.
		if change, changed := changes[field]; changed && change.From == "" {
			count.Created++
			return
		}
	}
	count.Existing++
	if len(changes) > 0 {
		count.Changed++
	}
	for field, change := range changes {
		switch {
		case field != rules.FieldDisabled, change.To == digest.Omitted: // then nobody knows which of the two
			count.Fields[field]++
		case change.To == "true":
			count.Disabled++
		default:
			count.Enabled++
		}
	}
}
