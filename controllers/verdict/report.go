package verdict

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Report is what one reconcile makes of the status of its object, which is written once, by End.
type Report struct {
	writer *Writer
	// obj is what the reconcile changes, before what the API server has.
	obj, before client.Object
	// conditions is the slice in obj.
	conditions *[]metav1.Condition
	// touched says that more of a record's status has changed than its conditions.
	touched bool
	// announcements are sent when the status is written.
	announcements []func()
}

// Begin begins a reconcile of an object as it was read. conditions is the slice in it.
func (w *Writer) Begin(obj client.Object, conditions *[]metav1.Condition) *Report {
	r := &Report{writer: w, obj: obj, conditions: conditions}
	r.Stored()
	return r
}

// Stored says that the object is stored as it is now.
func (r *Report) Stored() {
	before, ok := r.obj.DeepCopyObject().(client.Object)
	if !ok {
		panic(fmt.Sprintf("the copy of a %T has no metadata", r.obj))
	}
	r.before = before
}

// Touch says that more of a record's status has changed than its conditions.
func (r *Report) Touch() { r.touched = true }

// Announce has Events sent as soon as the status says what they tell of, and only then.
func (r *Report) Announce(send func()) { r.announcements = append(r.announcements, send) }

// End ends a reconcile: it writes what was found, or what the error means, and returns what a reconcile returns. Where
// nothing was found there is nothing to write. What was found beside an error is shown with it, once Passes has said
// that the error does not pass; by itself it is Retrying.
func (r *Report) End(ctx context.Context, result ctrl.Result, found Verdict, err error) (ctrl.Result, error) {
	switch {
	case err != nil && found == (Verdict{}):
		if result, passes := r.Passes(ctx, err); passes {
			return result, nil
		}
		return ctrl.Result{}, r.tell(ctx, err, Retrying(err))
	case err != nil:
		return ctrl.Result{}, r.tell(ctx, err, found)
	case found == (Verdict{}):
		return result, nil
	}
	if err := r.write(ctx, found); err != nil {
		return ctrl.Result{}, err
	}
	for _, send := range r.announcements {
		send()
	}
	return result, nil
}

// Done says that the object is not planned on a stale state any more.
func (r *Report) Done() { r.writer.stale.Forget(r.obj.GetUID()) }

// Passes reports whether nobody needs to hear of an error, and when to try again: a stale plan is made again soon.
// What looks stale time and again is told, because then it is something else.
func (r *Report) Passes(ctx context.Context, err error) (ctrl.Result, bool) {
	if isEndOfNamespace(err) || errors.Is(ctx.Err(), context.Canceled) {
		r.Done()
		return ctrl.Result{}, true
	}
	if isStale(err) {
		err = r.writer.replan(r.obj, err)
	}
	if soon := again(err); soon != nil {
		return soon.result(), true
	}
	return ctrl.Result{}, false
}

// tell shows what an error means and returns it.
func (r *Report) tell(ctx context.Context, err error, v Verdict) error {
	ctx, cancel := TimeToTell(ctx)
	defer cancel()
	written := r.write(ctx, v)
	if again(written) != nil {
		return err // which brings the reconcile back, and then it is told
	}
	return errors.Join(err, written)
}

// write sets the conditions and writes the status in one patch, if anything differs from
// before. An Event follows when Ready has changed in a way that somebody may want to hear of.
func (r *Report) write(ctx context.Context, v Verdict) error {
	if isRecord(r.obj) && !r.touched && v.matches(*r.conditions) {
		if v.outlook != retrying {
			r.Done()
		}
		return nil
	}
	w := r.writer
	var previous metav1.Condition
	if ready := meta.FindStatusCondition(*r.conditions, v1alpha1.ConditionReady); ready != nil {
		previous = *ready
	}
	v.apply(r.conditions, observed(r.obj), metav1.NewTime(w.clock.Now()))
	// A patch replaces the list of conditions. What a process plans that has lost its leadership, or that runs beside
	// another one, must not take the place of what somebody has said who knows more.
	patch := client.MergeFromWithOptions(r.before, client.MergeFromWithOptimisticLock{})
	changed, err := client.MergeFrom(r.before).Data(r.obj)
	if err != nil {
		return fmt.Errorf("compare status: %w", err)
	}
	if !bytes.Equal(changed, []byte("{}")) {
		if err := w.client.Status().Patch(ctx, r.obj, patch); apierrors.IsConflict(err) {
			return w.replan(r.obj, FailedTo("write status", err))
		} else if client.IgnoreNotFound(err) != nil {
			return FailedTo("write status", err)
		} else if err == nil { // whoever deleted the object does not need its status
			w.announce(r.obj, previous, v)
		}
	}
	if v.outlook != retrying {
		r.Done()
	}
	return nil
}

// isRecord reports whether the conditions of an object tell of no generation: those of records are written only when
// they change, so that an update of a Person costs no status write, and "kubectl wait" takes an older generation for
// not yet done.
func isRecord(obj client.Object) bool {
	switch obj.(type) {
	case *v1alpha1.Person, *v1alpha1.Organization, *v1alpha1.Site:
		return true
	}
	return false
}

// observed is the generation that the conditions of an object tell of.
func observed(obj client.Object) int64 {
	if isRecord(obj) {
		return 0
	}
	return obj.GetGeneration()
}
