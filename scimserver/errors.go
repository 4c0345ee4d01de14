package scimserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/scimserver/scim"
)

// statusClientGone is what the log says of a client that did not wait; no client
// ever sees it.
const statusClientGone = 499

// headerError is an error whose answer has headers of its own.
type headerError struct {
	cause  *scim.Error
	header http.Header
}

// Error implements error.
func (e *headerError) Error() string { return e.cause.Error() }

// Unwrap lets errors.As find the SCIM error.
func (e *headerError) Unwrap() error { return e.cause }

// withHeader returns a SCIM error whose answer has a header.
func withHeader(err *scim.Error, name, value string) error {
	header := make(http.Header, 1)
	header.Set(name, value)
	return &headerError{cause: err, header: header}
}

// errorResponse returns the answer to an error.
func errorResponse(requestID string, err error) response {
	problem, header := problemOf(requestID, err)
	return response{status: problem.Status, body: problem.Encode(), header: header}
}

// problemOf is the one map from errors to what a client is told. Details never hold
// internals: those are in the log, under the request id.
func problemOf(requestID string, err error) (*scim.Error, http.Header) {
	var (
		withHeaders *headerError
		scimErr     *scim.Error
		tooLarge    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &withHeaders):
		return withHeaders.cause, withHeaders.header
	case errors.As(err, &scimErr):
	case errors.As(err, &tooLarge):
		scimErr = tooLargeError(tooLarge)
	case errors.Is(err, context.Canceled):
		scimErr = scim.NewError(statusClientGone, "the client has closed the connection")
	case kube.NoRoom(err):
		scimErr = scim.NewError(http.StatusInsufficientStorage,
			"there is no room for more in the storage of this tenant, and repeating the request does not help: "+
				"whoever runs the server has to raise its quota or to make room (request id %s)", requestID)
	default:
		seconds, passing := retryable(err)
		if !passing {
			scimErr = scim.NewError(http.StatusInternalServerError,
				"internal error; the operator's log has the cause under request id %s", requestID)
			break
		}
		scimErr = scim.NewError(http.StatusServiceUnavailable,
			"the storage is not available or too slow at the moment; repeat the request in %d seconds (request id %s)", seconds, requestID)
		// Okta understands nothing but whole seconds.
		return scimErr, http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	}
	return scimErr, nil
}

func tooLargeError(cause *http.MaxBytesError) *scim.Error {
	return scim.NewError(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes; send less at once", cause.Limit)
}

// retryable reports whether the same request may well succeed later, and after
// how many seconds to try: the API server is away, overloaded or starting, a deadline
// has passed, or writers keep getting in each other's way.
func retryable(err error) (seconds int, ok bool) {
	if delay, ok := apierrors.SuggestsClientDelay(err); ok && delay > 0 {
		return delay, true
	}
	var (
		status     apierrors.APIStatus
		network    net.Error
		notStarted *cache.ErrCacheNotStarted
	)
	switch {
	case errors.As(err, &status):
		code := status.Status().Code
		return retryAfter, code == http.StatusConflict || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError ||
			code == http.StatusUnauthorized || lacksRight(status.Status())
	case errors.As(err, &network), errors.As(err, &notStarted), errors.Is(err, context.DeadlineExceeded):
		return retryAfter, true
	}
	return 0, false
}

// lacksRight reports whether the API server refuses the operator itself, not what it has sent. One that has just started
// does so until it knows all roles; when a role is really missing, the client's changes wait until it is there.
func lacksRight(s metav1.Status) bool {
	return s.Reason == metav1.StatusReasonForbidden && !strings.Contains(s.Message, "dmission")
}

// loggable returns an error without the values that it may quote: the API
// server repeats in its message a value that it does not like, and so may an
// admission webhook or policy.
func loggable(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	s := status.Status()
	switch s.Reason {
	case metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout, metav1.StatusReasonServiceUnavailable, metav1.StatusReasonTooManyRequests,
		metav1.StatusReasonNotFound, metav1.StatusReasonConflict, metav1.StatusReasonAlreadyExists, metav1.StatusReasonUnauthorized:
		return err
	}
	if lacksRight(s) || kube.NoRoom(err) { // which must be told
		return err
	}
	return fmt.Errorf("the API server refused an object as %s (code %d)", s.Reason, s.Code)
}
