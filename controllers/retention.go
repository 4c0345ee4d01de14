package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"rservice.dev/scim-operator/api/applied"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/identity"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	day = 24 * time.Hour
	// retentionDelay is how long nothing is deleted after retention was switched on or made
	// shorter, so that a slip of the pen is seen in status.retention.due before it has an effect.
	retentionDelay = day
	// retentionPercent and retentionMinimum bound how many Persons are deleted in a day, so that
	// a wrong clock does not delete everybody: that part of all Persons, and always the minimum.
	retentionPercent = 1
	retentionMinimum = 10
	// retentionBatch is how many are looked at and deleted in one pass.
	retentionBatch = 50
	// retentionCounts is how many intervals of counting are between two passes in which there is
	// nothing to do: an hour.
	retentionCounts = 60
)

// Reasons of Events about retention, on the ScimEndpoint.
const (
	eventRetentionSet   = "RetentionSet"
	eventPersonsDeleted = "PersonsDeleted"
)

var personsDeleted = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "scim_persons_deleted_total",
	Help: "Persons that spec.retention of a ScimEndpoint has deleted, by namespace.",
}, []string{"namespace"})

func init() { metrics.Registry.MustRegister(personsDeleted) }

// retentionReconciler deletes the Persons of those who left long ago, where the owner says so.
// It is the only one that deletes Persons.
type retentionReconciler struct {
	client client.Client
	// live reads from the API server, whose word is the last one before something is deleted.
	live    client.Reader
	status  *verdict.Writer
	clock   clock.PassiveClock
	leavers *leavers
	// interval is the time between two passes in which there is nothing to do.
	interval   time.Duration
	identities *identity.Claims
}

// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=persons,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimusers/status;scimendpoints/status,verbs=patch

