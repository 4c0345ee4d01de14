package scimserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// longStore has a page of so many users, and fails behind them if it is to.
type longStore struct {
	brokenStore
	users int
	err   error
}

func (s *longStore) List(_ context.Context, _ string, rt *scim.ResourceType, q store.Query) (store.Page, error) {
	for i := range s.users {
		user := scim.Resource{"userName": fmt.Sprint(i), "title": strings.Repeat("x", 1000)}
		scim.Stamp(rt, user, fmt.Sprint(i), "", scim.Meta{})
		if err := q.Each(rt, user); err != nil {
			return store.Page{}, err
		}
	}
	return store.Page{Total: 7000}, s.err
}

func TestALongListIsWrittenWhileItIsRead(t *testing.T) {
	for users, whole := range map[int]bool{0: true, 10: true, 1000: false} {
		held := &longStore{users: users}
		s := newServer(held, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		// More than maxQuickList has a turn, which nobody gets while it is held.
		w := &turnTaker{ResponseRecorder: httptest.NewRecorder(), server: s, t: t}
		s.Handler().ServeHTTP(w, request(http.MethodGet, "/scim/v2/Users?startIndex=3&count=1000", ""))
		var got struct {
			TotalResults int `json:"totalResults"`
			StartIndex   int `json:"startIndex"`
			ItemsPerPage int `json:"itemsPerPage"`
			Resources    []struct {
				UserName string `json:"userName"`
			} `json:"Resources"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.TotalResults != 7000 || got.StartIndex != 3 || got.ItemsPerPage != users || len(got.Resources) != users {
			t.Errorf("%d users: %d, %d, %d, and %d are there", users, got.TotalResults, got.StartIndex, got.ItemsPerPage, len(got.Resources))
		}
		for i, user := range got.Resources {
			if user.UserName != fmt.Sprint(i) {
				t.Fatalf("user %d is %s", i, user.UserName)
			}
		}
		if length := w.Header().Get("Content-Length"); (length != "") != whole || whole && length != fmt.Sprint(w.Body.Len()) || w.Header().Get("Content-Type") != contentType {
			t.Errorf("%d users: %v", users, w.Header())
		}
		if !whole && w.largest > 300<<10 || len(s.shares.tenants) != 0 {
			t.Errorf("%d bytes at once, %d shares are held", w.largest, len(s.shares.tenants))
		}
	}
}

// turnTaker takes the tenant's turns at every write.
type turnTaker struct {
	*httptest.ResponseRecorder
	server  *Server
	t       *testing.T
	largest int
}

func (w *turnTaker) Write(p []byte) (int, error) {
	var held []func()
	for range maxTenantTurns() {
		release, err := w.server.shares.turn(w.t.Context(), "acme")
		if err != nil {
			w.t.Errorf("a turn is held while the client reads: %v", err)
			continue
		}
		held = append(held, release)
	}
	for _, release := range held {
		release()
	}
	w.largest = max(w.largest, len(p))
	return w.ResponseRecorder.Write(p)
}

func TestAListThatFails(t *testing.T) {
	held := &longStore{users: 10, err: errors.New("out of order")}
	server := httptest.NewServer(newServer(held, onlyGood{}, Options{Logger: (&logBuffer{}).logger()}).Handler())
	defer server.Close()
	list := func() (*http.Response, []byte, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/scim/v2/Users?count=1000", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = request(http.MethodGet, "/", "").Header
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer, body, err
	}
	if answer, body, err := list(); err != nil || answer.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), scim.ErrorURN) {
		t.Errorf("before the first byte: %s, %s, %v", answer.Status, body, err)
	}
	held.users = 1000
	if answer, body, err := list(); err == nil || answer.StatusCode != http.StatusOK || json.Valid(body) {
		t.Errorf("after it: %s, %d bytes, %v, want a connection that is broken off", answer.Status, len(body), err)
	}
}
