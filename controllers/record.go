package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// hashLetters is the part of the hash that goes into a record's name: 5 bits each.
const hashLetters = 26

// ruleFieldOwner is the field manager of what a rule writes, so that
// "kubectl get --show-managed-fields" says which rule set what.
func ruleFieldOwner(rule string) client.FieldOwner {
	return client.FieldOwner(applied.RuleManager + rule)
}

// identity is what no two records of a kind may have in common.
type identity struct {
	kind v1alpha1.RecordKind
	// value is rules.MatchKey.
	value string
}

func identityOf(record rules.Record) identity {
	return identity{kind: rules.KindOf(record), value: rules.MatchKey(record)}
}

func (i identity) newRecord() rules.Record {
	switch i.kind {
	case v1alpha1.RecordOrganization:
		return &v1alpha1.Organization{}
	case v1alpha1.RecordSite:
		return &v1alpha1.Site{}
	case v1alpha1.RecordPerson:
	}
	return &v1alpha1.Person{}
}

// objectName is the name of the nth record, counted from 1, that is created with
// this identity. It is derived, so that two processes cannot both create the record.
func (i identity) objectName(salt kube.Salt, n int) string {
	prefix := strings.ToLower(string(i.kind))
	name := prefix + "-" + salt.Name("record/"+prefix, i.value)[:hashLetters]
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}

// key is the identity as a key for the lock.
func (i identity) key(namespace string) string {
	return namespace + "\x00" + string(i.kind) + "\x00" + i.value
}

// claimedIdentities are the identities that a plan gives to records that did not
// have them, as keys for the lock under which such a plan is made and applied.
func claimedIdentities(namespace string, plan rules.Result) []string {
	var keys []string
	for _, outcome := range plan.Outcomes {
		if outcome.Reason != v1alpha1.ReasonApplied || outcome.After == nil {
			continue
		}
		id := identityOf(outcome.After)
		if outcome.Create || (outcome.Before != nil && identityOf(outcome.Before) != id) {
			keys = append(keys, id.key(namespace))
		}
	}
	return keys
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
	if err := r.claims.moving(ctx, before, after); err != nil {
		return nil, err
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, after, patch, ruleFieldOwner(outcome.Rule)); err != nil {
		return nil, verdict.FailedTo("update record", err)
	}
	logf.FromContext(ctx).Info("Updated a record", "rule", outcome.Rule, "kind", outcome.Kind, "record", after.GetName(), "fields", changedFields(outcome))
	return after, nil
}

// createRecord creates the record of an outcome under the name that follows from its
// identity.
func (r *ruleRunner) createRecord(ctx context.Context, namespace string, outcome rules.Outcome) (rules.Record, error) {
	record := outcome.After
	salt, err := r.salts.Of(ctx, namespace)
	if err != nil {
		return nil, err
	}
	name, err := freeName(ctx, r.client, namespace, salt, identityOf(record))
	if err != nil {
		return nil, err
	}
	if name, err = r.claims.creating(ctx, namespace, identityOf(record), name); err != nil {
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

func changedFields(outcome rules.Outcome) []string {
	var fields []string
	for _, change := range outcome.Changes {
		fields = append(fields, change.Field)
	}
	return slices.Compact(fields)
}

// freeName returns the first name that no record has which was created with this
// identity and has got another one since.
func freeName(ctx context.Context, reader client.Reader, namespace string, salt kube.Salt, id identity) (string, error) {
	for n := 1; ; n++ {
		name := id.objectName(salt, n)
		record := id.newRecord()
		err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, record, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			return name, nil
		}
		if err != nil {
			return "", fmt.Errorf("look for a free record name: %w", err)
		}
		if identityOf(record) == id {
			// It appeared after the plan was made.
			return "", apierrors.NewAlreadyExists(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: string(id.kind)}, name)
		}
	}
}