// Reconcile implements reconcile.Reconciler: one pass for the namespace of an endpoint.
func (r *retentionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if err := kube.WaitFor(ctx, r.leavers.synced); err != nil {
		return ctrl.Result{}, err
	}
	endpoint := &v1alpha1.ScimEndpoint{}
	speaker, err := directory.Of(r.client, req.Namespace).Speaker(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	if speaker == nil || speaker.Spec.Retention.DisabledPersonDays == nil {
		personsDeleted.DeleteLabelValues(req.Namespace)
	}
	if err := r.client.Get(ctx, req.NamespacedName, endpoint); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	days := endpoint.Spec.Retention.DisabledPersonDays
	if days == nil || speaker == nil || speaker.Name != endpoint.Name {
		return ctrl.Result{}, r.write(ctx, endpoint, nil)
	}
	return r.pass(ctx, endpoint, *days)
}

// pass tells what is due, and deletes as much of it as may be deleted now. What it deletes it
// counts before, so that a process that ends in between deletes too little and never too much.
func (r *retentionReconciler) pass(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, days int32) (ctrl.Result, error) {
	now := r.clock.Now()
	age := max(time.Duration(days)*day, brake.LongestWindow)
	due, persons := r.leavers.before(endpoint.Namespace, now.Add(-age), now)
	previous := endpoint.Status.Retention
	next := nextRetention(previous, days, now)
	allowed := 0
	if !now.Before(next.StartsAt.Time) && (endpoint.Status.Held == nil || endpoint.Status.Held.Count == 0) {
		allowed = min(max(retentionMinimum, persons*retentionPercent/100)-int(next.DeletedInDay), retentionBatch)
	}
	chosen, looked, err := r.choose(ctx, endpoint.Namespace, due, age, allowed)
	if err != nil {
		return ctrl.Result{}, err
	}
	next.Due = int64(len(due) - looked + len(chosen))
	next.DeletedInDay += int64(len(chosen))
	if err := r.write(ctx, endpoint, &next); err != nil {
		return ctrl.Result{}, err
	}
	personsDeleted.WithLabelValues(endpoint.Namespace).Add(0)
	if previous == nil || previous.Days != days {
		r.status.Event(endpoint, nil, corev1.EventTypeNormal, eventRetentionSet,
			"Persons that have been disabled for %d days are deleted from %s on. Up to %d are due now.", days, next.StartsAt.UTC().Format(time.RFC3339), next.Due)
	}
	if err := r.deleteAll(ctx, endpoint, chosen, days); err != nil {
		return ctrl.Result{}, err
	}
	if len(chosen) > 0 || looked == retentionBatch {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	after := wait.Jitter(r.interval, 0.1)
	if start := next.StartsAt.Sub(now); start > 0 {
		after = min(after, start)
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// nextRetention is what the status says next. Anything but a longer time has a delay.
func nextRetention(previous *v1alpha1.RetentionStatus, days int32, now time.Time) v1alpha1.RetentionStatus {
	start := v1alpha1.NewTimestamp(now.Add(retentionDelay))
	if previous == nil {
		return v1alpha1.RetentionStatus{Days: days, StartsAt: start, DayStartedAt: v1alpha1.NewTimestamp(now)}
	}
	next := *previous
	// A time that is further ahead comes from a clock that was wrong.
	if days < previous.Days || next.StartsAt.After(start.Time) {
		next.StartsAt = start
	}
	next.Days = days
	switch since := now.Sub(next.DayStartedAt.Time); {
	case since >= day:
		next.DayStartedAt, next.DeletedInDay = v1alpha1.NewTimestamp(now), 0
	case since < -brake.ClockDifference:
		next.DayStartedAt = v1alpha1.NewTimestamp(now)
	}
	return next
}

// write writes the status, if it differs.
func (r *retentionReconciler) write(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, next *v1alpha1.RetentionStatus) error {
	if equality.Semantic.DeepEqual(endpoint.Status.Retention, next) {
		return nil
	}
	before := endpoint.DeepCopy()
	endpoint.Status.Retention = next
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return verdict.FailedTo("write what retention does", r.client.Status().Patch(ctx, endpoint, patch))
}

// expired is a Person to delete and its user, if that is still there.
type expired struct {
	person *v1alpha1.Person
	user   *v1alpha1.ScimUser
}

// choose looks at what is due until it has found as many as may be deleted, and reports at how
// many it has looked. What is not for retention is put aside for a day, or until it changes.
func (r *retentionReconciler) choose(ctx context.Context, namespace string, due []leaver, age time.Duration, allowed int) (chosen []expired, looked int, err error) {
	for _, one := range due {
		if len(chosen) >= allowed || looked == retentionBatch {
			break
		}
		looked++
		found, err := r.look(ctx, client.ObjectKey{Namespace: namespace, Name: one.name}, age)
		switch {
		case err != nil:
			return nil, 0, err
		case found == nil:
			r.leavers.putAside(namespace, one, r.clock.Now().Add(day))
		default:
			chosen = append(chosen, *found)
		}
	}
	return chosen, looked, nil
}

// look asks the API server whether a Person is to be deleted; nil if not. It is when provisioning
// and nobody else has disabled it, long enough ago, and its user is gone or not in use.
func (r *retentionReconciler) look(ctx context.Context, key client.ObjectKey, age time.Duration) (*expired, error) {
	person := &v1alpha1.Person{}
	if err := r.live.Get(ctx, key, person); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("look at a Person: %w", err)
	}
	since, ours := disabledByUs(person)
	if at, known := disabledAt(person); known {
		since = at
	}
	now := r.clock.Now()
	if !ours || !mayBeRetained(person) || since.After(now) || now.Sub(since) < age {
		return nil, nil
	}
	user := &v1alpha1.ScimUser{}
	err := r.live.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: person.Spec.SourceID}, user)
	switch {
	case apierrors.IsNotFound(err):
		return &expired{person: person}, nil
	case err != nil:
		return nil, fmt.Errorf("look at the user of a Person: %w", err)
	case user.IsActive(), user.Status.HeldGeneration != 0, !user.DeletionTimestamp.IsZero():
		return nil, nil
	}
	return &expired{person, user}, nil
}

// disabledByUs reports whether field disabled is provisioning's alone, and when that wrote the
// Person last.
func disabledByUs(person *v1alpha1.Person) (last time.Time, ours bool) {
	for _, entry := range person.ManagedFields {
		var fields struct {
			Spec map[string]any `json:"f:spec"`
		}
		if entry.Subresource != "" || entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, owns := fields.Spec["f:"+rules.FieldDisabled]; !owns {
			continue
		}
		if entry.Operation != metav1.ManagedFieldsOperationUpdate || entry.Manager != kube.FieldOwner && !strings.HasPrefix(entry.Manager, applied.RuleManager) {
			return time.Time{}, false
		}
		if ours = true; entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last, ours
}

func (r *retentionReconciler) deleteAll(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, chosen []expired, days int32) error {
	deleted := 0
	var failed error
	for _, one := range chosen {
		gone, err := r.delete(ctx, one)
		if failed = errors.Join(failed, err); gone {
			deleted++
		}
	}
	if deleted > 0 {
		personsDeleted.WithLabelValues(endpoint.Namespace).Add(float64(deleted))
		r.status.Event(endpoint, nil, corev1.EventTypeNormal, eventPersonsDeleted,
			"Deleted %d Persons that had been disabled for %d days, by spec.retention.", deleted, days)
	}
	return failed
}

// delete deletes a Person as it was looked at, and what hangs on it. An inactive user of it notes
// that before, so that no rule makes it anew, whenever this ends.
func (r *retentionReconciler) delete(ctx context.Context, one expired) (gone bool, err error) {
	if one.user != nil && one.user.Status.PersonDeletedAt == nil {
		before := one.user.DeepCopy()
		one.user.Status.PersonDeletedAt = new(v1alpha1.NewTimestamp(r.clock.Now()))
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := r.client.Status().Patch(ctx, one.user, patch); err != nil {
			return false, verdict.FailedTo("note that a Person is deleted", err)
		}
	}
	if err := r.leave(ctx, one.person); err != nil {
		return false, err
	}
	if err := r.identities.Forget(ctx, one.person); err != nil {
		return false, err
	}
	err = r.client.Delete(ctx, one.person, client.Preconditions{UID: &one.person.UID, ResourceVersion: &one.person.ResourceVersion})
	switch {
	case err == nil:
		logf.FromContext(ctx).Info("Deleted a Person", "record", one.person.Name, "because", "it was disabled for longer than spec.retention says")
		return true, nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return false, nil // It has changed since, and is looked at again.
	}
	return false, verdict.FailedTo("delete Person", err)
}

// leave takes a Person off whatever it is the manager of, unless somebody has applied that.
func (r *retentionReconciler) leave(ctx context.Context, manager *v1alpha1.Person) error {
	persons, organizations := &v1alpha1.PersonList{}, &v1alpha1.OrganizationList{}
	if err := directory.List(ctx, r.client, persons, manager.Namespace, directory.PersonByManager, manager.Name); err != nil {
		return fmt.Errorf("list whose manager a Person is: %w", err)
	}
	if err := directory.List(ctx, r.client, organizations, manager.Namespace, directory.OrganizationByManager, manager.Name); err != nil {
		return fmt.Errorf("list whose manager a Person is: %w", err)
	}
	var failed error
	for i := range persons.Items {
		failed = errors.Join(failed, r.clear(ctx, &persons.Items[i], func() { persons.Items[i].Spec.Manager = nil }))
	}
	for i := range organizations.Items {
		failed = errors.Join(failed, r.clear(ctx, &organizations.Items[i], func() { organizations.Items[i].Spec.Manager = nil }))
	}
	return failed
}

func (r *retentionReconciler) clear(ctx context.Context, record rules.Record, change func()) error {
	if applied.Fields(record)["manager"].Manager != "" {
		return nil
	}
	before, ok := record.DeepCopyObject().(rules.Record)
	if !ok {
		return fmt.Errorf("copy %T", record)
	}
	change()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return verdict.FailedTo("take the manager off", client.IgnoreNotFound(r.client.Patch(ctx, record, patch)))
}
