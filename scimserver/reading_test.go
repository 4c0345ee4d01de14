package scimserver

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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
		time.Sleep(s.takes)
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
		time.Sleep(min(c.takes/(1<<20)*time.Duration(len(p)), time.Until(c.deadline)))
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
				s := newServer(&piecesStore{takes: test.server, members: test.members}, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
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
				if len(s.shares.tenants) != 0 {
					t.Error("what the answer held is not given back")
				}
			})
		})
	}
}
