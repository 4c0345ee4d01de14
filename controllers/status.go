package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// staleDelay is how long a reconcile waits for the cache to catch up with a change
	// that somebody else made, the first time; then twice that, and so on.
	staleDelay = 100 * time.Millisecond
	// maxStale is how many times in a row that is nothing to speak of.
	maxStale = 6
	// forecastWait is how long a reconcile waits for a count that another one makes.
	forecastWait = time.Second
	// failureTimeout bounds the write that says that a reconcile failed. It has time of
	// its own, because the reconcile may have failed for having none left.
	failureTimeout = 10 * time.Second
)

// eventAction is the action of every Event: what the controller was doing.
const eventAction = "Reconcile"

// statusWriter is the one place where status is written and Events are sent.
type statusWriter struct {
	client   client.Client
	recorder events.EventRecorder
	clock    clock.PassiveClock
	// stale counts, by object, how often in a row its plan was stale.
	stale workqueue.TypedRateLimiter[types.UID]
}

func newStatusWriter(c client.Client, recorder events.EventRecorder, clk clock.PassiveClock) *statusWriter {
	return &statusWriter{
		client: c, recorder: recorder, clock: clk,
		stale: workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](staleDelay, retryMax),
	}
}

// done ends a reconcile that has nothing to write to the status.
func (w *statusWriter) done(obj client.Object) { w.stale.Forget(obj.GetUID()) }

// write sets the conditions of obj and writes its status in one patch, if anything
// differs from before. conditions is the slice in obj. An Event follows when Ready
// has changed in a way that somebody may want to hear of.
func (w *statusWriter) write(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, v verdict) error {
	var previous metav1.Condition
	if ready := meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady); ready != nil {
		previous = *ready
	}
	v.apply(conditions, observed(obj), metav1.NewTime(w.clock.Now()))
	// A patch replaces the list of conditions. What a process plans that has lost its leadership, or that runs beside
	// another one, must not take the place of what somebody has said who knows more.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	changed, err := client.MergeFrom(before).Data(obj)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	if !bytes.Equal(changed, []byte("{}")) {
		if err := w.client.Status().Patch(ctx, obj, patch); apierrors.IsConflict(err) {
			return w.moved(obj, err)
		} else if client.IgnoreNotFound(err) != nil {
			return failedTo("write status", err)
		} else if err == nil { // whoever deleted the object does not need its status
			w.announce(obj, previous, v)
		}
	}
	if v.outlook != retrying {
		w.done(obj)
	}
	return nil
}

// movedError says that a status was not written because somebody has changed the object meanwhile, which is nothing to
// speak of: the reconcile is made again.
type movedError struct {
	after time.Duration
	cause error
}

// Error implements error.
func (e *movedError) Error() string { return e.cause.Error() }

// Unwrap lets errors.As find the cause.
func (e *movedError) Unwrap() error { return e.cause }

// moved is a movedError, unless the same object has moved time and again: then it is something else.
func (w *statusWriter) moved(obj client.Object, cause error) error {
	cause = failedTo("write status", cause)
	if delay, soon := w.again(obj); soon {
		return &movedError{after: delay, cause: cause}
	}
	return cause
}

// again returns when to plan again for an object that has changed meanwhile; false if that has been so for too long.
func (w *statusWriter) again(obj client.Object) (time.Duration, bool) {
	delay := w.stale.When(obj.GetUID())
	return wait.Jitter(delay, 1), w.stale.NumRequeues(obj.GetUID()) <= maxStale
}

// replanning makes a reconcile again whose status could not be written because the object has moved. Returned as an
// error, that would be one in the log.
type replanning struct{ reconcile.Reconciler }

// Reconcile implements reconcile.Reconciler.
func (r replanning) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	result, err := r.Reconciler.Reconcile(ctx, request)
	if moved, ok := errors.AsType[*movedError](err); ok {
		logf.FromContext(ctx).V(1).Info("The object has changed meanwhile; reconciling it again", "cause", moved.Error())
		return reconcile.Result{RequeueAfter: moved.after}, nil
	}
	return result, err
}

// settle writes the verdict on a record, whose conditions tell of no generation: where they
// say it already there is nothing to write.
func (w *statusWriter) settle(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, found verdict) error {
	if found.matches(*conditions) {
		w.done(obj)
		return nil
	}
	return w.write(ctx, obj, before, conditions, found)
}

// observed is the generation that the conditions of an object tell of. Those of records
// tell of none: they are written only when they change, so that an update of a Person
// costs no status write, and "kubectl wait" takes an older generation for not yet done.
func observed(obj client.Object) int64 {
	switch obj.(type) {
	case *v1alpha1.Person, *v1alpha1.Organization, *v1alpha1.Site:
		return 0
	}
	return obj.GetGeneration()
}

// announce sends an Event when an object stops or starts being Ready. An object
// that is Ready from the start is not worth one, nor is what the safety brake holds, which
// can be everything there is: the ScimEndpoint has an Event for all of it.
func (w *statusWriter) announce(obj client.Object, previous metav1.Condition, v verdict) {
	if previous.Status == v.ready && previous.Reason == v.reason {
		return
	}
	switch {
	case v.outlook == retrying, v.reason == v1alpha1.ReasonHeld:
	case v.ready == metav1.ConditionFalse:
		w.recorder.Eventf(obj, nil, corev1.EventTypeWarning, v.reason, eventAction, "%s", truncate(v.message))
	case v.ready == metav1.ConditionTrue && previous.Status == metav1.ConditionFalse && previous.Reason != v1alpha1.ReasonHeld:
		w.recorder.Eventf(obj, nil, corev1.EventTypeNormal, v.reason, eventAction, "%s", truncate(v.message))
	}
}

// fail ends a reconcile that could not finish: a stale plan is made again soon, and
// everything else is shown as Retrying and tried again with back-off. So is what looks
// stale time and again, because then it is something else.
func (w *statusWriter) fail(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, err error) (ctrl.Result, error) {
	if result, passes := w.passes(ctx, obj, err); passes {
		return result, nil
	}
	return ctrl.Result{}, w.tell(ctx, obj, before, conditions, err, retryVerdict(err))
}

// passes reports whether nobody needs to hear of an error, and when to try again.
func (w *statusWriter) passes(ctx context.Context, obj client.Object, err error) (ctrl.Result, bool) {
	if isEndOfNamespace(err) || errors.Is(ctx.Err(), context.Canceled) {
		w.done(obj)
		return ctrl.Result{}, true
	}
	if errors.Is(err, errForecasting) {
		return ctrl.Result{RequeueAfter: wait.Jitter(forecastWait, 1)}, true
	}
	if isStale(err) {
		if delay, soon := w.again(obj); soon {
			return ctrl.Result{RequeueAfter: delay}, true
		}
	}
	return ctrl.Result{}, false
}

// tell shows what an error means and returns it.
func (w *statusWriter) tell(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, err error, v verdict) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	written := w.write(ctx, obj, before, conditions, v)
	if _, moved := errors.AsType[*movedError](written); moved {
		return err // which brings the reconcile back, and then it is told
	}
	return errors.Join(err, written)
}
