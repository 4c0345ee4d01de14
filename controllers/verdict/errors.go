package verdict

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"

	"rservice.dev/scim-operator/api/kube"
)

// writeError is a failed write. Its text leaves out the values that the API server
// repeats when it rejects an object, because they may be personal data.
type writeError struct {
	action string
	err    error
}

// FailedTo wraps the error of a write; nil stays nil.
func FailedTo(action string, err error) error {
	if err == nil {
		return nil
	}
	return &writeError{action: action, err: err}
}

func (e *writeError) Error() string {
	if fields := kube.RefusedFields(e.err); fields != nil {
		return fmt.Sprintf("%s: the API server rejects %s", e.action, strings.Join(fields, ", "))
	}
	return e.action + ": " + e.err.Error()
}

func (e *writeError) Unwrap() error { return e.err }

// againError says that there is nothing to tell but to reconcile again after a time.
type againError struct {
	after time.Duration
	cause error
}

// Again makes an error of which nobody hears: the reconcile is made again after a time, or up to twice that.
func Again(after time.Duration, cause error) error { return &againError{after: after, cause: cause} }

func (e *againError) Error() string { return e.cause.Error() }

func (e *againError) Unwrap() error { return e.cause }

// again finds what says that nobody needs to hear of an error, nil where somebody does: of errors that are joined
// each has to say so, or what failed beside it would be swallowed.
func again(err error) *againError {
	switch e := err.(type) { //nolint:errorlint // errors.As looks at any one of those that are joined
	case *againError:
		return e
	case interface{ Unwrap() error }:
		return again(e.Unwrap())
	case interface{ Unwrap() []error }:
		var first *againError
		for _, part := range e.Unwrap() {
			soon := again(part)
			if soon == nil {
				return nil
			}
			first = cmp.Or(first, soon)
		}
		return first
	}
	return nil
}

// result is what a reconcile returns instead of the error.
func (e *againError) result() ctrl.Result {
	return ctrl.Result{RequeueAfter: wait.Jitter(e.after, 1)}
}

// transientError says that the state is about to change on which a reconcile has planned.
type transientError string

// Transient makes an error that is dealt with like a conflict. The message is what a condition says should it last, so
// it holds no values.
func Transient(message string) error { return transientError(message) }

func (e transientError) Error() string { return string(e) }

// errorKind is what a message may say about an error.
func errorKind(err error) string {
	if kube.NoRoom(err) {
		return "no room: a ResourceQuota of the namespace is used up, or etcd is full"
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	if transient, ok := errors.AsType[transientError](err); ok {
		return string(transient)
	}
	switch {
	case errors.Is(err, kube.ErrNoSalt):
		return kube.ErrNoSalt.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "time limit"
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "API server not reached"
}

// isStale reports whether a write failed because the state it was planned on is no
// longer the state: then the thing to do is to plan again.
func isStale(err error) bool {
	_, passes := errors.AsType[transientError](err)
	return passes || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// isEndOfNamespace reports whether a write failed because its namespace is being
// deleted, so that nothing is left to be done.
func isEndOfNamespace(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
