package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
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
	report := r.status.Begin(organization, &organization.Status.Conditions)
	found, err := r.verdict(ctx, organization)
	return report.End(ctx, ctrl.Result{}, found, err)
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

// siteReconciler says of each Site whether its name is its own.
type siteReconciler struct {
	client client.Client
	status *verdict.Writer
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=sites,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=sites/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *siteReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	site := &v1alpha1.Site{}
	if err := r.client.Get(ctx, req.NamespacedName, site); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	report := r.status.Begin(site, &site.Status.Conditions)
	found, err := nameVerdict(ctx, r.client, site, &v1alpha1.SiteList{}, directory.SiteByName)
	return report.End(ctx, ctrl.Result{}, found, err)
}
