package controllers

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/verdict"
)

// groupReconciler runs the rules of ScimGroups.
type groupReconciler struct {
	client client.Client
	status *verdict.Writer
	runner *ruleRunner
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimgroups;scimgrouppages,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimgroups/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *groupReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	group := &v1alpha1.ScimGroup{}
	if err := r.client.Get(ctx, req.NamespacedName, group); err != nil {
		if apierrors.IsNotFound(err) {
			r.runner.memories[v1alpha1.SubjectScimGroup].Forget(req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !group.DeletionTimestamp.IsZero() {
		// The Organization keeps its data and its link, which the next group of its
		// name takes over. Nothing has to be undone.
		return ctrl.Result{}, nil
	}
	report := r.status.Begin(group, &group.Status.Conditions)
	result, found, err := r.reconcile(ctx, group, report)
	return report.End(ctx, result, found, err)
}

// reconcile runs the rules of a group and says what came of them.
func (r *groupReconciler) reconcile(ctx context.Context, group *v1alpha1.ScimGroup, report *verdict.Report) (ctrl.Result, verdict.Verdict, error) {
	err := execution.NoteRerun(ctx, r.client, group)
	report.Stored()
	if err != nil {
		return ctrl.Result{}, verdict.Verdict{}, err
	}
	members, err := membership.Of(ctx, r.client, group)
	if err != nil {
		return ctrl.Result{}, verdict.Verdict{}, err
	}
	group.Status.Members = new(int32(len(members)))
	input, err := directory.Of(r.client, group.Namespace).GroupInput(ctx, group)
	if err != nil {
		return ctrl.Result{}, verdict.Verdict{}, err
	}
	done, err := r.runner.run(ctx, group, v1alpha1.SubjectScimGroup, input)
	if err != nil {
		return ctrl.Result{}, verdict.Verdict{}, err
	}
	group.Status.ObservedGeneration = group.Generation
	group.Status.LastRerun = execution.FollowedRerun(group, group.Status.LastRerun)
	group.Status.Organization = referenceTo(done.record(v1alpha1.RecordOrganization))
	group.Status.Site = referenceTo(done.record(v1alpha1.RecordSite))
	group.Status.Classification = classify(group)
	return r.runner.again(done), groupVerdict(done), nil
}

// classify says what a group stands for by what it is linked to. An organization goes
// before a site, because it says more of a group's members.
func classify(group *v1alpha1.ScimGroup) v1alpha1.Classification {
	switch {
	case group.Status.Organization != nil:
		return v1alpha1.ClassificationOrganization
	case group.Status.Site != nil:
		return v1alpha1.ClassificationSite
	}
	return v1alpha1.ClassificationUnclassified
}

// groupVerdict says what the rules' outcomes mean for a group.
func groupVerdict(done *run) verdict.Verdict {
	if failure, failed := done.failure(); failed {
		if failure.Reason == v1alpha1.ReasonTargetNotFound {
			failure.Reason = v1alpha1.ReasonOrganizationNotFound
		}
		return failure
	}
	return verdict.Ready(v1alpha1.ReasonReady, "The rules have run and the group is linked to "+linkedTo(done)+".")
}

func linkedTo(done *run) string {
	var kinds []string
	if done.record(v1alpha1.RecordOrganization) != nil {
		kinds = append(kinds, "an Organization")
	}
	if done.record(v1alpha1.RecordSite) != nil {
		kinds = append(kinds, "a Site")
	}
	if len(kinds) == 0 {
		return "no record, because the condition of none is met"
	}
	return strings.Join(kinds, " and ")
}
