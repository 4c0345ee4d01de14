package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// userReconciler runs the rules of ScimUsers and disables the Person of a deleted
// one.
type userReconciler struct {
	client client.Client
	status *verdict.Writer
	runner *ruleRunner
	// leaveGroups is Options.Leave.
	leaveGroups func(ctx context.Context, namespace, id string) error
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimusers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimusers/status,verbs=patch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimgroups;scimgrouppages;scimendpoints;automationrules,verbs=get;list;watch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=persons;organizations,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=automationruleexecutions,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile implements reconcile.Reconciler.
func (r *userReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	user := &v1alpha1.ScimUser{}
	if err := r.client.Get(ctx, req.NamespacedName, user); err != nil {
		if apierrors.IsNotFound(err) {
			r.runner.memories[v1alpha1.SubjectScimUser].Forget(req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	report := r.status.Begin(user, &user.Status.Conditions)
	result, found, err := r.reconcile(ctx, user, report)
	return report.End(ctx, result, found, err)
}

// reconcile runs the rules of a user, or sees to its Person where it is being deleted, and says what came of that.
func (r *userReconciler) reconcile(ctx context.Context, user *v1alpha1.ScimUser, report *verdict.Report) (result ctrl.Result, found verdict.Verdict, err error) {
	if !user.DeletionTimestamp.IsZero() {
		return r.leave(ctx, user, report)
	}
	done, err := r.run(ctx, user, report)
	if err != nil {
		return r.failed(ctx, user, report, err)
	}
	instead, err := r.disableUndecided(ctx, user, done)
	if err != nil {
		return result, found, err
	}
	r.tellEarlierLink(user, done)
	r.noteRun(user, done)
	found = userVerdict(done, instead)
	if done.hold.On() {
		found = done.hold.Verdict(found)
	}
	return r.runner.again(done), found, nil
}

// run runs the rules of a user who is not being deleted, once what it must not forget is stored.
func (r *userReconciler) run(ctx context.Context, user *v1alpha1.ScimUser, report *verdict.Report) (*run, error) {
	err := execution.NoteRerun(ctx, r.client, user)
	if err == nil {
		err = r.noteReturn(ctx, user)
	}
	report.Stored()
	if err != nil {
		return nil, err
	}
	if err := r.ensureFinalizer(ctx, user, report); err != nil {
		return nil, err
	}
	input, err := directory.Of(r.client, user.Namespace).UserInput(ctx, user)
	if err != nil {
		return nil, err
	}
	return r.runner.run(ctx, user, v1alpha1.SubjectScimUser, input)
}

// noteRun keeps in the status what a run has found.
func (r *userReconciler) noteRun(user *v1alpha1.ScimUser, done *run) {
	user.Status.ObservedGeneration = user.Generation
	user.Status.LastRerun = execution.FollowedRerun(user, user.Status.LastRerun)
	user.Status.Person = referenceTo(done.record(v1alpha1.RecordPerson))
	person, ok := done.record(v1alpha1.RecordPerson).(*v1alpha1.Person)
	brake.NoteDisabled(user, ok && person.Spec.Disabled, r.runner.clock.Now())
	user.Status.FormerPerson = nil
	if user.IsActive() {
		user.Status.PersonDeletedAt = nil
	}
	if done.former != "" {
		user.Status.FormerPerson = &v1alpha1.RecordReference{Name: done.former}
	}
	done.hold.KeepIn(&user.Status)
}

// tellEarlierLink tells of a Person made by hand that an earlier run has linked to the user, if
// that ended before it could: the user's status does not name the Person yet.
func (r *userReconciler) tellEarlierLink(user *v1alpha1.ScimUser, done *run) {
	person, ok := done.record(v1alpha1.RecordPerson).(*v1alpha1.Person)
	if !ok || done.toldLink || person.Annotations[v1alpha1.AnnotationAdopted] != user.Name || person.Spec.SourceID != user.Name {
		return
	}
	if known := user.Status.Person; known == nil || known.Name != person.Name {
		r.runner.sendLinked(person, user)
	}
}

// failed ends a run of the rules that could not finish. If that lasts, the Persons of an
// inactive user are disabled all the same: a record that cannot be written for whatever
// reason must not keep somebody enabled who has left.
func (r *userReconciler) failed(ctx context.Context, user *v1alpha1.ScimUser, report *verdict.Report, err error) (ctrl.Result, verdict.Verdict, error) {
	if result, passes := report.Passes(ctx, err); passes {
		return result, verdict.Verdict{}, nil
	}
	found := verdict.Retrying(err)
	if !user.IsActive() {
		ctx, cancel := verdict.TimeToTell(ctx)
		defer cancel()
		persons, held, failed := r.runner.brake.DisableAll(ctx, user, "the user is inactive and the rules cannot be carried out")
		switch {
		case held.On():
			held = brake.HoldOf(user).With(held)
			held.KeepIn(&user.Status)
			found = held.Verdict(found)
		case failed == nil && persons > 0:
			found.Message = verdict.Truncate(found.Message, disabledAllTheSame)
		}
		err = errors.Join(err, failed)
	}
	return ctrl.Result{}, found, err
}

// noteReturn takes down that a user is in use again before anything is done for it. Were its Person enabled first, and
// that not taken down because the process ends or the client changes the user once more, then to disable the Person
// again would pass for what has counted already.
func (r *userReconciler) noteReturn(ctx context.Context, user *v1alpha1.ScimUser) error {
	if !brake.InUse(user) || user.Status.DeprovisionedAt == nil {
		return nil
	}
	before := user.DeepCopy()
	user.Status.DeprovisionedAt = nil
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return verdict.FailedTo("note that the user is in use again", r.client.Status().Patch(ctx, user, patch))
}

// ensureFinalizer puts the finalizer on a user that lost it or that somebody else
// than the SCIM server made, before anything is done that it has to undo.
func (r *userReconciler) ensureFinalizer(ctx context.Context, user *v1alpha1.ScimUser, report *verdict.Report) error {
	if controllerutil.ContainsFinalizer(user, v1alpha1.FinalizerDeprovision) {
		return nil
	}
	before := user.DeepCopy()
	controllerutil.AddFinalizer(user, v1alpha1.FinalizerDeprovision)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := verdict.FailedTo("add finalizer", r.client.Patch(ctx, user, patch))
	report.Stored()
	return err
}

// deprovision disables the Person of a user that is being deleted, keeps its data,
// takes the user out of its groups and lets it go, unless that is held.
func (r *userReconciler) deprovision(ctx context.Context, user *v1alpha1.ScimUser) (brake.Hold, error) {
	if !controllerutil.ContainsFinalizer(user, v1alpha1.FinalizerDeprovision) {
		return brake.Hold{}, nil
	}
	if _, held, err := r.runner.brake.DisableAll(ctx, user, "the user is being deleted"); err != nil || held.On() {
		return held, err
	}
	if r.leaveGroups != nil {
		if err := r.leaveGroups(ctx, user.Namespace, user.Name); err != nil {
			return brake.Hold{}, verdict.FailedTo("take the user out of its groups", err)
		}
	}
	kept := user.DeepCopy()
	controllerutil.RemoveFinalizer(user, v1alpha1.FinalizerDeprovision)
	patch := client.MergeFromWithOptions(kept, client.MergeFromWithOptimisticLock{})
	return brake.Hold{}, client.IgnoreNotFound(verdict.FailedTo("remove finalizer", r.client.Patch(ctx, user, patch)))
}

// disableUndecided disables the Persons of an inactive user unless a rule has decided
// about that in this run, one way or the other: a rule that fails, does not apply,
// does not compile or is gone must not keep somebody enabled who has left. It
// reports whether it stands in for the rules.
func (r *userReconciler) disableUndecided(ctx context.Context, user *v1alpha1.ScimUser, done *run) (bool, error) {
	if user.IsActive() || rules.Assigned(done.outcomes, rules.FieldDisabled) {
		return false, nil
	}
	persons, held, err := r.runner.brake.DisableAll(ctx, user, "the user is inactive and no rule decided")
	if held.On() {
		done.held(held)
	}
	return persons > 0 && !held.On(), err
}

// leave ends what there is of a deleted user, which stays for as long as its Person is held.
func (r *userReconciler) leave(ctx context.Context, user *v1alpha1.ScimUser, report *verdict.Report) (ctrl.Result, verdict.Verdict, error) {
	held, err := r.deprovision(ctx, user)
	if err != nil {
		return ctrl.Result{}, verdict.Verdict{}, err
	}
	if !held.On() {
		report.Done()
		return ctrl.Result{}, verdict.Verdict{}, nil
	}
	user.Status.ObservedGeneration = user.Generation
	held.KeepIn(&user.Status)
	return r.runner.recheck(), held.Verdict(verdict.Stalled(v1alpha1.ReasonHeld, "The client has deleted the user.")), nil
}

// userVerdict says what the rules' outcomes mean for a user, whose Person was disabled
// instead of by them or not.
func userVerdict(done *run, instead bool) verdict.Verdict {
	if failure, failed := done.failure(); failed {
		if instead {
			failure.Message = verdict.Truncate(failure.Message, disabledAllTheSame)
		}
		return failure
	}
	if person, ok := done.record(v1alpha1.RecordPerson).(*v1alpha1.Person); ok && person.IsProtected() && !person.Spec.Disabled && !done.input.User.IsActive() {
		return verdict.Stalled(v1alpha1.ReasonPersonProtected,
			fmt.Sprintf("The user is inactive, but Person %s is protected and stays enabled. Disable it by hand, or take its annotation %s off.", person.Name, v1alpha1.AnnotationProtected))
	}
	if done.record(v1alpha1.RecordPerson) != nil {
		return verdict.Ready(v1alpha1.ReasonReady, "The rules have run and the user is linked to a Person.")
	}
	var unmet []string
	for _, outcome := range done.outcomes {
		if outcome.Reason == v1alpha1.ReasonPersonTakenOver || outcome.Reason == v1alpha1.ReasonPersonDeleted {
			return verdict.Ready(outcome.Reason, outcome.Message)
		}
		unmet = append(unmet, outcome.Message)
	}
	return verdict.Stalled(v1alpha1.ReasonPersonMissing, "No Person came of this user, because "+strings.Join(unmet, "; "))
}

// disabledAllTheSame ends the message of an inactive user whose rules fail.
const disabledAllTheSame = " The user is inactive, so its Person is disabled all the same."

// referenceTo refers to a record, nil for none.
func referenceTo(record rules.Record) *v1alpha1.RecordReference {
	if record == nil {
		return nil
	}
	return &v1alpha1.RecordReference{Name: record.GetName()}
}
