package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// siteReconciler says of each Site whether its name is its own.
type siteReconciler struct {
	client client.Client
	status *statusWriter
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
	found, err := r.verdict(ctx, site)
	if err != nil {
		return r.status.fail(ctx, site, before, &site.Status.Conditions, err)
	}
	if found.matches(site.Status.Conditions) {
		r.status.done(site)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.status.write(ctx, site, before, &site.Status.Conditions, found)
}

func (r *siteReconciler) verdict(ctx context.Context, site *v1alpha1.Site) (verdict, error) {
	same := &v1alpha1.SiteList{}
	name := fold.String(site.Spec.Name)
	err := r.client.List(ctx, same, client.InNamespace(site.Namespace), client.MatchingFields{siteByName: name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return verdict{}, fmt.Errorf("look for the same name: %w", err)
	}
	var others []string
	for i := range same.Items {
		others = append(others, same.Items[i].Name)
	}
	if others = othersThan(site.Name, others); len(others) > 0 {
		return stalledVerdict(v1alpha1.ReasonDuplicateName,
			"The same name is on Site "+firstOf(others)+". Rename or delete all but one."), nil
	}
	return readyVerdict(v1alpha1.ReasonReady, "The record is consistent."), nil
}

// sitesOfSite finds the Sites for which it matters that one has come, gone or been
// renamed.
func (f finder) sitesOfSite(ctx context.Context, old, current *v1alpha1.Site, into requestSet) error {
	if old != nil && current != nil && fold.String(old.Spec.Name) == fold.String(current.Spec.Name) {
		return nil
	}
	for _, version := range versions(old, current) {
		sites := &v1alpha1.SiteList{}
		key := client.MatchingFields{siteByName: fold.String(version.Spec.Name)}
		if err := f.list(ctx, sites, version.Namespace, key); err != nil {
			return err
		}
		for i := range sites.Items {
			into.add(version.Namespace, sites.Items[i].Name)
		}
	}
	return nil
}
