package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

func TestRevisionsThatAreNoNumbersAreNeverReached(t *testing.T) {
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "1", ResourceVersion: "5"}}
	o := newOrder()
	o.observe(user, false)
	user.ResourceVersion = "a5"
	o.observe(user, false)
	if o.seen != 5 || o.newest != 5 {
		t.Errorf("the cache has come to %d, and its newest event to %d, want 5", o.seen, o.newest)
	}
	index := kindIndex{order: o}
	index.noteWrite(user)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := index.waitForWrites(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a write of which nobody knows when it was is taken for one that the cache has: %v", err)
	}
}

func TestTheFirstListIsInNoOrder(t *testing.T) {
	o := newOrder()
	observe := func(deleted bool, ids ...string) {
		for _, id := range ids {
			o.observe(&v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: id, ResourceVersion: "1"}}, deleted)
		}
	}
	want := func(ids ...string) {
		t.Helper()
		got, _, total := o.cut("acme", func(ids []string) (int, int) { return 0, len(ids) })
		if diff := cmp.Diff(ids, got); diff != "" || total != len(ids) {
			t.Errorf("%d ids in all (-want +got):\n%s", total, diff)
		}
	}
	observe(false, "4", "2", "5", "1", "2")
	observe(true, "5", "3")
	want("1", "2", "4")
	observe(false, "3", "1", "6")
	observe(true, "2")
	want("1", "3", "4", "6")
}

// BenchmarkFirstList is a start with 100,000 users.
func BenchmarkFirstList(b *testing.B) {
	users := make([]*v1alpha1.ScimUser, 100_000)
	for i, place := range rand.New(rand.NewPCG(1, 1)).Perm(len(users)) {
		users[i] = &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: fmt.Sprintf("%036d", place), ResourceVersion: "1"}}
	}
	for b.Loop() {
		o := newOrder()
		for _, user := range users {
			o.observe(user, false)
		}
		o.settle()
	}
}
