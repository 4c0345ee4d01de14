package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/kube"
)

// writeError is a failed write. Its text leaves out the values that the API server
// repeats when it rejects an object, because they may be personal data.
type writeError struct {
	action string
	err    error
}

// failedTo wraps the error of a write; nil stays nil.
func failedTo(action string, err error) error {
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

// errorKind is what a message may say about an error.
func errorKind(err error) string {
	if kube.NoRoom(err) {
		return "no room: a ResourceQuota of the namespace is used up, or etcd is full"
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	switch {
	case errors.Is(err, errMoving):
		return errMoving.Error()
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
	return errors.Is(err, errMoving) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// isEndOfNamespace reports whether a write failed because its namespace is being
// deleted, so that nothing is left to be done.
func isEndOfNamespace(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
