package scimserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// piecesStore has lists of four resources that are a piece of the answer each. It takes its time for each of them.
type piecesStore struct {
	brokenStore
	takes   time.Duration
	members int
}

func (s *piecesStore) List(_ context.Context, _ string, rt *scim.ResourceType, q store.Query) (store.Page, error) {
	if err := q.Admit(s.members); err != nil {
		return store.Page{}, err
	}
	for range 4 {
		<-time.After(s.takes)
		res := scim.Resource{"displayName": strings.Repeat("x", 300<<10)}
		scim.Stamp(rt, res, someID, "", scim.Meta{})
		if err := q.Each(rt, res); err != nil {
			return store.Page{}, err
		}
	}
	return store.Page{Total: 4}, nil
}

// timedConnection has a client that takes its time for each MiB. Like a stream of HTTP/2 it ends when the time is over,
// also while nothing is written.
type timedConnection struct {
	*httptest.ResponseRecorder
	takes    time.Duration
	deadline time.Time
	over     bool
}

func (c *timedConnection) SetWriteDeadline(deadline time.Time) error {
	c.look()
	c.deadline = deadline
	return nil
}

func (c *timedConnection) look() { c.over = c.over || !time.Now().Before(c.deadline) }

func (c *timedConnection) Write(p []byte) (int, error) {
	c.look()
	if !c.over {
		<-time.After(min(c.takes/(1<<20)*time.Duration(len(p)), time.Until(c.deadline)))
		c.look()
	}
	if c.over {
		return 0, os.ErrDeadlineExceeded
	}
	return c.ResponseRecorder.Write(p)
}

