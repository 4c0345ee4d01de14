package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// personReconciler says of each Person whether its e-mail address is its own and
// what it refers to exists, and disables one whose user is gone.
type personReconciler struct {
	client client.Client
	// live reads from the API server.
	live   client.Reader
	status *statusWriter
	brake  *brake
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
	held, err := r.disableOrphan(ctx, person)
	if err != nil {
		return r.status.fail(ctx, person, person.DeepCopy(), &person.Status.Conditions, err)
	}
	before := person.DeepCopy()
	person.Status.HeldGeneration = held.generation
	found, err := r.verdict(ctx, person)
	if err != nil {
		return r.status.fail(ctx, person, before, &person.Status.Conditions, err)
	}
	if held.on() {
		found = held.verdict(found)
	}
	if found.matches(person.Status.Conditions) && before.Status.HeldGeneration == held.generation {
		r.status.done(person)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.status.write(ctx, person, before, &person.Status.Conditions, found)
}

func (r *personReconciler) verdict(ctx context.Context, person *v1alpha1.Person) (verdict, error) {
	same := &v1alpha1.PersonList{}
	email := fold.Email(person.Spec.PrimaryEmail)
	err := r.client.List(ctx, same, client.InNamespace(person.Namespace), client.MatchingFields{personByEmail: email}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return verdict{}, fmt.Errorf("look for the same e-mail address: %w", err)
	}
	var others []string
	for i := range same.Items {
		others = append(others, same.Items[i].Name)
	}
	if others = othersThan(person.Name, others); len(others) > 0 {
		return stalledVerdict(v1alpha1.ReasonDuplicatePrimaryEmail,
			"The same primaryEmail is on Person "+firstOf(others)+". Change or delete all but one."), nil
	}
	missing, err := missingReferences(ctx, r.client, person.Namespace, []reference{
		{field: "organization", to: person.Spec.Organization, kind: &v1alpha1.Organization{}},
		{field: "site", to: person.Spec.Site, kind: &v1alpha1.Site{}},
		{field: "manager", to: person.Spec.Manager, kind: &v1alpha1.Person{}},
	})
	if err != nil {
		return verdict{}, err
	}
	if missing != "" {
		return stalledVerdict(v1alpha1.ReasonReferenceNotFound, missing), nil
	}
	return readyVerdict(v1alpha1.ReasonReady, "The record is consistent."), nil
}

// personsOfPerson finds the Persons for which it matters that one has come, gone or
// got another e-mail address.
func (f finder) personsOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	if old != nil && current != nil && fold.Email(old.Spec.PrimaryEmail) == fold.Email(current.Spec.PrimaryEmail) {
		return nil
	}
	existing := versions(old, current)
	for _, version := range existing {
		if err := f.personsBy(ctx, version.Namespace, personByEmail, fold.Email(version.Spec.PrimaryEmail), into); err != nil {
			return err
		}
	}
	if len(existing) == 1 {
		return f.personsBy(ctx, existing[0].Namespace, personByManager, existing[0].Name, into)
	}
	return nil
}

// personsOfSite finds the Persons of a Site that has come or gone.
func (f finder) personsOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	existing := versions(old, current)
	if len(existing) == 2 {
		return nil
	}
	return f.personsBy(ctx, existing[0].Namespace, personBySite, existing[0].Name, into)
}

// personsOfOrganization finds the Persons of an Organization that has come or gone.
func (f finder) personsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	existing := versions(old, current)
	if len(existing) == 2 {
		return nil
	}
	return f.personsBy(ctx, existing[0].Namespace, personByOrganization, existing[0].Name, into)
}

func (f finder) personsBy(ctx context.Context, namespace, index, key string, into requestSet) error {
	persons := &v1alpha1.PersonList{}
	if err := f.list(ctx, persons, namespace, client.MatchingFields{index: key}); err != nil {
		return err
	}
	for i := range persons.Items {
		into.add(namespace, persons.Items[i].Name)
	}
	return nil
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

// othersThan returns the names but one, sorted.
func othersThan(self string, names []string) []string {
	others := slices.DeleteFunc(names, func(name string) bool { return name == self })
	slices.Sort(others)
	return others
}
