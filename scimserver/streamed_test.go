package scimserver

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// streamStore has a group of so many members. It counts the streams that were begun.
type streamStore struct {
	brokenStore
	members int
	broken  bool
}

func (s *streamStore) group() scim.Resource {
	group := scim.Resource{"displayName": "Guides", "members": scim.Stream(func(yield func(map[string]any) bool) {
		for i := range s.members {
			if !yield(map[string]any{"value": fmt.Sprint(i), "type": "User"}) {
				return
			}
		}
	})}
	scim.Stamp(scim.Group, group, someID, "", scim.Meta{Version: `W/"3"`})
	return group
}

func (s *streamStore) Get(_ context.Context, _ string, _ *scim.ResourceType, _ string, admit store.Gate) (scim.Resource, error) {
	if admit != nil {
		if err := admit(s.members); err != nil {
			return nil, err
		}
	}
	if s.broken {
		return nil, fmt.Errorf("out of order")
	}
	return s.group(), nil
}

// pieces keeps how much of an answer was written at once, and waits before the first.
type pieces struct {
	slowReader
	largest int
}

func (w *pieces) Write(p []byte) (int, error) {
	w.largest = max(w.largest, len(p))
	return w.slowReader.Write(p)
}

func TestALargeGroupIsWrittenInPiecesAndHasAShare(t *testing.T) {
	const half = maxTenantMemory / store.StreamedMemberSize / 2
	path := "/scim/v2/Groups/" + someID
	held := &streamStore{members: half + 1}
	s := newServer(held, anyTenant{}, Options{Logger: (&logBuffer{}).logger()})
	s.shares.patience = 10 * time.Millisecond
	slow := &pieces{slowReader: slowReader{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}}
	reading, written := slow.reading, make(chan struct{})
	go func() {
		defer close(written)
		s.Handler().ServeHTTP(slow, as("busy", request(http.MethodGet, path, "")))
	}()
	<-reading

	// As long as the first client reads its answer, there is no room for as much again.
	wantSCIMError(t, serve(s, as("busy", request(http.MethodGet, path, ""))), http.StatusTooManyRequests, "")
	for name, test := range map[string]struct {
		tenant, query string
		members       int
		want          int
	}{
		"another tenant":     {"other", "", maxWholeMembers + 1, 200},
		"a small group":      {"busy", "", 100, 200},
		"without members":    {"busy", "?excludedAttributes=members", half + 1, 200},
		"what just fits":     {"busy", "?attributes=members.value", maxWholeMembers + 1, 200},
		"what does not, too": {"busy", "", half, 429},
	} {
		held.members = test.members
		if w := serve(s, as(test.tenant, request(http.MethodGet, path+test.query, ""))); w.Code != test.want {
			t.Errorf("%s: got %d %.200s", name, w.Code, w.Body)
		}
	}
	close(slow.letGo)
	<-written
	if slow.Code != http.StatusOK || !strings.HasSuffix(slow.Body.String(), `"}]}`) && !strings.HasSuffix(slow.Body.String(), `}}`) {
		t.Errorf("got %d …%s", slow.Code, slow.Body.String()[max(0, slow.Body.Len()-100):])
	}
	if slow.largest > 64<<10 || slow.Header().Get("Content-Length") != "" {
		t.Errorf("%d bytes at once, %v", slow.largest, slow.Header())
	}

	held.broken = true
	if w := serve(s, as("busy", request(http.MethodGet, path, ""))); w.Code != http.StatusInternalServerError {
		t.Errorf("got %d", w.Code)
	}
	if len(s.shares.tenants) != 0 {
		t.Error("what an answer held is not given back")
	}
}

func TestWhatIsWrittenInPiecesIsTheSame(t *testing.T) {
	bodies := map[int]string{}
	for _, members := range []int{maxWholeMembers, maxWholeMembers + 1} {
		s := newServer(&streamStore{members: members}, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		w := serve(s, request(http.MethodGet, "/scim/v2/Groups/"+someID, ""))
		bodies[members] = w.Body.String()
		if whole := w.Header().Get("Content-Length") != ""; whole != (members == maxWholeMembers) || w.Header().Get("ETag") != `W/"3"` {
			t.Errorf("%d members: %v", members, w.Header())
		}
		if w := serve(s, request(http.MethodHead, "/scim/v2/Groups/"+someID, "")); w.Code != http.StatusOK || members > maxWholeMembers && w.Body.Len() > 0 {
			t.Errorf("HEAD: %d and %d bytes", w.Code, w.Body.Len())
		}
		if w := serve(s, request(http.MethodGet, "/scim/v2/Groups/"+someID, "", "If-None-Match", `W/"3"`)); w.Code != http.StatusNotModified || len(s.shares.tenants) != 0 {
			t.Errorf("got %d", w.Code)
		}
	}
	last := fmt.Sprintf(`,{"value":"%d","$ref":"http://example.com/scim/v2/Users/%[1]d","type":"User"}]`, maxWholeMembers)
	if short, long := bodies[maxWholeMembers], bodies[maxWholeMembers+1]; strings.Replace(long, last, "]", 1) != short {
		t.Errorf("…%s, want …%s and %s", long[max(0, len(long)-200):], short[max(0, len(short)-200):], last)
	}
}

func TestALargeGroupHasTimeToBeRead(t *testing.T) {
	for members, want := range map[int]time.Duration{10: 75 * time.Second, maxWholeMembers: 10 * time.Second, maxWholeMembers + 1: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(&streamStore{members: members}, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
			begun := time.Now()
			w := &timedConnection{httptest.NewRecorder(), 1000 * time.Hour, begun.Add(s.timeouts.answer), false}
			s.Handler().ServeHTTP(w, request(http.MethodGet, "/scim/v2/Groups/"+someID, ""))
			if got := time.Since(begun); got != want || w.Code != http.StatusOK || len(s.shares.tenants) != 0 {
				t.Errorf("%d members: %d, and %s to read them, want %s", members, w.Code, got, want)
			}
		})
	}
}
