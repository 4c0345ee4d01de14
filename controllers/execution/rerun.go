package execution

import (
	"context"
	"fmt"
	"unicode/utf8"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

const (
	// maxRerun is how many characters of AnnotationRerun count.
	maxRerun = 253
	// maxRequestID is the most characters of a request id in an execution.
	maxRequestID = 256
)

// AskedRerun is the value with which somebody asks for a run on an object, or of a rule.
// It can be gone again at any time.
func AskedRerun(object client.Object) string {
	value := object.GetAnnotations()[v1alpha1.AnnotationRerun]
	if utf8.RuneCountInString(value) <= maxRerun {
		return value
	}
	return string([]rune(value)[:maxRerun])
}

// rerunStatus is what the status of an object keeps of the runs that were asked for: the
// last value that was seen, and the last one that was followed.
func rerunStatus(object client.Object) (requested, last *string) {
	switch typed := object.(type) {
	case *v1alpha1.ScimUser:
		return &typed.Status.RequestedRerun, &typed.Status.LastRerun
	case *v1alpha1.ScimGroup:
		return &typed.Status.RequestedRerun, &typed.Status.LastRerun
	case *v1alpha1.AutomationRule:
		return &typed.Status.RequestedRerun, &typed.Status.LastRerun
	}
	panic(fmt.Sprintf("nobody can ask for a run on a %T", object))
}

// NoteRerun writes down what the annotation asks for, before anything is done about it: from
// then on neither the annotation nor this process is needed for it.
func NoteRerun(ctx context.Context, c client.Client, object client.Object) error {
	requested, last := rerunStatus(object)
	asked := AskedRerun(object)
	if asked == "" || asked == *requested || asked == *last || !object.GetDeletionTimestamp().IsZero() {
		return nil
	}
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("the copy of a %T has no metadata", object)
	}
	*requested = asked
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return verdict.FailedTo("note what is asked for", c.Status().Patch(ctx, object, patch))
}

// FollowedRerun is the value that is followed after a run on an object: the one that was asked
// for last, or the last one where nothing was.
func FollowedRerun(object client.Object, last string) string {
	if requested, _ := rerunStatus(object); *requested != "" {
		return *requested
	}
	return last
}

// RerunNoted reports whether a change of an object notes that a run was asked for.
func RerunNoted(old, current client.Object) bool {
	before, _ := rerunStatus(old)
	after, _ := rerunStatus(current)
	return *after != "" && *before != *after
}
