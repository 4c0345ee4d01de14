package action

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// RuleManager is the field manager of rules that people write in the console.
const RuleManager = "scim-console"

// StaleError is of an edit of what has changed in the meantime, or is gone.
type StaleError struct{ Name string }

func (e *StaleError) Error() string { return e.Name + " has changed in the meantime" }

// ApplyRule makes a rule as somebody has written it, by server-side apply. Stored is the state that it was written from, by UID and
// generation, nil for a new rule; where that is no longer the one, the error is a *StaleError, and where a rule of a new one's name is
// there already, it is AlreadyExists. What the managers hold in take becomes the console's, so that what is left out goes; a field of
// another manager's is a conflict, which is not overridden. The rule becomes what the API server has stored.
func ApplyRule(ctx context.Context, c client.Client, stored, rule *v1alpha1.AutomationRule, take []string) error {
	if stored == nil {
		return c.Create(ctx, rule, client.FieldOwner(RuleManager))
	}
	wanted := rule.DeepCopy()
	// The status changes all the time while a rule runs, and with it the resourceVersion.
	again := func(err error) bool { return apierrors.IsConflict(err) && len(Conflicts(err)) == 0 }
	return retry.OnError(retry.DefaultRetry, again, func() error {
		now := &v1alpha1.AutomationRule{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(stored), now); err != nil {
			if apierrors.IsNotFound(err) {
				return &StaleError{stored.Name}
			}
			return err
		}
		if now.UID != stored.UID || now.Generation != stored.Generation {
			return &StaleError{stored.Name}
		}
		if err := takeOver(ctx, c, now, take); err != nil {
			return err
		}
		wanted.DeepCopyInto(rule)
		rule.UID, rule.ResourceVersion = now.UID, now.ResourceVersion
		return applyPatch(ctx, c, rule)
	})
}

// TryRule asks the API server what it says of a rule, and writes nothing. Fields of others are no conflict here.
func TryRule(ctx context.Context, c client.Client, stored, rule *v1alpha1.AutomationRule) error {
	if stored == nil {
		return c.Create(ctx, rule.DeepCopy(), client.FieldOwner(RuleManager), client.DryRunAll)
	}
	return applyPatch(ctx, c, rule.DeepCopy(), client.ForceOwnership, client.DryRunAll)
}

func applyPatch(ctx context.Context, c client.Client, rule *v1alpha1.AutomationRule, opts ...client.PatchOption) error {
	meta := map[string]any{"name": rule.Name, "namespace": rule.Namespace}
	if rule.ResourceVersion != "" {
		meta["resourceVersion"], meta["uid"] = rule.ResourceVersion, rule.UID
	}
	if rule.Labels != nil {
		meta["labels"] = rule.Labels
	}
	if rule.Annotations != nil {
		meta["annotations"] = rule.Annotations
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AutomationRule", "metadata": meta, "spec": rule.Spec,
	})
	if err != nil {
		return fmt.Errorf("encode rule %s: %w", rule.Name, err)
	}
	return c.Patch(ctx, rule, client.RawPatch("application/apply-patch+yaml", text), append(opts, client.FieldOwner(RuleManager))...)
}

// takeOver makes what managers hold the console's, without a change of the rule. What it began without coming to the apply does no
// harm.
func takeOver(ctx context.Context, c client.Client, rule *v1alpha1.AutomationRule, managers []string) error {
	before := slices.Clone(rule.ManagedFields)
	for i := range rule.ManagedFields {
		entry := &rule.ManagedFields[i]
		if slices.Contains(managers, entry.Manager) && entry.Subresource == "" {
			entry.Operation = metav1.ManagedFieldsOperationUpdate
		}
	}
	// What the console has created it holds as an update, too.
	if err := csaupgrade.UpgradeManagedFields(rule, sets.New(managers...).Insert(RuleManager), RuleManager); err != nil {
		return fmt.Errorf("take over rule %s: %w", rule.Name, err)
	}
	if slices.EqualFunc(before, rule.ManagedFields, func(a, b metav1.ManagedFieldsEntry) bool {
		return a.Manager == b.Manager && a.Operation == b.Operation && a.Subresource == b.Subresource
	}) {
		return nil
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": rule.ManagedFields},
		// Replaced with itself it is a precondition.
		{"op": "replace", "path": "/metadata/resourceVersion", "value": rule.ResourceVersion},
	})
	if err != nil {
		return fmt.Errorf("encode the managers of rule %s: %w", rule.Name, err)
	}
	return c.Patch(ctx, rule, client.RawPatch("application/json-patch+json", patch), client.FieldOwner(RuleManager))
}
