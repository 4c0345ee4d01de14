package scimserver

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// endlessStore has always another page.
type endlessStore struct {
	resourceStore
	last scim.SortKey
	from *store.Position
}

func (s *endlessStore) List(_ context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	s.from = q.From
	return store.Page{First: s.last, Last: s.last, After: true, Before: q.From != nil, Total: 1000}, nil
}

// changingToken lets in whoever has the token, with the keys given.
type changingToken struct{ keys [][]byte }

func (a *changingToken) authenticate(ctx context.Context, token string) (*principal, error) {
	client, err := onlyGood{}.authenticate(ctx, token)
	if client != nil {
		client.cursorKeys = a.keys
	}
	return client, err
}

func nextCursor(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var list struct {
		NextCursor string `json:"nextCursor"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 || list.NextCursor == "" {
		t.Fatalf("no cursor: %d %s (%v)", w.Code, w.Body, err)
	}
	return list.NextCursor
}

func TestCursorsEndAfterTheirTimeAndWithTheirToken(t *testing.T) {
	last := scim.SortKey{Value: "babs", ID: someID}
	endless := &endlessStore{last: last}
	auth := &changingToken{keys: [][]byte{cursorKey([]byte("first"))}}
	s := newServer(endless, auth, Options{})
	issued := time.Unix(1_800_000_000, 0)
	now := issued
	s.now = func() time.Time { return now }
	const path = "/scim/v2/Users?sortBy=userName&count=10&cursor="
	cursor := nextCursor(t, serve(s, request("GET", path, "")))

	both := [][]byte{cursorKey([]byte("second")), cursorKey([]byte("first"))}
	for _, test := range []struct {
		name     string
		after    time.Duration
		keys     [][]byte
		scimType string
	}{
		{"at once", 0, auth.keys, ""},
		{"at the end of its time", cursorTimeout, auth.keys, ""},
		{"after its time", cursorTimeout + time.Second, auth.keys, scim.TypeExpiredCursor},
		{"with the next token", time.Minute, both, ""},
		{"after its time with the next token", cursorTimeout + time.Second, both, scim.TypeExpiredCursor},
		{"when its token is not valid any more", time.Minute, both[:1], scim.TypeInvalidCursor},
		{"with both tokens the other way round", time.Minute, [][]byte{both[1], both[0]}, ""},
		{"after its time with both the other way round", cursorTimeout + time.Second, [][]byte{both[1], both[0]}, scim.TypeExpiredCursor},
	} {
		now, auth.keys = issued.Add(test.after), test.keys
		w := serve(s, request("GET", path+cursor, ""))
		if test.scimType != "" {
			wantSCIMError(t, w, 400, test.scimType)
			continue
		}
		nextCursor(t, w)
		if endless.from == nil || endless.from.Key != last || endless.from.Backward {
			t.Errorf("%s: the page begins at %+v", test.name, endless.from)
		}
	}
}
