package verdict

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
	// MaxRetryDelay is the longest time between two tries of what has failed.
	MaxRetryDelay = time.Minute
	// failureTimeout bounds what is still done for a reconcile that has failed.
	failureTimeout = 10 * time.Second
)

// eventAction is the action of every Event: what the controller was doing.
const eventAction = "Reconcile"

// Writer is the one place where status is written and Events are sent.
type Writer struct {
	client   client.Client
	recorder events.EventRecorder
	clock    clock.PassiveClock
	// stale counts, by object, how often in a row its plan was stale.
	stale workqueue.TypedRateLimiter[types.UID]
}

// NewWriter makes a Writer.
func NewWriter(c client.Client, recorder events.EventRecorder, clk clock.PassiveClock) *Writer {
	return &Writer{
		client: c, recorder: recorder, clock: clk,
		stale: workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](staleDelay, MaxRetryDelay),
	}
}

// Event sends an Event about an object, and about another one unless that is nil.
func (w *Writer) Event(obj, related client.Object, kind, reason, note string, values ...any) {
	w.recorder.Eventf(obj, related, kind, reason, eventAction, note, values...)
}

// Now is the time.
func (w *Writer) Now() time.Time { return w.clock.Now() }

// TimeToTell is for what is still to be done for a reconcile that has failed. It has time of its own, because the
// reconcile may have failed for having none left.
func TimeToTell(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
}

// Done ends a reconcile that has nothing to write to the status.
func (w *Writer) Done(obj client.Object) { w.stale.Forget(obj.GetUID()) }

// Write sets the conditions of obj and writes its status in one patch, if anything
// differs from before. conditions is the slice in obj. An Event follows when Ready
// has changed in a way that somebody may want to hear of.
func (w *Writer) Write(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, v Verdict) error {
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
			return w.replan(obj, FailedTo("write status", err))
		} else if client.IgnoreNotFound(err) != nil {
			return FailedTo("write status", err)
		} else if err == nil { // whoever deleted the object does not need its status
			w.announce(obj, previous, v)
		}
	}
	if v.outlook != retrying {
		w.Done(obj)
	}
	return nil
}

// replan makes the reconcile of an object again that has changed since it was read: soon and without a word, unless the
// same object has moved time and again. Then it is something else, and the cause is returned.
func (w *Writer) replan(obj client.Object, cause error) error {
	delay := w.stale.When(obj.GetUID())
	if w.stale.NumRequeues(obj.GetUID()) <= maxStale {
		return Again(delay, cause)
	}
	return cause
}

// Replanning makes a reconcile again whose status could not be written because the object has moved. Returned as an
// error, that would be one in the log.
func Replanning(r reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		result, err := r.Reconcile(ctx, request)
		if soon, ok := errors.AsType[*againError](err); ok {
			logf.FromContext(ctx).V(1).Info("The object has changed meanwhile; reconciling it again", "cause", soon.Error())
			return soon.result(), nil
		}
		return result, err
	})
}

// Settle writes the verdict on a record, whose conditions tell of no generation: where they
// say it already there is nothing to write.
func (w *Writer) Settle(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, found Verdict) error {
	if found.matches(*conditions) {
		w.Done(obj)
		return nil
	}
	return w.Write(ctx, obj, before, conditions, found)
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
func (w *Writer) announce(obj client.Object, previous metav1.Condition, v Verdict) {
	if previous.Status == v.Ready && previous.Reason == v.Reason {
		return
	}
	switch {
	case v.outlook == retrying, v.Reason == v1alpha1.ReasonHeld:
	case v.Ready == metav1.ConditionFalse:
		w.Event(obj, nil, corev1.EventTypeWarning, v.Reason, "%s", Truncate(v.Message))
	case v.Ready == metav1.ConditionTrue && previous.Status == metav1.ConditionFalse && previous.Reason != v1alpha1.ReasonHeld:
		w.Event(obj, nil, corev1.EventTypeNormal, v.Reason, "%s", Truncate(v.Message))
	}
}

// Fail ends a reconcile that could not finish: a stale plan is made again soon, and
// everything else is shown as Retrying and tried again with back-off. So is what looks
// stale time and again, because then it is something else.
func (w *Writer) Fail(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, err error) (ctrl.Result, error) {
	if result, passes := w.Passes(ctx, obj, err); passes {
		return result, nil
	}
	return ctrl.Result{}, w.Tell(ctx, obj, before, conditions, err, Retrying(err))
}

// Passes reports whether nobody needs to hear of an error, and when to try again.
func (w *Writer) Passes(ctx context.Context, obj client.Object, err error) (ctrl.Result, bool) {
	if isEndOfNamespace(err) || errors.Is(ctx.Err(), context.Canceled) {
		w.Done(obj)
		return ctrl.Result{}, true
	}
	if isStale(err) {
		err = w.replan(obj, err)
	}
	if soon, ok := errors.AsType[*againError](err); ok {
		return soon.result(), true
	}
	return ctrl.Result{}, false
}

// Tell shows what an error means and returns it.
func (w *Writer) Tell(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, err error, v Verdict) error {
	ctx, cancel := TimeToTell(ctx)
	defer cancel()
	written := w.Write(ctx, obj, before, conditions, v)
	if _, moved := errors.AsType[*againError](written); moved {
		return err // which brings the reconcile back, and then it is told
	}
	return errors.Join(err, written)
}
