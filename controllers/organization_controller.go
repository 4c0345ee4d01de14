package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// organizationReconciler says of each Organization whether its name is its own and
// what it refers to exists.
type organizationReconciler struct {
	client client.Client
	status *verdict.Writer
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=organizations,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=organizations/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *organizationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	organization := &v1alpha1.Organization{}
	if err := r.client.Get(ctx, req.NamespacedName, organization); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := organization.DeepCopy()
	found, err := r.verdict(ctx, organization)
	if err != nil {
		return r.status.Fail(ctx, organization, before, &organization.Status.Conditions, err)
	}
	return ctrl.Result{}, r.status.Settle(ctx, organization, before, &organization.Status.Conditions, found)
}

func (r *organizationReconciler) verdict(ctx context.Context, organization *v1alpha1.Organization) (verdict.Verdict, error) {
	found, err := nameVerdict(ctx, r.client, organization, &v1alpha1.OrganizationList{}, directory.OrganizationByName)
	if err != nil || found.IsStalled() {
		return found, err
	}
	missing, err := missingReferences(ctx, r.client, organization.Namespace, []reference{
		{field: "parent", to: organization.Spec.Parent, kind: &v1alpha1.Organization{}},
		{field: "manager", to: organization.Spec.Manager, kind: &v1alpha1.Person{}},
	})
	if err != nil {
		return verdict.Verdict{}, err
	}
	if missing != "" {
		return verdict.Waiting(v1alpha1.ReasonReferenceNotFound, missing), nil
	}
	return found, nil
}

// organizationsOfOrganization finds the Organizations for which it matters that one
// has come, gone or been renamed.
func (f finder) organizationsOfOrganization(ctx context.Context, old, current *v1alpha1.Organization, into requestSet) error {
	if old != nil && current != nil && rules.MatchKey(old) == rules.MatchKey(current) {
		return nil
	}
	existing := versions(old, current)
	for _, version := range existing {
		if err := f.organizationsBy(ctx, version.Namespace, directory.OrganizationByName, rules.MatchKey(version), into); err != nil {
			return err
		}
	}
	if len(existing) == 1 {
		return f.organizationsBy(ctx, existing[0].Namespace, directory.OrganizationByParent, existing[0].Name, into)
	}
	return nil
}

// organizationsOfPerson finds the Organizations whose manager has come or gone.
func (f finder) organizationsOfPerson(ctx context.Context, old, current *v1alpha1.Person, into requestSet) error {
	existing := versions(old, current)
	if len(existing) == 2 {
		return nil
	}
	return f.organizationsBy(ctx, existing[0].Namespace, directory.OrganizationByManager, existing[0].Name, into)
}

func (f finder) organizationsBy(ctx context.Context, namespace, index, key string, into requestSet) error {
	return f.addAll(ctx, &v1alpha1.OrganizationList{}, namespace, into, client.MatchingFields{index: key})
}
