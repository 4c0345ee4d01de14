package v1alpha1

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTheRequestThatAVersionBeforeHasNotedIsFound also on an object that this version and one before have written in turns: the
// one before does not know the fields, and drops them.
func TestTheRequestThatAVersionBeforeHasNotedIsFound(t *testing.T) {
	for name, object := range map[string]metav1.Object{"user": &ScimUser{}, "group": &ScimGroup{}, "page": &ScimGroupPage{}} {
		t.Run(name, func(t *testing.T) {
			if got := RequestID(object); got != "" {
				t.Errorf("of a new one %q", got)
			}
			object.SetAnnotations(map[string]string{AnnotationRequestID: "before", AnnotationTokenID: "token", AnnotationRerun: "1"})
			if got := RequestID(object); got != "before" {
				t.Errorf("as a version before has noted it: %q", got)
			}
			SetLastRequest(object, LastRequest{RequestID: "now", TokenID: "token"})
			if got := RequestID(object); got != "now" {
				t.Errorf("as it is noted now: %q", got)
			}
			if annotations := object.GetAnnotations(); len(annotations) != 1 || annotations[AnnotationRerun] != "1" {
				t.Errorf("annotations are %v", annotations)
			}
		})
	}
}
