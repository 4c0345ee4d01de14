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
	before := site.DeepCopy()
	found, err := nameVerdict(ctx, r.client, site, &v1alpha1.SiteList{}, directory.SiteByName)
	if err != nil {
		return r.status.Fail(ctx, site, before, &site.Status.Conditions, err)
	}
	return ctrl.Result{}, r.status.Settle(ctx, site, before, &site.Status.Conditions, found)
}

// sitesOfSite finds the Sites for which it matters that one has come, gone or been
// renamed.
func (f finder) sitesOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	if old != nil && current != nil && rules.MatchKey(old) == rules.MatchKey(current) {
		return nil
	}
	for _, version := range versions(old, current) {
		key := client.MatchingFields{directory.SiteByName: rules.MatchKey(version)}
		if err := f.addAll(ctx, &v1alpha1.SiteList{}, version.Namespace, into, key); err != nil {
			return err
		}
	}
	return nil
}
