package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"rservice.dev/scim-operator/api/v1alpha1"
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
	status *statusWriter
	rules  *ruleCache
	find   finder
	// reprocessing knows how far the rules' subjects are.
	reprocessing *reprocessing
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=automationrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=automationrules/status,verbs=patch

// Reconcile implements reconcile.Reconciler.
func (r *ruleReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	rule := &v1alpha1.AutomationRule{}
	if err := r.client.Get(ctx, req.NamespacedName, rule); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.rules.forget(req.NamespacedName)
			for _, kind := range []v1alpha1.SubjectKind{v1alpha1.SubjectScimUser, v1alpha1.SubjectScimGroup} {
				r.reprocessing.forget(backlogKey{req.Namespace, kind}, req.Name)
			}
			forgetRule(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !rule.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := rule.DeepCopy()
	if err := r.count(ctx, rule); err != nil {
		return r.status.fail(ctx, rule, before, &rule.Status.Conditions, err)
	}
	result, err := r.progress(ctx, rule)
	if err != nil {
		return r.status.fail(ctx, rule, before, &rule.Status.Conditions, err)
	}
	failedSubjects.WithLabelValues(rule.Namespace, rule.Name).Set(float64(rule.Status.Failed))
	rule.Status.ObservedGeneration = rule.Generation
	if err := r.status.write(ctx, rule, before, &rule.Status.Conditions, r.verdict(rule)); err != nil {
		return ctrl.Result{}, err
	}
	r.told(rule, before)
	return result, nil
}

// count reads the rule's executions as they are now. What is still under way comes
// with its own event, so nothing is waited for.
func (r *ruleReconciler) count(ctx context.Context, rule *v1alpha1.AutomationRule) error {
	executions := &v1alpha1.AutomationRuleExecutionList{}
	err := r.client.List(ctx, executions, client.InNamespace(rule.Namespace), client.MatchingFields{executionByRule: rule.Name},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		return fmt.Errorf("list AutomationRuleExecutions: %w", err)
	}
	failures := []v1alpha1.SubjectFailure{}
	changed, rerunDone := 0, true
	for i := range executions.Items {
		execution := &executions.Items[i]
		rerunDone = rerunDone && execution.Status.RuleRerun == followed(rule, execution.Status.RuleRerun)
		if hasChanged(execution) {
			changed++
		}
		if hasFailed(execution) {
			failures = append(failures, v1alpha1.SubjectFailure{
				Subject: execution.Spec.Subject.Name, Reason: succeededCondition(execution).Reason,
			})
		}
	}
	slices.SortFunc(failures, func(a, b v1alpha1.SubjectFailure) int { return cmp.Compare(a.Subject, b.Subject) })
	rule.Status.Processed = int64(len(executions.Items))
	rule.Status.Changed = int64(changed)
	rule.Status.Failed = int64(len(failures))
	rule.Status.Failures = failures[:min(len(failures), maxFailures)]
	if rerunDone {
		rule.Status.LastRerun = followed(rule, rule.Status.LastRerun)
	}
	return nil
}

// verdict says whether the rule works, once its executions are counted.
func (r *ruleReconciler) verdict(rule *v1alpha1.AutomationRule) verdict {
	if rule.Spec.Disabled {
		return readyVerdict(v1alpha1.ReasonDisabled, "The rule is switched off by spec.disabled.")
	}
	if err := r.rules.problem(rule); err != nil {
		return stalledVerdict(v1alpha1.ReasonInvalidRule, err.Error())
	}
	if rule.Status.Failed > 0 {
		failing := stalledVerdict(v1alpha1.ReasonSubjectsFailed,
			"The rule compiles, but it fails for the subjects counted in status.failed; each one's conditions say why.")
		failing.outlook = settled
		return failing
	}
	return readyVerdict(v1alpha1.ReasonReady, "The rule compiles and fails for no subject.")
}

func hasFailed(execution *v1alpha1.AutomationRuleExecution) bool {
	return execution.Labels[v1alpha1.LabelResult] == string(v1alpha1.ResultFailed)
}

// hasChanged reports whether the rule changed the record when it last ran.
func hasChanged(execution *v1alpha1.AutomationRuleExecution) bool {
	return succeededCondition(execution).Reason == v1alpha1.ReasonApplied
}

// onExecutionChange counts a rule's executions again when one has come, gone or
// changed its result: soon for failures, rarely for the mere number.
func onExecutionChange(countInterval time.Duration) handler.EventHandler {
	enqueue := func(object client.Object, q queue, delay time.Duration) {
		if execution, ok := object.(*v1alpha1.AutomationRuleExecution); ok {
			addToQueue(q, requestFor(execution.Namespace, execution.Spec.Rule), wait.Jitter(delay, countJitter))
		}
	}
	delayOf := func(object client.Object) time.Duration {
		if execution, ok := object.(*v1alpha1.AutomationRuleExecution); ok && hasFailed(execution) {
			return min(failureDelay, countInterval)
		}
		return countInterval
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				enqueue(e.Object, q, delayOf(e.Object))
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			old, oldOK := e.ObjectOld.(*v1alpha1.AutomationRuleExecution)
			current, currentOK := e.ObjectNew.(*v1alpha1.AutomationRuleExecution)
			switch {
			case !oldOK || !currentOK:
			case (hasFailed(old) || hasFailed(current)) && succeededCondition(old).Reason != succeededCondition(current).Reason:
				enqueue(current, q, min(failureDelay, countInterval))
			case hasChanged(old) != hasChanged(current) || old.Status.RuleRerun != current.Status.RuleRerun:
				enqueue(current, q, countInterval)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			enqueue(e.Object, q, delayOf(e.Object))
		},
	}
}
