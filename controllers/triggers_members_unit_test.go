package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/fairqueue"
)

const tenant = "tenant"

func membersNamed(ids ...string) []v1alpha1.GroupMember {
	members := []v1alpha1.GroupMember{}
	for _, id := range ids {
		members = append(members, v1alpha1.GroupMember{ID: id, Joined: 1})
	}
	return members
}

// groupWith is a group, which is one of before pages where members is nil.
func groupWith(generation int64, members []v1alpha1.GroupMember, pages ...int32) *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "group", Generation: generation},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: "Staff", Members: members, Pages: pages},
	}
}

func pageWith(number int32, generation int64, ids ...string) *v1alpha1.ScimGroupPage {
	return &v1alpha1.ScimGroupPage{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: membership.PageName("group", number), Generation: generation},
		Spec:       v1alpha1.ScimGroupPageSpec{Group: "group", Members: membersNamed(ids...)},
	}
}

func userNaming(id string, groups ...string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id}, Spec: v1alpha1.ScimUserSpec{Groups: groups}}
}

// found are the names that a finder adds, in a cache of these objects.
func found[T client.Object](t *testing.T, find func(dependents) finder[T], old, current T, cached ...client.Object) []string {
	t.Helper()
	requests := requestSet{}
	if err := find(dependents{reader: directory.NewObjects(cached...)})(t.Context(), old, current, requests); err != nil {
		t.Fatal(err)
	}
	var names []string
	for request := range requests {
		names = append(names, request.Name)
	}
	slices.Sort(names)
	return names
}

