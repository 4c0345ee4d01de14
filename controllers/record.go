package controllers

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// ruleFieldOwner is the field manager of what a rule writes, so that
// "kubectl get --show-managed-fields" says which rule set what.
func ruleFieldOwner(rule string) client.FieldOwner {
	return client.FieldOwner(applied.RuleManager + rule)
}

// applyOutcome writes what a rule changes, in one write with the rule's field
// manager. current is the record as the rules before left it, nil if there is none
// yet; the new one is returned. A record that somebody else changed since it was
// read is not written over: the error is then a conflict.
func (r *ruleRunner) applyOutcome(ctx context.Context, namespace string, outcome rules.Outcome, current rules.Record) (rules.Record, error) {
	if outcome.Reason != v1alpha1.ReasonApplied {
		return current, nil
	}
	if outcome.Create {
		return r.createRecord(ctx, namespace, outcome)
	}
	before, after := outcome.Before, outcome.After
	if current != nil {
		// The plan could not know what the API server made of the rules before.
		for _, version := range []rules.Record{before, after} {
			version.SetNamespace(current.GetNamespace())
			version.SetName(current.GetName())
			version.SetUID(current.GetUID())
			version.SetResourceVersion(current.GetResourceVersion())
		}
	}
	if err := r.identities.Moving(ctx, before, after); err != nil {
		return nil, err
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, after, patch, ruleFieldOwner(outcome.Rule)); err != nil {
		return nil, verdict.FailedTo("update record", err)
	}
	logf.FromContext(ctx).Info("Updated a record", "rule", outcome.Rule, "kind", outcome.Kind, "record", after.GetName(), "fields", fieldsIn(outcome))
	return after, nil
}

// createRecord creates the record of an outcome under the name that follows from its
// identity.
func (r *ruleRunner) createRecord(ctx context.Context, namespace string, outcome rules.Outcome) (rules.Record, error) {
	record := outcome.After
	name, err := r.identities.Creating(ctx, namespace, record)
	if err != nil {
		return nil, err
	}
	record.SetNamespace(namespace)
	record.SetName(name)
	if err := r.client.Create(ctx, record, ruleFieldOwner(outcome.Rule)); err != nil {
		return nil, verdict.FailedTo("create record", err)
	}
	logf.FromContext(ctx).Info("Created a record", "rule", outcome.Rule, "kind", outcome.Kind, "record", name)
	return record, nil
}

func fieldsIn(outcome rules.Outcome) []string {
	var fields []string
	for _, change := range outcome.Changes {
		fields = append(fields, change.Field)
	}
	return slices.Compact(fields)
}
