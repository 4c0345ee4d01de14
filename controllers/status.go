package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// staleDelay is how long a reconcile waits for the cache to catch up with a change
// that somebody else made.
const staleDelay = 100 * time.Millisecond

// eventAction is the action of every Event: what the controller was doing.
const eventAction = "Reconcile"

// statusWriter is the one place where status is written and Events are sent.
type statusWriter struct {
	client   client.Client
	recorder events.EventRecorder
	clock    clock.PassiveClock
}

// write sets the conditions of obj and writes its status in one patch, if anything
// differs from before. conditions is the slice in obj. An Event follows when Ready
// has changed in a way that somebody may want to hear of.
func (w *statusWriter) write(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, v verdict) error {
	var previous metav1.Condition
	if ready := meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady); ready != nil {
		previous = *ready
	}
	v.apply(conditions, obj.GetGeneration(), metav1.NewTime(w.clock.Now()))
	patch := client.MergeFrom(before)
	data, err := patch.Data(obj)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	if bytes.Equal(data, []byte("{}")) {
		return nil
	}
	if err := w.client.Status().Patch(ctx, obj, patch); err != nil {
		// Whoever deleted the object does not need its status.
		return client.IgnoreNotFound(failedTo("write status", err))
	}
	w.announce(obj, previous, v)
	return nil
}

// announce sends an Event when an object stops or starts being Ready. An object
// that is Ready from the start is not worth one.
func (w *statusWriter) announce(obj client.Object, previous metav1.Condition, v verdict) {
	if previous.Status == v.ready && previous.Reason == v.reason {
		return
	}
	switch {
	case v.outlook == retrying:
	case v.ready == metav1.ConditionFalse:
		w.recorder.Eventf(obj, nil, corev1.EventTypeWarning, v.reason, eventAction, "%s", truncate(v.message))
	case v.ready == metav1.ConditionTrue && previous.Status == metav1.ConditionFalse:
		w.recorder.Eventf(obj, nil, corev1.EventTypeNormal, v.reason, eventAction, "%s", truncate(v.message))
	}
}

// fail ends a reconcile that could not finish: a stale plan is made again soon, and
// everything else is shown as Retrying and tried again with back-off.
func (w *statusWriter) fail(ctx context.Context, obj, before client.Object, conditions *[]metav1.Condition, err error) (ctrl.Result, error) {
	switch {
	case isEndOfNamespace(err), errors.Is(err, context.Canceled):
		return ctrl.Result{}, nil
	case isStale(err):
		return ctrl.Result{RequeueAfter: wait.Jitter(staleDelay, 1)}, nil
	}
	return ctrl.Result{}, errors.Join(err, w.write(ctx, obj, before, conditions, retryVerdict(err)))
}
