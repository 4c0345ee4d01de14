package scimserver

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// clientOf lets everybody in as the same client.
type clientOf principal

func (c clientOf) authenticate(context.Context, string) (*principal, error) {
	client := principal(c)
	return &client, nil
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// guarded is a server for one client, and says whether its store was asked.
func guarded(client principal, o Options) (s *Server, asked *int, logs *logBuffer) {
	asked = new(int)
	s, logs = testServer(func(ctx context.Context) (scim.Resource, error) {
		*asked++
		return found(ctx)
	})
	client.tokenID, client.tenant, client.endpoint, client.cursorKeys = "0123456789ab", "acme", "okta", [][]byte{cursorKey(nil)}
	client.maxBody, client.maxPage = cmp.Or(client.maxBody, maxGroupBody), cmp.Or(client.maxPage, scim.MaxCount)
	s.auth = clientOf(client)
	s.options.TrustedProxies = o.TrustedProxies
	return s, asked, logs
}

func TestRequestsFromElsewhereAreRefusedBeforeAnythingIsRead(t *testing.T) {
	trusted, err := ParseProxies("192.0.2.0/24") // where httptest's requests come from
	if err != nil {
		t.Fatal(err)
	}
	s, asked, logs := guarded(principal{scope: v1alpha1.ScopeAll, allowedSources: []string{"203.0.113.0/24"}}, Options{TrustedProxies: trusted})
	began := time.Now()
	s.rates = newRates(func() time.Time { return began }) // however slow this machine is
	before := metric(t, "scim_http_refusals_total")
	for _, rt := range s.routes() {
		r := request(rt.method, "/scim/v2"+strings.ReplaceAll(rt.path, "{id}", someID), "", forwardedFor, "203.0.113.9, 198.51.100.1")
		r.Body, r.ContentLength = io.NopCloser(unread{t}), 10
		w := serve(s, r)
		wantSCIMError(t, w, http.StatusForbidden, "")
		if strings.Contains(w.Body.String(), "198.51") {
			t.Error("the answer tells addresses: " + w.Body.String())
		}
	}
	if *asked != 0 {
		t.Error("the store is asked")
	}
	if refused := metric(t, "scim_http_refusals_total") - before; refused != float64(len(s.routes())) {
		t.Errorf("%v refusals are counted", refused)
	}
	for _, line := range logs.lines("Request") {
		if line["source"] != "198.51.100.1" || line["tenant"] != "acme" {
			t.Errorf("the log has %v", line)
		}
	}
	for range 2 * strangersRate.burst {
		w := serve(s, request(http.MethodGet, "/scim/v2/Users/"+someID, ""))
		if w.Code == http.StatusTooManyRequests {
			if lines := len(logs.lines("Request")); lines > 2*refusedLogRate.burst {
				t.Errorf("%d lines are logged", lines)
			}
			w := serve(s, request(http.MethodGet, "/scim/v2/Users/"+someID, "", forwardedFor, "203.0.113.9"))
			if w.Code != http.StatusOK || *asked != 1 {
				t.Errorf("the client that comes from where it may gets %d", w.Code)
			}
			return
		}
	}
	t.Error("there is no end to what a wrong source may ask")
}

func TestLogsSayWhereRequestsComeFrom(t *testing.T) {
	s, _, logs := guarded(principal{scope: v1alpha1.ScopeAll}, Options{})
	serve(s, request(http.MethodPost, "/scim/v2/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"babs"}`,
		forwardedFor, "203.0.113.9"))
	for _, message := range []string{"Request", "Audit"} {
		if lines := logs.lines(message); len(lines) != 1 || lines[0]["source"] != "192.0.2.1" {
			t.Errorf("%s has %v", message, lines)
		}
	}
}

func TestWhoMayReadOnlyChangesNothing(t *testing.T) {
	for _, scope := range []v1alpha1.Scope{v1alpha1.ScopeRead, v1alpha1.ScopeAll, "", "scim.write"} {
		s, asked, _ := guarded(principal{scope: scope}, Options{})
		for _, rt := range s.routes() {
			for _, base := range basePaths {
				reads := rt.method == http.MethodGet || strings.HasSuffix(rt.path, "/.search")
				allowed := scope == v1alpha1.ScopeAll || reads && scope == v1alpha1.ScopeRead
				r := request(rt.method, base+strings.ReplaceAll(rt.path, "{id}", someID), "")
				if !allowed {
					r.Body, r.ContentLength = io.NopCloser(unread{t}), 10
				}
				w := serve(s, r)
				if refused := w.Code == http.StatusForbidden; refused == allowed {
					t.Errorf("scope %q: %s %s is %d", scope, rt.method, base+rt.path, w.Code)
				}
				if !allowed {
					wantSCIMError(t, w, http.StatusForbidden, "")
					if got, want := w.Header().Get("WWW-Authenticate"), `Bearer error="insufficient_scope", scope="scim"`; got != want {
						t.Errorf("WWW-Authenticate is %s", got)
					}
				}
			}
		}
		if scope != v1alpha1.ScopeRead && scope != v1alpha1.ScopeAll && *asked != 0 {
			t.Errorf("scope %q: the store is asked", scope)
		}
	}
	s, _, _ := guarded(principal{scope: v1alpha1.ScopeRead}, Options{})
	for target, want := range map[*http.Request]int{
		request(http.MethodHead, "/scim/v2/Users/"+someID, ""):           http.StatusOK,
		request(http.MethodGet, "/scim/v2/Nothing", ""):                  http.StatusNotFound,
		request(http.MethodPost, "/scim/v2/Schemas", ""):                 http.StatusMethodNotAllowed,
		request(http.MethodPost, "/scim/v2/Me", ""):                      http.StatusNotImplemented,
		request(http.MethodPatch, "/scim/v2//Users/"+someID+"/", ""):     http.StatusForbidden,
		request("patch", "/scim/v2/Users/"+someID, ""):                   http.StatusMethodNotAllowed,
		request(http.MethodPost, "/scim/v2/Users/.search", "not a body"): http.StatusBadRequest,
	} {
		if w := serve(s, target); w.Code != want {
			t.Errorf("%s %s is %d, want %d", target.Method, target.URL, w.Code, want)
		}
	}
}

func TestLargestPageIsThatOfBounds(t *testing.T) {
	if scim.MaxCount != bounds.LargestPage {
		t.Errorf("bounds has pages of %d, scim of %d", bounds.LargestPage, scim.MaxCount)
	}
}

func TestBodiesAreBoundedByTheEndpoint(t *testing.T) {
	const bound = 100_000
	s, asked, _ := guarded(principal{scope: v1alpha1.ScopeAll, maxBody: bound}, Options{})
	body := func(size int) string {
		begin, end := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"babs"`, `}`
		return begin + strings.Repeat(" ", size-len(begin)-len(end)) + end
	}
	for _, announced := range []bool{true, false} {
		for size, want := range map[int]int{bound: http.StatusCreated, bound + 1: http.StatusRequestEntityTooLarge, 1 << 20: http.StatusRequestEntityTooLarge} {
			before := *asked
			r := request(http.MethodPost, "/scim/v2/Users", body(size))
			if !announced {
				r.ContentLength = -1
			}
			w := serve(s, r)
			if w.Code != want || (*asked > before) != (want == http.StatusCreated) {
				t.Errorf("a body of %d bytes is %d: %s", size, w.Code, w.Body)
			}
			if want != http.StatusCreated && !strings.Contains(w.Body.String(), "100000 bytes") {
				t.Errorf("the answer does not tell the bound: %s", w.Body)
			}
		}
	}
	config := serve(s, request(http.MethodGet, "/scim/v2/ServiceProviderConfig", "")).Body.String()
	if !strings.Contains(config, `"maxPayloadSize":100000`) {
		t.Error("ServiceProviderConfig tells another bound: " + config)
	}
}

func TestPagesAreBoundedByTheEndpoint(t *testing.T) {
	s, _, _ := guarded(principal{scope: v1alpha1.ScopeAll, maxPage: 7}, Options{})
	pages := &pageStore{}
	s.store = pages
	for _, r := range []*http.Request{
		request(http.MethodGet, "/scim/v2/Users", ""),
		request(http.MethodGet, "/scim/v2/Users?count=50", ""),
		request(http.MethodGet, "/scim/v2/?cursor&count=8", ""),
		request(http.MethodPost, "/scim/v2/Groups/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":7}`),
	} {
		pages.count = -1
		if w := serve(s, r); w.Code != http.StatusOK || pages.count != 7 {
			t.Errorf("%s %s is %d with a page of %d", r.Method, r.URL, w.Code, pages.count)
		}
	}
	if w := serve(s, request(http.MethodGet, "/scim/v2/Users?count=3", "")); w.Code != http.StatusOK || pages.count != 3 {
		t.Errorf("less than the bound is %d", pages.count)
	}
	config := serve(s, request(http.MethodGet, "/scim/v2/ServiceProviderConfig", "")).Body.String()
	for _, want := range []string{`"maxResults":7`, `"maxPageSize":7`, `"defaultPageSize":7`} {
		if !strings.Contains(config, want) {
			t.Errorf("ServiceProviderConfig has no %s: %s", want, config)
		}
	}
}

func TestDiscoveryWithoutTokenTellsTheOperatorsBounds(t *testing.T) {
	s, _ := testServer(found)
	s.options.Bounds = bounds.Bounds{BodyBytes: 1 << 20, PageSize: 200}
	r := request(http.MethodGet, "/scim/v2/ServiceProviderConfig", "")
	r.Header.Del("Authorization")
	config := serve(s, r).Body.String()
	for _, want := range []string{`"maxPayloadSize":1048576`, `"maxResults":200`, `"defaultPageSize":100`} {
		if !strings.Contains(config, want) {
			t.Errorf("there is no %s: %s", want, config)
		}
	}
}

// pageStore notes how many resources a list is to have.
type pageStore struct {
	resourceStore
	count int
}

func (p *pageStore) List(_ context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	p.count = q.Page.Count
	return store.Page{}, nil
}
