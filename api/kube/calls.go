package kube

import (
	"context"
	"errors"
	"sync/atomic"
)

type (
	liveKey struct{}
	sentKey struct{}
)

// Live marks the calls to the API server of a SCIM request: they do not wait behind what a controller does for the same
// namespace. See callers.
func Live(ctx context.Context) context.Context { return context.WithValue(ctx, liveKey{}, true) }

// IsLive reports whether a call is one of a SCIM request.
func IsLive(ctx context.Context) bool { return ctx.Value(liveKey{}) != nil }

// OneWrite returns a context for one write, of whose error NotSent is then asked. It must not be used for a second one.
func OneWrite(ctx context.Context) context.Context {
	return context.WithValue(ctx, sentKey{}, &atomic.Bool{})
}

// NotSent reports whether a write with a context of OneWrite has certainly not been sent to the API server: its time was
// over while it waited for the namespace's other calls. client-go repeats a write on its own after some answers, and does not
// tell; a write that waits again is not meant.
func NotSent(err error) bool {
	_, ok := errors.AsType[*notSent](err)
	return ok
}

// notSent is the error of a call that has not been sent. What it wraps is the error of its context.
type notSent struct{ cause error }

// Error implements error.
func (e *notSent) Error() string {
	return "wait for other calls of the namespace to the API server: " + e.cause.Error()
}

// Unwrap lets errors.Is find the context's error.
func (e *notSent) Unwrap() error { return e.cause }
