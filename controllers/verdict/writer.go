package verdict

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
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

// Writer is the one place where status is written and Events are sent: begin a Report with each reconcile.
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
		if soon := again(err); soon != nil {
			logf.FromContext(ctx).V(1).Info("The object has changed meanwhile; reconciling it again", "cause", soon.Error())
			return soon.result(), nil
		}
		return result, err
	})
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
