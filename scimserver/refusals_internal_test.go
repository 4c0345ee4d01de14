package scimserver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestRefusalsAreMergedAndBounded(t *testing.T) {
	now := time.Now()
	at := func(ago time.Duration) v1alpha1.Timestamp { return v1alpha1.NewTimestamp(now.Add(-ago)) }
	told := []v1alpha1.Refusal{
		{Reason: "A", Message: "before", Count: 2, FirstAt: at(2 * time.Hour), LastAt: at(time.Hour)},
		{Reason: "Old", Count: 1, FirstAt: at(2 * refusalKept), LastAt: at(2 * refusalKept)},
	}
	news := []v1alpha1.Refusal{{Reason: "A", Message: "now", Count: 3, FirstAt: at(0), LastAt: at(0)}}
	for i := range 20 {
		ago := time.Duration(i+1) * time.Minute
		news = append(news, v1alpha1.Refusal{Reason: "B", Remedy: fmt.Sprint(i), Count: 1, FirstAt: at(ago), LastAt: at(ago)})
	}
	got := merged(told, news, now)
	if len(got) != maxRefusals {
		t.Errorf("%d refusals are told of, want %d", len(got), maxRefusals)
	}
	want := v1alpha1.Refusal{Reason: "A", Message: "now", Count: 5, FirstAt: at(2 * time.Hour), LastAt: at(0)}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("the newest is not first, or not one of both (-want +got):\n%s", diff)
	}
	if told[0].Count != 2 {
		t.Error("what the cache holds was changed")
	}
}

func TestRefusalsWaitTheirTurn(t *testing.T) {
	now := time.Now()
	l := &refusals{
		now: func() time.Time { return now }, written: map[types.NamespacedName]time.Time{},
		pending: map[types.NamespacedName]map[refusalKind]v1alpha1.Refusal{},
	}
	endpoint := types.NamespacedName{Namespace: "acme", Name: "okta"}
	l.note(refuse("A", "first", "", endpoint), "192.0.2.1")
	if due := l.due()[endpoint]; len(due) != 1 {
		t.Fatalf("the first is not due at once: %v", due)
	}
	for range 3 {
		l.note(refuse("A", "next", "", endpoint), "192.0.2.1")
	}
	if due := l.due(); len(due) != 0 {
		t.Errorf("due before the endpoint's turn: %v", due)
	}
	now = now.Add(refusalStep)
	due := l.due()[endpoint]
	if len(due) != 1 || due[0].Count != 3 {
		t.Fatalf("due are %v, want one with count 3", due)
	}
	l.keep(endpoint, due) // as after a write that failed
	l.note(refuse("A", "last", "", endpoint), "192.0.2.1")
	now = now.Add(refusalStep)
	if due := l.due()[endpoint]; len(due) != 1 || due[0].Count != 4 || due[0].Message != "last" {
		t.Errorf("after a failed write due are %v", due)
	}
	for i := range 2 * maxRefusals {
		l.note(refuse("A", "", fmt.Sprint(i), endpoint), "")
	}
	if waiting := len(l.pending[endpoint]); waiting != maxRefusals {
		t.Errorf("%d kinds wait, want %d", waiting, maxRefusals)
	}
	other := types.NamespacedName{Namespace: "globex", Name: "okta"}
	l.note(refuse("A", "", "", other), "")
	if len(l.pending[other]) != 1 {
		t.Error("the refusals of one endpoint drove out another's")
	}
	full := slices.Collect(maps.Values(l.pending[endpoint]))
	l.keep(endpoint, append(full, v1alpha1.Refusal{Reason: "B"}))
	if waiting := len(l.pending[endpoint]); waiting != maxRefusals {
		t.Errorf("%d kinds wait after a write that failed, want %d", waiting, maxRefusals)
	}
}

func TestNoTokenSaysWhatCame(t *testing.T) {
	for header, want := range map[string]string{
		"":                       "0 Authorization headers came",
		"Basic dXNlcjpwYXNz":     "user name and password (Basic) came",
		"Bearer ":                "the Authorization header that came has no token",
		"SSWS 00abc":             "the Authorization header that came does not begin with Bearer",
		"scim_without-a-scheme0": "the Authorization header that came does not begin with Bearer",
	} {
		h := http.Header{}
		if header != "" {
			h.Set("Authorization", header)
		}
		if got := noToken(h).message; got != "One header Authorization: Bearer <token> was expected; "+want+"." {
			t.Errorf("%q: %s", header, got)
		}
	}
}