func TestExactlyWhoHasJoinedOrLeftIsReconciled(t *testing.T) {
	ofGroup := func(f dependents) finder[*v1alpha1.ScimGroup] { return f.membersOfGroup }
	ofPage := func(f dependents) finder[*v1alpha1.ScimGroupPage] { return f.membersOfPage }
	listing, one, none := groupWith(1, membersNamed("a"), 1), pageWith(1, 1, "b", "c"), (*v1alpha1.ScimGroupPage)(nil)
	renamed := groupWith(2, membersNamed("a"), 1)
	renamed.Spec.DisplayName = "All"
	linked := groupWith(1, membersNamed("a"), 1)
	linked.Status.Organization = &v1alpha1.RecordReference{Name: "sales"}
	old, moved := groupWith(1, nil), groupWith(2, []v1alpha1.GroupMember{}, 1)
	atOnce := pageWith(1, 1, "b", "c")
	for i := range atOnce.Spec.Members {
		atOnce.Spec.Members[i].Joined = 1 // which is what users without a time of provisioning get
	}
	for name, c := range map[string]struct{ got, want []string }{
		"a new page that is listed":       {found(t, ofPage, none, one, listing), []string{"b", "c"}},
		"a new page that is not listed":   {found(t, ofPage, none, pageWith(2, 1, "d"), listing), nil},
		"a new page before its group":     {found(t, ofPage, none, one), nil},
		"another page":                    {found(t, ofPage, one, pageWith(1, 2, "c", "d"), listing), []string{"b", "d"}},
		"the same page":                   {found(t, ofPage, one, pageWith(1, 2, "c", "b"), listing), nil},
		"a page that is gone":             {found(t, ofPage, one, none, listing), []string{"b", "c"}},
		"a page that goes with its group": {found(t, ofPage, one, none), []string{"b", "c"}},

		"a new group with its pages":      {found(t, ofGroup, nil, listing, one), []string{"a", "b", "c"}},
		"a new group before its pages":    {found(t, ofGroup, nil, listing), []string{"a"}},
		"other members":                   {found(t, ofGroup, groupWith(1, membersNamed("a", "d")), groupWith(2, membersNamed("a", "e"))), []string{"d", "e"}},
		"a page that is listed":           {found(t, ofGroup, groupWith(1, membersNamed("a")), groupWith(2, membersNamed("a"), 1), one), []string{"b", "c"}},
		"a page that is listed no longer": {found(t, ofGroup, listing, groupWith(2, membersNamed("a")), one), []string{"b", "c"}},
		"pages in another order":          {found(t, ofGroup, groupWith(1, membersNamed("a"), 1, 2), groupWith(2, membersNamed("a"), 2, 1), one, pageWith(2, 1, "d")), nil},
		"a group that is gone":            {found(t, ofGroup, listing, nil, one), []string{"a", "b", "c"}},
		"a renamed group":                 {found(t, ofGroup, listing, renamed, one), nil},
		"a change of status":              {found(t, ofGroup, listing, linked, one), nil},
		"a group that has moved to pages": {found(t, ofGroup, old, moved, atOnce, userNaming("b", "group"), userNaming("c", "group")), nil},
		"a group that has moved and lost one at once": {found(t, ofGroup, old, moved, atOnce,
			userNaming("b", "group"), userNaming("c", "group"), userNaming("d", "group")), []string{"d"}},
		"a group of before pages that is gone": {found(t, ofGroup, old, nil, userNaming("b", "group"), userNaming("c")), []string{"b"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAllMembersAreReconciledWhenRulesSeeAnotherGroup(t *testing.T) {
	ofGroup := func(f dependents) finder[*v1alpha1.ScimGroup] { return f.usersOfGroup }
	before, one := groupWith(1, membersNamed("a"), 1), pageWith(1, 1, "b")
	renamed, linked, goes, counted := before.DeepCopy(), before.DeepCopy(), before.DeepCopy(), before.DeepCopy()
	renamed.Spec.DisplayName, renamed.Generation = "All", 2
	linked.Status.Site = &v1alpha1.RecordReference{Name: "home"}
	goes.DeletionTimestamp = &metav1.Time{}
	goes.DeletionTimestamp.Time = metav1.Now().Time
	counted.Status.Members = new(int32(2))
	for name, c := range map[string]struct {
		current *v1alpha1.ScimGroup
		want    []string
	}{
		"renamed": {renamed, []string{"a", "b"}}, "linked": {linked, []string{"a", "b"}}, "being deleted": {goes, []string{"a", "b"}},
		"counted": {counted, nil}, "other members": {groupWith(2, membersNamed("c"), 1), nil},
	} {
		if diff := cmp.Diff(c.want, found(t, ofGroup, before, c.current, one, c.current)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A push of thousands is many writes of pages and of the group that lists them: the group counts them together.
func TestManyPagesAreCountedAtOnce(t *testing.T) {
	q := fairqueue.New("test", 1, workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	s := &setup{reprocessing: newReprocessing(nil), options: Options{CountInterval: defaultCountInterval}}
	before, after := groupWith(1, membersNamed("a")), groupWith(2, membersNamed("a"), 1)
	if moreThanMembers.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}) {
		t.Error("the group is reconciled at once for its members")
	}
	added := 0
	for _, one := range s.triggers("scimgroup") {
		for number := range int32(20) {
			switch one.changed.(type) {
			case *v1alpha1.ScimGroupPage:
				one.handler.Create(t.Context(), event.CreateEvent{Object: pageWith(number+1, 1, "b")}, q)
				added++
			case *v1alpha1.ScimGroup:
				one.handler.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
			}
		}
	}
	if added != 20 {
		t.Errorf("told of %d pages", added)
	}
	if request, _, _ := q.GetWithPriority(); request.Name != "group" {
		t.Errorf("first is %s", request.Name)
	}
	if n := q.Len(); n != 0 {
		t.Errorf("%d wait besides", n)
	}
}

func TestAChangeOfMoreThanMembersIsNotKeptWaiting(t *testing.T) {
	before := groupWith(1, membersNamed("a"))
	renamed, goes := groupWith(2, membersNamed("b")), groupWith(2, membersNamed("a"))
	renamed.Spec.DisplayName = "All"
	goes.DeletionTimestamp = &metav1.Time{Time: metav1.Now().Time}
	for _, current := range []*v1alpha1.ScimGroup{renamed, goes} {
		if !moreThanMembers.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: current}) {
			t.Errorf("%v waits", current.Spec)
		}
	}
}

// BenchmarkMembersOfGroup is how long the group's events are kept waiting by one that makes 10,000 members effective.
func BenchmarkMembersOfGroup(b *testing.B) {
	group := groupWith(2, membersNamed("first"))
	var objects []client.Object
	for number := range int32(20) {
		page := pageWith(number+1, 1)
		for i := range 500 {
			page.Spec.Members = append(page.Spec.Members, v1alpha1.GroupMember{ID: fmt.Sprintf("01980000-0000-7000-8000-%06d%06d", number, i), Joined: 1})
		}
		group.Spec.Pages = append(group.Spec.Pages, number+1)
		objects = append(objects, page)
	}
	f := dependents{reader: directory.NewObjects(append(objects, group)...)}
	q := fairqueue.New("benchmark", 1, workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	for b.Loop() {
		onPush(f.membersOfGroup).Update(context.Background(), event.UpdateEvent{ObjectOld: groupWith(1, membersNamed("first")), ObjectNew: group}, q)
	}
	if q.Len() != 10_000 {
		b.Errorf("%d wait", q.Len())
	}
}
