package controllers

import (
	"context"
	"unicode/utf8"

	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxRerun is how many characters of AnnotationRerun count.
	maxRerun = 253
	// maxRequestID is the most characters of a request id in an execution.
	maxRequestID = 256
)

// rerunOf is the value with which somebody asks for a run on an object, or of a rule.
func rerunOf(object client.Object) string {
	value := object.GetAnnotations()[v1alpha1.AnnotationRerun]
	if utf8.RuneCountInString(value) <= maxRerun {
		return value
	}
	return string([]rune(value)[:maxRerun])
}

// followed is the value that is followed after a run on an object: the one that it has,
// or the last one when that has been taken off.
func followed(object client.Object, last string) string {
	if value := rerunOf(object); value != "" {
		return value
	}
	return last
}

// rerunRequested reports whether a change of an object asks for a run.
func rerunRequested(old, current client.Object) bool {
	return rerunOf(current) != "" && rerunOf(old) != rerunOf(current)
}

// specOrRerunChanges leaves out changes of status and of metadata, but for the annotation that
// asks for a run. A deletion counts as a change of the spec where there is a finalizer,
// because it raises the generation.
var specOrRerunChanges = builder.WithPredicates(predicate.Or(
	predicate.GenerationChangedPredicate{},
	predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return rerunRequested(e.ObjectOld, e.ObjectNew) }},
))

// sameSubject finds a subject itself when its status or metadata was changed. Where another
// manager can be at work, that one may have written a status with an older view.
func sameSubject[T client.Object](_ context.Context, old, current T, into requestSet) error {
	var none T
	if any(old) != any(none) && any(current) != any(none) && !changedSpec(old, current) {
		into.add(current.GetNamespace(), current.GetName())
	}
	return nil
}
