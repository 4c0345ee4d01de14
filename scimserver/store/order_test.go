package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestLateEventsDoNotBringBackWhatIsDeleted(t *testing.T) {
	user := func(revision string) *v1alpha1.ScimUser {
		return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "1", ResourceVersion: revision}}
	}
	o := newOrder()
	want := func(when string, ids ...string) {
		t.Helper()
		if diff := cmp.Diff(ids, append([]string(nil), o.all("acme")...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	o.observe(user("1"), false)
	want("after the creation", "1")
	o.remove("acme", "1")
	want("after the deletion")
	o.observe(user("2"), false)
	want("after the event of a change before the deletion")
	o.observe(user("3"), true)
	want("after the event of the deletion")
	o.remove("acme", "1")
	if len(o.leaving) != 0 {
		t.Errorf("%v is remembered for ever", o.leaving)
	}
}
