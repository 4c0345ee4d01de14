package execution

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestWhoKnowsLessDoesNotOverwriteWhatIsAskedFor is for a process that has lost its leadership, or one of several that run.
func TestWhoKnowsLessDoesNotOverwriteWhatIsAskedFor(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "tenant", Name: "some", UID: "1", ResourceVersion: "7", Annotations: map[string]string{v1alpha1.AnnotationRerun: "now"}}
	var seen string
	c := interceptor.NewClient(nil, interceptor.Funcs{
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
			data, err := patch.Data(obj)
			seen = string(data)
			return err
		},
	})
	for _, object := range []client.Object{&v1alpha1.ScimUser{ObjectMeta: meta}, &v1alpha1.ScimGroup{ObjectMeta: meta}, &v1alpha1.AutomationRule{ObjectMeta: meta}} {
		seen = ""
		if err := NoteRerun(t.Context(), c, object); err != nil || !strings.Contains(seen, `"resourceVersion":"7"`) {
			t.Errorf("what is asked for on a %T is written whatever version there is: %s, error %v", object, seen, err)
		}
	}
}
