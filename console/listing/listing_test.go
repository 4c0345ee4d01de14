package listing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// someUsers are n users, every tenth of which is inactive, and every fiftieth has no Person.
func someUsers(n int) []*v1alpha1.ScimUser {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := make([]*v1alpha1.ScimUser, n)
	for i := range all {
		active, ready := i%10 != 0, metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady}
		if i%50 == 0 {
			ready.Status, ready.Reason = metav1.ConditionFalse, v1alpha1.ReasonPersonMissing
		}
		all[i] = &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: fmt.Sprintf("0190a000-0000-7000-8000-%012d", i)},
			Spec: v1alpha1.ScimUserSpec{
				UserName: fmt.Sprintf("User%06d@example.com", (i*7919)%n), Active: &active,
				Name:         &v1alpha1.ScimName{GivenName: "Ada", FamilyName: fmt.Sprintf("Lovelace %d", i)},
				Emails:       []v1alpha1.ScimValue{{Value: fmt.Sprintf("ada.%d@example.com", i)}},
				LastModified: v1alpha1.NewTimestamp(began.Add(time.Duration(i%97) * time.Minute)),
			},
			Status: v1alpha1.ScimUserStatus{Conditions: []metav1.Condition{ready}},
		}
	}
	return all
}

func pageOf(all []*v1alpha1.ScimUser, q Query) Page[*v1alpha1.ScimUser] {
	s := newSelection(users(), q)
	for _, user := range all {
		s.see(user)
	}
	return s.page()
}

func names(all []*v1alpha1.ScimUser) []string {
	found := make([]string, len(all))
	for i := range all {
		found[i] = all[i].Name
	}
	return found
}

// TestPagesOfAList goes through a list in every order, forwards and back, and wants what sorting all of it gives.
func TestPagesOfAList(t *testing.T) {
	all := someUsers(230)
	for column := range users().columns {
		for _, desc := range []bool{false, true} {
			s := newSelection(users(), Query{Sort: column, Desc: desc})
			sorted := slices.SortedFunc(slices.Values(all), func(a, b *v1alpha1.ScimUser) int {
				keyA, keyB := s.key(a), s.key(b)
				keyA.Name, keyB.Name = a.Name, b.Name
				return s.order(keyA, keyB)
			})
			var pages [][]string
			q := Query{Sort: column, Desc: desc, Limit: 40}
			for {
				page := pageOf(all, q)
				if page.Earlier != 40*len(pages) || page.Matched != len(all) || page.Total != len(all) {
					t.Fatalf("%s %v: page %d tells of %d earlier rows of %d of %d", column, desc, len(pages), page.Earlier, page.Matched, page.Total)
				}
				pages = append(pages, names(page.Rows))
				if !page.Next() {
					break
				}
				q.After = &page.Last
			}
			if got := slices.Concat(pages...); !slices.Equal(got, names(sorted)) {
				t.Fatalf("%s %v: the pages together have %v", column, desc, got)
			}
			last := pageOf(all, q)
			for i := len(pages) - 2; i >= 0; i-- {
				q.After, q.Before = nil, &last.First
				if last = pageOf(all, q); !slices.Equal(names(last.Rows), pages[i]) || last.Earlier != 40*i {
					t.Fatalf("%s %v: back on page %d there are %d earlier rows and %v", column, desc, i, last.Earlier, names(last.Rows))
				}
			}
		}
	}
}

func TestFilters(t *testing.T) {
	all := someUsers(1000)
	yes, no := true, false
	for _, c := range []struct {
		name string
		q    Query
		want int
	}{
		{"all", Query{}, 1000},
		{"active", Query{Active: &yes}, 900},
		{"inactive", Query{Active: &no}, 100},
		{"a reason", Query{Reason: v1alpha1.ReasonPersonMissing}, 20},
		{"any reason", Query{Reason: AnyReason}, 20},
		{"a reason that none has", Query{Reason: v1alpha1.ReasonHeld}, 0},
		{"an address in other letters", Query{Text: " ADA.17@Example.com "}, 1},
		{"a full name", Query{Text: "ada lovelace 99"}, 11},
		{"part of a userName", Query{Text: "user00001"}, 10},
		{"an id", Query{Text: all[17].Name}, 1},
		{"names", Query{Names: map[string]bool{all[3].Name: true, "elsewhere": true}}, 1},
		{"together", Query{Active: &no, Reason: v1alpha1.ReasonPersonMissing, Text: "lovelace"}, 20},
	} {
		if page := pageOf(all, c.q); page.Matched != c.want || len(page.Rows) != min(c.want, DefaultLimit) {
			t.Errorf("%s: %d matched, %d are on the page; want %d", c.name, page.Matched, len(page.Rows), c.want)
		}
	}
	page := pageOf(all, Query{Reason: v1alpha1.ReasonHeld})
	if want := []Count{{Reason: v1alpha1.ReasonPersonMissing, Count: 20}}; !slices.Equal(page.Reasons, want) {
		t.Errorf("the reasons to choose from are %v", page.Reasons)
	}
}

// What is only late is not an error.
func TestAnyReasonLeavesOutWhatPasses(t *testing.T) {
	all := someUsers(2)
	all[0].Status.Conditions[0].Reason = v1alpha1.ReasonPending
	all[0].Status.Conditions[0].Status = metav1.ConditionUnknown
	if page := pageOf(all, Query{Reason: AnyReason}); page.Matched != 0 {
		t.Errorf("%d are found", page.Matched)
	}
	if page := pageOf(all, Query{Reason: v1alpha1.ReasonPending}); page.Matched != 1 {
		t.Errorf("by its name %d are found", page.Matched)
	}
}

func TestCursorOfWhatHasGone(t *testing.T) {
	all := someUsers(100)
	first := pageOf(all, Query{Limit: 10})
	rest := slices.DeleteFunc(slices.Clone(all), func(u *v1alpha1.ScimUser) bool { return u.Name == first.Last.Name })
	next := pageOf(rest, Query{Limit: 10, After: &first.Last})
	if next.Rows[0].Name != all[10].Name || next.Earlier != 9 {
		t.Errorf("after a row that has gone comes %s, with %d before", next.Rows[0].Name, next.Earlier)
	}
}

// BenchmarkPage reads one page as kube.Walk does, of what an informer holds.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		held := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
		for _, user := range someUsers(n) {
			if err := held.Add(user); err != nil {
				b.Fatal(err)
			}
		}
		yes := true
		for name, q := range map[string]Query{
			"by id":                   {},
			"by name, filtered":       {Sort: ByName, Active: &yes, Text: "example"},
			"by update, one reason":   {Sort: ByUpdated, Desc: true, Reason: v1alpha1.ReasonPersonMissing},
			"by update, far from top": {Sort: ByUpdated, After: &Cursor{Number: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC).UnixMicro()}},
		} {
			b.Run(fmt.Sprintf("%s/users=%d", strings.ReplaceAll(name, " ", "_"), n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					found, err := held.ByIndex(toolscache.NamespaceIndex, "tenant")
					if err != nil {
						b.Fatal(err)
					}
					s := newSelection(users(), q)
					for i := range found {
						s.see(found[i].(*v1alpha1.ScimUser))
					}
					if page := s.page(); len(page.Rows) == 0 {
						b.Fatal("the page is empty")
					}
				}
			})
		}
	}
}
