package scimserver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// listStore has one page of one group, which claims to have so many members.
type listStore struct {
	resourceStore
	members int
	// text is in the answer besides.
	text   string
	listed int
	broken bool
}

func (s *listStore) List(_ context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	if err := q.Admit(s.members); err != nil {
		return store.Page{}, err
	}
	s.listed++
	if s.broken {
		panic("broken")
	}
	res := scim.Resource{"displayName": "Crowd" + s.text, "members": []any{map[string]any{"value": someID, "type": "User"}}}
	scim.Stamp(scim.Group, res, someID, "", scim.Meta{Version: `W/"7"`})
	return store.Page{Total: 1}, q.Each(scim.Group, res)
}

func (s *listStore) Synced() bool { return true }

// slowReader takes its answer only when it is let go.
type slowReader struct {
	*httptest.ResponseRecorder
	reading, letGo chan struct{}
}

func (w *slowReader) Write(p []byte) (int, error) {
	if w.reading != nil {
		close(w.reading)
		w.reading = nil
		<-w.letGo
	}
	return w.ResponseRecorder.Write(p)
}

func TestListsOfMembersCountByTheirBytes(t *testing.T) {
	const half = maxTenantMemory / store.StreamedMemberSize / 2
	list := func() *http.Request { return request(http.MethodGet, "/scim/v2/Groups", "") }
	held := &listStore{members: half + 1}
	s := newServer(held, anyTenant{}, Options{Logger: (&logBuffer{}).logger()})
	s.shares.patience = 10 * time.Millisecond
	slow := &slowReader{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	reading, written := slow.reading, make(chan struct{})
	go func() {
		defer close(written)
		s.Handler().ServeHTTP(slow, as("busy", list()))
	}()
	<-reading

	// As long as the first client reads its answer, there is no room for as much again.
	w := serve(s, as("busy", list()))
	wantSCIMError(t, w, http.StatusTooManyRequests, "")
	wantRetryAfter(t, w.Header())
	for name, answered := range map[string]struct {
		tenant  string
		members int
	}{"another tenant": {"other", half + 1}, "a short list": {"busy", maxUserBody / listedMemberSize}, "a list that just fits": {"busy", half - 1}} {
		held.members = answered.members
		if w := serve(s, as(answered.tenant, list())); w.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	close(slow.letGo)
	<-written
	if slow.Code != http.StatusOK || !strings.HasSuffix(slow.Body.String(), `}]}`) {
		t.Errorf("got %d %s", slow.Code, slow.Body)
	}

	held.broken = true
	if w := serve(s, as("busy", list())); w.Code != http.StatusInternalServerError {
		t.Errorf("got %d", w.Code)
	}
	if len(s.shares.tenants) != 0 {
		t.Error("what an answer held is not given back")
	}
}

func TestAListMayHaveSoManyMembers(t *testing.T) {
	for _, test := range []struct{ members, want, listed int }{{maxListedMembers, 200, 1}, {maxListedMembers + 1, 400, 0}} {
		crowd := &listStore{members: test.members}
		s := newServer(crowd, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		w := serve(s, request(http.MethodGet, "/scim/v2/Groups", ""))
		if w.Code != test.want || crowd.listed != test.listed {
			t.Errorf("%d members: got %d %s", test.members, w.Code, w.Body)
		}
		if test.want == 400 {
			wantSCIMError(t, w, 400, scim.TypeTooMany)
		}
	}
}

// TestAClientThatDoesNotReadGivesBackItsShare: others of its tenant do not wait for as long as a connection may last.
func TestAClientThatDoesNotReadGivesBackItsShare(t *testing.T) {
	crowd := &listStore{members: maxListedMembers, text: strings.Repeat("x", largeAnswer)}
	logs := &logBuffer{}
	s := newServer(crowd, onlyGood{}, Options{Logger: logs.logger(), BindAddress: "127.0.0.1:0"})
	const long = time.Hour
	s.timeouts = connectionTimeouts{header: long, request: long, answer: long, idle: long, held: time.Millisecond}
	s.shares.patience = long // each waits for the one before it, however slow the machine is
	start(t, s)
	stuck := dial(t, s.Address(), "GET /scim/v2/Groups HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer "+goodToken+"\r\n\r\n")
	waitFor(t, "the server to be done with the requests", func() bool { return len(logs.lines("Request")) == stuckClients })
	waitFor(t, "the share to be given back", func() bool {
		s.shares.mu.Lock()
		defer s.shares.mu.Unlock()
		return len(s.shares.tenants) == 0
	})
	for _, connection := range stuck {
		// It ends, because the server closes the connection.
		if told, _ := io.ReadAll(connection); len(told) >= largeAnswer {
			t.Error("the whole answer was sent to a client that did not read")
		}
	}
}
