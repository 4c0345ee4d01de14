package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// failureDelay is how long a rule's status may be behind its failures.
	failureDelay = 2 * time.Second
	// defaultCountInterval is how long the mere count of subjects may be behind, so
	// that a new user does not cost a write of every rule's status.
	defaultCountInterval = time.Minute
	// countJitter spreads the rules' status writes, as a part of their delay.
	countJitter = 0.1
	// maxFailures is the most failures that a rule's status names.
	maxFailures = 10
)

// ruleReconciler says of each AutomationRule whether it compiles and how it fares.
type ruleReconciler struct {
	client client.Client
	status *verdict.Writer
	rules  *rulecache.Cache
	find   dependents
	// reprocessing knows how far the rules' subjects are.
	reprocessing *reprocessing
	// linter knows what about the rules is probably a mistake.
	linter *linter
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=automationrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=automationrules/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *ruleReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	rule := &v1alpha1.AutomationRule{}
	if err := r.client.Get(ctx, req.NamespacedName, rule); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.rules.Forget(req.NamespacedName)
			for _, kind := range []v1alpha1.SubjectKind{v1alpha1.SubjectScimUser, v1alpha1.SubjectScimGroup} {
				r.reprocessing.forget(backlogKey{req.Namespace, kind}, req.Name)
				r.linter.forget(backlogKey{req.Namespace, kind})
			}
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !rule.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	report := r.status.Begin(rule, &rule.Status.Conditions)
	result, found, err := r.reconcile(ctx, rule, report)
	return report.End(ctx, result, found, err)
}

// reconcile says how a rule fares; nothing where it is not the newest version any more.
func (r *ruleReconciler) reconcile(ctx context.Context, rule *v1alpha1.AutomationRule, report *verdict.Report) (result ctrl.Result, found verdict.Verdict, err error) {
	err = execution.NoteRerun(ctx, r.client, rule)
	report.Stored()
	if err != nil {
		return result, found, err
	}
	before := rule.DeepCopy()
	result, newest, err := r.progress(ctx, rule)
	if err != nil || !newest {
		return result, found, err
	}
	if err = r.count(ctx, rule); err != nil {
		return result, found, err
	}
	if err = errors.Join(r.effect(ctx, rule, before), r.findings(ctx, rule)); err != nil {
		return result, found, err
	}
	rule.Status.ObservedGeneration = rule.Generation
	meta.SetStatusCondition(&rule.Status.Conditions, r.subjectsHealthy(rule))
	report.Announce(func() {
		r.told(rule, before)
		r.announceSubjects(rule, before)
		r.tellEffect(rule, before)
		r.tellFindings(rule, before)
	})
	return result, r.verdict(rule), nil
}

// count reads the rule's executions as they are now. What is still under way comes with
// its own event, so nothing is waited for unless all subjects have been tried: what is then
// said has to hold.
func (r *ruleReconciler) count(ctx context.Context, rule *v1alpha1.AutomationRule) error {
	executions := &v1alpha1.AutomationRuleExecutionList{}
	options := []client.ListOption{client.UnsafeDisableDeepCopy}
	if underWay(rule) {
		options = append(options, client.DisableReadYourWritesConsistency)
	}
	if err := directory.List(ctx, r.client, executions, rule.Namespace, directory.ExecutionByRule, rule.Name, options...); err != nil {
		return fmt.Errorf("list AutomationRuleExecutions: %w", err)
	}
	failures := []v1alpha1.SubjectFailure{}
	changed := 0
	for i := range executions.Items {
		one := &executions.Items[i]
		if execution.Changed(one) && one.Status.RuleGeneration == rule.Generation {
			changed++
		}
		if execution.Failed(one) {
			failures = append(failures, v1alpha1.SubjectFailure{
				Subject: one.Spec.Subject.Name, Reason: execution.Reason(one),
			})
		}
	}
	slices.SortFunc(failures, func(a, b v1alpha1.SubjectFailure) int { return cmp.Compare(a.Subject, b.Subject) })
	rule.Status.Processed = int64(len(executions.Items))
	rule.Status.Changed = int64(changed)
	rule.Status.Failed = int64(len(failures))
	rule.Status.Failures = failures[:min(len(failures), maxFailures)]
	return nil
}

// verdict says whether the rule works. What came of its subjects is not part of that: who
// waits for a rule in Git must not wait for the right data of each user.
func (r *ruleReconciler) verdict(rule *v1alpha1.AutomationRule) verdict.Verdict {
	if !rule.Spec.Disabled {
		if err := r.rules.Problem(rule); err != nil {
			return verdict.Stalled(v1alpha1.ReasonInvalidRule, err.Error())
		}
	}
	if underWay(rule) {
		state := rule.Status.Reprocessing
		return verdict.UnderWay(v1alpha1.ReasonReprocessing, fmt.Sprintf(
			"The rule was made, changed or asked to run again; %d of %d subjects are processed since.", state.Processed+state.Retrying, state.Total))
	}
	if rule.Spec.Disabled {
		return verdict.Ready(v1alpha1.ReasonDisabled, "The rule is switched off by spec.disabled.")
	}
	return verdict.Ready(v1alpha1.ReasonReady, "The rule compiles and has run on all subjects.")
}

// subjectsHealthy says what came of the rule's subjects, once its executions are counted.
func (r *ruleReconciler) subjectsHealthy(rule *v1alpha1.AutomationRule) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionSubjectsHealthy, ObservedGeneration: rule.Generation, LastTransitionTime: metav1.NewTime(r.status.Now()),
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNoneFailed, Message: "The rule fails for no subject.",
	}
	state := rule.Status.Reprocessing
	switch {
	case rule.Status.Failed > 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonSubjectsFailed
		condition.Message = fmt.Sprintf("Subjects for which the rule fails: %d. status.failures names the first; the conditions of each say why.",
			rule.Status.Failed)
	case state != nil && state.Retrying > 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonSubjectsRetrying
		condition.Message = fmt.Sprintf("Subjects that could not be processed since the rule changed, and are tried again: %d. The conditions of each say why.",
			state.Retrying)
	}
	return condition
}

// announceSubjects sends an Event when the rule starts or stops failing for subjects.
func (r *ruleReconciler) announceSubjects(rule, before *v1alpha1.AutomationRule) {
	is := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionSubjectsHealthy)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionSubjectsHealthy)
	switch {
	case is == nil || (was != nil && was.Status == is.Status):
	case is.Status == metav1.ConditionFalse:
		r.status.Event(rule, nil, corev1.EventTypeWarning, is.Reason, "%s", is.Message)
	case was != nil:
		r.status.Event(rule, nil, corev1.EventTypeNormal, is.Reason, "%s", is.Message)
	}
}
