package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// consistent is the message of a record with which nothing is wrong.
const consistent = "The record is consistent."

// personReconciler says of each Person whether its e-mail address is its own and
// what it refers to exists, and disables one whose user is gone.
type personReconciler struct {
	client client.Client
	// live reads from the API server.
	live   client.Reader
	status *verdict.Writer
	brake  *brake.Brake
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=persons,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimusers,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=persons/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *personReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	person := &v1alpha1.Person{}
	if err := r.client.Get(ctx, req.NamespacedName, person); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	report := r.status.Begin(person, &person.Status.Conditions)
	held, err := r.disableOrphan(ctx, person)
	report.Stored()
	var found verdict.Verdict
	if err == nil {
		if person.Status.HeldGeneration != held.Generation {
			person.Status.HeldGeneration = held.Generation
			report.Touch()
		}
		found, err = r.verdict(ctx, person)
	}
	if err == nil && held.On() {
		found = held.Verdict(found)
	}
	return report.End(ctx, ctrl.Result{}, found, err)
}

// disableOrphan disables a Person that a SCIM client pushed and whose user is gone, unless it is protected.
// Usually the user's finalizer has seen to that. It cannot where it was taken off by
// hand, or where a process that was no longer the leader wrote the Person last.
func (r *personReconciler) disableOrphan(ctx context.Context, person *v1alpha1.Person) (brake.Hold, error) {
	orphan, err := r.isOrphan(ctx, person)
	if err != nil || !orphan || person.IsProtected() {
		return brake.Hold{}, err
	}
	return r.brake.DisableOrphan(ctx, person)
}

// isOrphan reports whether a Person is enabled that a SCIM client pushed and whose user is gone.
func (r *personReconciler) isOrphan(ctx context.Context, person *v1alpha1.Person) (bool, error) {
	if person.Spec.Disabled || person.Spec.Source != v1alpha1.SourceSCIM || person.Spec.SourceID == "" {
		return false, nil
	}
	key := client.ObjectKey{Namespace: person.Namespace, Name: person.Spec.SourceID}
	// The API server has the last word, since the cache may not have a new user yet.
	for _, reader := range []client.Reader{r.client, r.live} {
		err := reader.Get(ctx, key, &v1alpha1.ScimUser{})
		if err == nil {
			return false, nil
		}
		if !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("look up the Person's user: %w", err)
		}
	}
	return true, nil
}

func (r *personReconciler) verdict(ctx context.Context, person *v1alpha1.Person) (verdict.Verdict, error) {
	if person.IsProtected() {
		orphan, err := r.isOrphan(ctx, person)
		if err != nil {
			return verdict.Verdict{}, err
		}
		if orphan {
			return verdict.Stalled(v1alpha1.ReasonPersonProtected,
				"Its user is gone, but it is protected and stays enabled. Disable it by hand, or take its annotation "+v1alpha1.AnnotationProtected+" off."), nil
		}
	}
	others, err := othersUnder(ctx, r.client, person, &v1alpha1.PersonList{}, directory.PersonByEmail, rules.MatchKey(person))
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("look for the same e-mail address: %w", err)
	}
	if len(others) > 0 {
		return verdict.Stalled(v1alpha1.ReasonDuplicatePrimaryEmail,
			"The same primaryEmail is on Person "+verdict.FirstOf(others)+". Change or delete all but one."), nil
	}
	missing, err := missingReferences(ctx, r.client, person.Namespace, []reference{
		{field: "organization", to: person.Spec.Organization, kind: &v1alpha1.Organization{}},
		{field: "site", to: person.Spec.Site, kind: &v1alpha1.Site{}},
		{field: "manager", to: person.Spec.Manager, kind: &v1alpha1.Person{}},
	})
	if err != nil {
		return verdict.Verdict{}, err
	}
	if missing != "" {
		return verdict.Waiting(v1alpha1.ReasonReferenceNotFound, missing), nil
	}
	return verdict.Ready(v1alpha1.ReasonReady, consistent), nil
}

// reference is a field of a record that names another record.
type reference struct {
	field string
	to    *v1alpha1.RecordReference
	kind  client.Object
}

// missingReferences says which of the references lead nowhere, "" when none does.
func missingReferences(ctx context.Context, reader client.Reader, namespace string, references []reference) (string, error) {
	var missing []string
	for _, ref := range references {
		if ref.to == nil {
			continue
		}
		err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.to.Name}, ref.kind, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			missing = append(missing, fmt.Sprintf("%s refers to %q, which does not exist.", ref.field, ref.to.Name))
		} else if err != nil {
			return "", fmt.Errorf("look up %s: %w", ref.field, err)
		}
	}
	return strings.Join(missing, " "), nil
}

// nameVerdict says whether a record has its name alone among those of its kind. list is an
// empty list of the kind, index the one by folded name.
func nameVerdict(ctx context.Context, reader client.Reader, record rules.Record, list client.ObjectList, index string) (verdict.Verdict, error) {
	others, err := othersUnder(ctx, reader, record, list, index, rules.MatchKey(record))
	if err != nil {
		return verdict.Verdict{}, fmt.Errorf("look for the same name: %w", err)
	}
	if len(others) > 0 {
		return verdict.Stalled(v1alpha1.ReasonDuplicateName,
			fmt.Sprintf("The same name is on %s %s. Rename or delete all but one.", rules.KindOf(record), verdict.FirstOf(others))), nil
	}
	return verdict.Ready(v1alpha1.ReasonReady, consistent), nil
}

// othersUnder returns the names of the other objects under one key of an index, sorted.
func othersUnder(ctx context.Context, reader client.Reader, self client.Object, list client.ObjectList, index, key string) ([]string, error) {
	err := directory.List(ctx, reader, list, self.GetNamespace(), index, key, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var others []string
	err = eachIn(list, func(object client.Object) {
		if object.GetName() != self.GetName() {
			others = append(others, object.GetName())
		}
	})
	slices.Sort(others)
	return others, err
}