// TestAClientHasSoLongToReadWhatHoldsSomething: what the server takes is not the client's.
func TestAClientHasSoLongToReadWhatHoldsSomething(t *testing.T) {
	search := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]` + strings.Repeat(" ", 2*maxSmallBody) + `}`
	list := func() *http.Request { return request(http.MethodGet, "/scim/v2/Groups", "") }
	users := func() *http.Request { return request(http.MethodGet, "/scim/v2/Users", "") }
	for name, test := range map[string]struct {
		request func() *http.Request
		// server is what the server takes for each of four pieces of 300 KiB, client what the client takes for each MiB, and
		// held what it may take besides the second for each.
		server, client, held time.Duration
		members              int
		// want is after how long the client is cut off; 0 says that it gets all.
		want time.Duration
	}{
		"a client that reads at once":         {list, 12 * time.Second, 0, 10 * time.Second, 5000, 0},
		"the same of a list without members":  {list, 12 * time.Second, 0, 10 * time.Second, 0, 0},
		"a client that reads in time":         {list, 8 * time.Second, 8 * time.Second, 10 * time.Second, 5000, 0},
		"a client that takes too long in all": {list, 0, 12 * time.Second, 10 * time.Second, 5000, 10 * time.Second},
		"a client that does not read":         {list, time.Second, time.Hour, 10 * time.Second, 5000, 11 * time.Second},
		"the same, without members":           {list, time.Second, time.Hour, 10 * time.Second, 0, 11 * time.Second},
		"the same, after a large search": {func() *http.Request { return request(http.MethodPost, "/scim/v2/Groups/.search", search) },
			time.Second, time.Hour, 10 * time.Second, 0, 11 * time.Second},
		"a large answer that takes too long": {users, 0, 100 * time.Second, time.Hour, 0, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logs := &logBuffer{}
				s := newServer(&piecesStore{takes: test.server, members: test.members}, onlyGood{}, Options{Logger: logs.logger()})
				s.timeouts.held = test.held
				begun := time.Now()
				w := &timedConnection{httptest.NewRecorder(), test.client, begun.Add(s.timeouts.answer), false}
				s.Handler().ServeHTTP(w, test.request())
				if complete := json.Valid(w.Body.Bytes()); complete != (test.want == 0) || w.Code != http.StatusOK {
					t.Errorf("got %d, complete: %t", w.Code, complete)
				}
				if took := time.Since(begun); test.want != 0 && took != test.want {
					t.Errorf("the client was cut off after %s, want %s", took, test.want)
				}
				if by := logs.lines("Request")[0]["brokenOffBy"]; by != nil && test.want == 0 || by != brokenByTimeout && test.want != 0 {
					t.Errorf("the access log tells that the answer was broken off by %v", by)
				}
				if len(s.shares.tenants) != 0 {
					t.Error("what the answer held is not given back")
				}
			})
		})
	}
}

// failingConnection has a client that is not there when its answer is written.
type failingConnection struct{ *httptest.ResponseRecorder }

func (failingConnection) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestBrokenAnswersAreToldOf: their status is 200, so that nothing else tells them from whole ones.
func TestBrokenAnswersAreToldOf(t *testing.T) {
	list := request(http.MethodGet, "/scim/v2/Users?count=1000", "")
	for name, test := range map[string]struct {
		err       error
		connected bool
		by        string
		// errors are how many lines there are for the operator.
		errors int
	}{
		"a client that leaves while it is sent a piece":    {nil, false, brokenByClient, 0},
		"a client that leaves while a piece is made":       {fmt.Errorf("read: %w", context.Canceled), true, brokenByClient, 0},
		"a server that fails":                              {errors.New("out of order"), true, brokenByServer, 1},
		"a server that does not get done in time":          {context.DeadlineExceeded, true, brokenByServer, 1},
		"nobody, as the answer is whole and has been read": {nil, true, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			logs := &logBuffer{}
			s := newServer(&longStore{users: 1000, err: test.err}, onlyGood{}, Options{Logger: logs.logger()})
			all, own := metric(t, "scim_http_answers_broken_off_total"), metric(t, "scim_http_answers_broken_off_total", test.by)
			var w http.ResponseWriter = httptest.NewRecorder()
			if !test.connected {
				w = failingConnection{httptest.NewRecorder()}
			}
			aborted := func() (err error) {
				defer func() { err, _ = recover().(error) }()
				s.Handler().ServeHTTP(w, list.Clone(t.Context()))
				return nil
			}()
			if broken := errors.Is(aborted, http.ErrAbortHandler); broken != (test.err != nil) {
				t.Errorf("the connection is broken off: %v", aborted)
			}
			line := logs.lines("Request")[0]
			if by, _ := line["brokenOffBy"].(string); by != test.by || line["status"] != float64(http.StatusOK) {
				t.Errorf("the access log has %v, want %q", line, test.by)
			}
			if told := len(logs.lines("An answer was broken off")); told != test.errors {
				t.Errorf("%d errors in the log, want %d", told, test.errors)
			}
			all, own = metric(t, "scim_http_answers_broken_off_total")-all, metric(t, "scim_http_answers_broken_off_total", test.by)-own
			if all != own || own > 0 != (test.by != "") {
				t.Errorf("%v are counted, %v of them by %q", all, own, test.by)
			}
		})
	}
}

// TestAStreamThatIsNotReadEnds: with HTTP/2 the error of a write does not say that the time was over.
func TestAStreamThatIsNotReadEnds(t *testing.T) {
	logs := &logBuffer{}
	s := newServer(&listStore{text: strings.Repeat("x", largeAnswer)}, onlyGood{}, Options{Logger: logs.logger()})
	s.timeouts.held, s.timeouts.heldMiB = time.Millisecond, 0
	server := httptest.NewUnstartedServer(s.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/scim/v2/Groups", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = request(http.MethodGet, "/", "").Header
	answer, err := server.Client().Do(r)
	if err == nil { // a reset may come before the headers are looked at
		defer answer.Body.Close()
	}
	waitFor(t, "the server to be done with the request", func() bool { return len(logs.lines("Request")) == 1 })
	if line := logs.lines("Request")[0]; line["brokenOffBy"] != brokenByTimeout {
		t.Errorf("the access log has %v", line)
	}
	if err == nil {
		if body, err := io.ReadAll(answer.Body); err == nil || answer.ProtoMajor != 2 || len(body) >= largeAnswer {
			t.Errorf("%s: %d bytes, %v, want a stream that is broken off", answer.Proto, len(body), err)
		}
	}
}
