package scimserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

const (
	goodToken = "scim_good-token-of-a-unit-test-0123456789"
	someID    = "0190a0b0-0000-7000-8000-000000000001"
)

// logBuffer collects the log as the operator writes it.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() logr.Logger {
	return logr.FromSlogHandler(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lines returns the log lines with this message.
func (b *logBuffer) lines(message string) []map[string]any {
	var lines []map[string]any
	for text := range strings.Lines(b.String()) {
		line := make(map[string]any)
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// onlyGood lets one token in.
type onlyGood struct{}

func (onlyGood) authenticate(_ context.Context, token string) (*principal, error) {
	if token != goodToken {
		return nil, nil
	}
	return &principal{tokenID: "0123456789ab", tenant: "acme", endpoint: "okta", scope: v1alpha1.ScopeAll, maxBody: maxGroupBody, maxPage: scim.MaxCount, cursorKeys: [][]byte{cursorKey([]byte(token))}}, nil
}

// brokenStore does with every request what a test injects.
type brokenStore struct {
	resourceStore
	get func(ctx context.Context) (scim.Resource, error)
}

func (b brokenStore) Synced() bool { return true }

func (b brokenStore) Get(ctx context.Context, _ string, _ *scim.ResourceType, _ string, _ store.Gate) (scim.Resource, error) {
	return b.get(ctx)
}

func (b brokenStore) List(ctx context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	res, err := b.get(ctx)
	if err == nil {
		err = q.Each(scim.User, res)
	}
	return store.Page{Total: 1}, err
}

func (b brokenStore) Create(ctx context.Context, _ string, _ *scim.ResourceType, _ scim.Resource) (scim.Resource, error) {
	return b.get(ctx)
}

func testServer(get func(context.Context) (scim.Resource, error)) (*Server, *logBuffer) {
	logs := &logBuffer{}
	return newServer(brokenStore{get: get}, onlyGood{}, Options{BindAddress: "127.0.0.1:0", Logger: logs.logger()}), logs
}

func found(context.Context) (scim.Resource, error) {
	res := scim.Resource{"userName": "babs"}
	scim.Stamp(scim.User, res, someID, "", scim.Meta{Version: `W/"3"`})
	return res, nil
}

// request is an authenticated request; header holds pairs.
func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+goodToken)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func serve(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// wantSCIMError checks what holds for every error.
func wantSCIMError(t *testing.T, w *httptest.ResponseRecorder, status int, scimType string) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/scim+json" {
		t.Errorf("Content-Type is %q", got)
	}
	var message struct {
		Schemas  []string `json:"schemas"`
		Status   string   `json:"status"`
		ScimType string   `json:"scimType"`
		Detail   string   `json:"detail"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &message); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || message.Status != fmt.Sprint(status) || message.ScimType != scimType {
		t.Errorf("got %d %+v, want %d %s", w.Code, message, status, scimType)
	}
	if message.Detail == "" || !cmp.Equal(message.Schemas, []string{scim.ErrorURN}) {
		t.Errorf("not a SCIM error: %s", w.Body)
	}
	if w.Header().Get("X-Request-ID") == "" {
		t.Error("no X-Request-Id")
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	users := schema.GroupResource{Resource: "scimusers"}
	refused := &url.Error{Op: "Get", URL: "https://10.0.0.1/", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for name, test := range map[string]struct {
		err            error
		wantStatus     int
		wantScimType   string
		wantRetryAfter string
	}{
		"a SCIM error is passed on":                      {scim.Conflict("taken"), 409, scim.TypeUniqueness, ""},
		"a wrapped SCIM error is passed on":              {fmt.Errorf("create: %w", scim.NewError(404, "gone")), 404, "", ""},
		"a body that is too large":                       {fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 10}), 413, "", ""},
		"a deadline that has passed":                     {fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "", "5"},
		"a client that has gone":                         {fmt.Errorf("wait: %w", context.Canceled), 499, "", ""},
		"an API server that cannot be reached":           {fmt.Errorf("update: %w", refused), 503, "", "5"},
		"an API server that is overloaded":               {apierrors.NewTooManyRequests("wait", 7), 503, "", "7"},
		"an API server that asks to try again":           {apierrors.NewServerTimeout(users, "get", 3), 503, "", "3"},
		"an API server whose etcd has no leader":         {apierrors.NewInternalError(errors.New("etcdserver: leader changed")), 503, "", "5"},
		"an API server that shuts down":                  {apierrors.NewServiceUnavailable("stopping"), 503, "", "5"},
		"writers that get in each other's way":           {apierrors.NewConflict(users, someID, errors.New("modified")), 503, "", "5"},
		"an API server that does not know its roles yet": {apierrors.NewForbidden(users, "babs", errors.New("secret-rbac")), 503, "", "5"},
		"an API server that knows no accounts yet":       {apierrors.NewUnauthorized("secret"), 503, "", "5"},
		"a quota that is used up":                        {apierrors.NewForbidden(users, someID, errors.New("exceeded quota: small, requested: count/scimusers.provisioning.rservice.dev=1")), 507, "", ""},
		"an etcd that is full":                           {apierrors.NewInternalError(errors.New("etcdserver: mvcc: database space exceeded")), 507, "", ""},
		"a refusal by admission":                         {apierrors.NewForbidden(users, "babs", errors.New("denied by ValidatingAdmissionPolicy")), 500, "", ""},
		"anything else is internal and says nothing":     {errors.New("secret detail"), 500, "", ""},
		"a refusal by validation that nobody translated": {apierrors.NewInvalid(schema.GroupKind{Kind: "ScimUser"}, someID, nil), 500, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(func(context.Context) (scim.Resource, error) { return nil, test.err })
			w := serve(s, request("GET", "/scim/v2/Users/"+someID, "", "X-Request-ID", "req-1"))
			wantSCIMError(t, w, test.wantStatus, test.wantScimType)
			if got := w.Header().Get("Retry-After"); got != test.wantRetryAfter {
				t.Errorf("Retry-After is %q, want %q", got, test.wantRetryAfter)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the answer tells internals: %s", w.Body)
			}
			if test.wantStatus == 500 && !strings.Contains(w.Body.String(), "req-1") {
				t.Errorf("the answer does not name the request: %s", w.Body)
			}
		})
	}
}

func TestLogOfAFailureHoldsItsCauseButNoValues(t *testing.T) {
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "ScimUser"}, someID,
		field.ErrorList{field.Invalid(field.NewPath("spec", "userName"), "babs@example.com", "too long")})
	for name, test := range map[string]struct {
		err      error
		want     string
		mustMiss string
	}{
		"the cause is logged":               {errors.New("no such index"), "no such index", goodToken},
		"values that the API server quotes": {fmt.Errorf("update: %w", invalid), "Invalid (code 422)", "babs@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			s, logs := testServer(func(context.Context) (scim.Resource, error) { return nil, test.err })
			serve(s, request("GET", "/scim/v2/Users/"+someID, "", "X-Request-ID", "req-1"))
			lines := logs.lines("A request failed")
			if len(lines) != 1 || lines[0]["requestID"] != "req-1" || !strings.Contains(fmt.Sprint(lines[0]["err"]), test.want) {
				t.Errorf("the log lacks %q: %s", test.want, logs)
			}
			if strings.Contains(logs.String(), test.mustMiss) {
				t.Errorf("the log holds %q: %s", test.mustMiss, logs)
			}
		})
	}
}

func TestPanicIsAnsweredAndLoggedWithoutData(t *testing.T) {
	for name, test := range map[string]struct {
		cause    any
		wantText string
	}{
		"a value may hold data, so only its type is logged": {"babs@example.com", "panic with a string"},
		"an error of the runtime is logged":                 {nil, "index out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			s, logs := testServer(func(context.Context) (scim.Resource, error) {
				if test.cause != nil {
					panic(test.cause)
				}
				none := make([]scim.Resource, 1)
				return none[len(test.wantText)], nil
			})
			w := serve(s, request("GET", "/scim/v2/Users/"+someID, "", "X-Request-ID", "req-1"))
			wantSCIMError(t, w, 500, "")
			lines := logs.lines("A request panicked")
			if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["stack"]), "handler_test.go") {
				t.Fatalf("no stack in the log: %s", logs)
			}
			if !strings.Contains(fmt.Sprint(lines[0]["err"]), test.wantText) || strings.Contains(logs.String(), "babs@") {
				t.Errorf("wrong log: %s", logs)
			}
			if access := logs.lines("Request"); len(access) != 1 || access[0]["status"] != 500.0 {
				t.Errorf("the access log does not tell of the 500: %s", logs)
			}
		})
	}
}

func TestAnswerHeaders(t *testing.T) {
	s, _ := testServer(found)
	w := serve(s, request("GET", "http://scim.example.com/scim/Users/"+someID, "", "X-Forwarded-Proto", "https, http"))
	want := map[string]string{
		"Content-Type":           "application/scim+json",
		"Location":               "https://scim.example.com/scim/Users/" + someID,
		"ETag":                   `W/"3"`,
		"Cache-Control":          "private, no-cache",
		"X-Content-Type-Options": "nosniff",
		"Content-Length":         fmt.Sprint(w.Body.Len()),
	}
	got := make(map[string]string)
	for name := range want {
		got[name] = w.Header().Get(name)
	}
	if diff := cmp.Diff(want, got); diff != "" || w.Code != 200 {
		t.Errorf("status %d, headers (-want +got):\n%s", w.Code, diff)
	}
	var body struct {
		Meta scim.DocumentMeta `json:"meta"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Meta.Location != want["Location"] {
		t.Errorf("meta.location is %q (%v)", body.Meta.Location, err)
	}
}

func TestNotModified(t *testing.T) {
	s, _ := testServer(found)
	for header, want := range map[string]int{
		`W/"3"`: 304, `"3"`: 304, `W/"1", W/"3"`: 304, "*": 304, `W/"2"`: 200, "": 200,
	} {
		w := serve(s, request("GET", "/scim/v2/Users/"+someID+"?excludedAttributes=groups", "", "If-None-Match", header))
		if w.Code != want || want == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != `W/"3"`) {
			t.Errorf("If-None-Match: %s is answered with %d %q", header, w.Code, w.Body)
		}
	}
}

func TestContentNegotiation(t *testing.T) {
	const body = `{"userName":"babs"}`
	for name, test := range map[string]struct {
		header []string
		body   string
		want   int
	}{
		"SCIM's own type":                    {[]string{"Content-Type", "application/scim+json", "Accept", "application/scim+json"}, body, 201},
		"JSON with a charset":                {[]string{"Content-Type", `application/json; charset="UTF-8"`, "Accept", "application/json"}, body, 201},
		"what Okta sends":                    {[]string{"Content-Type", "application/scim+json; charset=utf-8", "Accept", "application/scim+json; charset=utf-8", "Accept-Charset", "utf-8"}, body, 201},
		"no types at all":                    {nil, body, 201},
		"any type is accepted":               {[]string{"Accept", "text/html, */*;q=0.1"}, body, 201},
		"any application type":               {[]string{"Accept", "application/*"}, body, 201},
		"an Accept that cannot be parsed":    {[]string{"Accept", "json please"}, body, 201},
		"an Accept of blanks":                {[]string{"Accept", " , "}, body, 201},
		"a vendor's JSON":                    {[]string{"Accept", "application/vnd.github.v3+json"}, body, 201},
		"JSON under an old name":             {[]string{"Accept", "text/json"}, body, 201},
		"a word":                             {[]string{"Accept", "json"}, body, 201},
		"Java's default":                     {[]string{"Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, body, 201},
		"any kind of one subtype":            {[]string{"Accept", "*/scim"}, body, 201},
		"a body of a vendor's JSON":          {[]string{"Content-Type", "application/vnd.github.v3+json"}, body, 201},
		"XML only":                           {[]string{"Accept", "application/xml, text/xml;q=0.9"}, body, 406},
		"a vendor's JSON refused explicitly": {[]string{"Accept", "application/vnd.github.v3+json;q=0, text/html"}, body, 406},
		"HTML only":                          {[]string{"Accept", "text/html"}, body, 406},
		"JSON refused explicitly":            {[]string{"Accept", "application/json;q=0"}, body, 406},
		"a form":                             {[]string{"Content-Type", "application/x-www-form-urlencoded"}, body, 415},
		"a type that cannot be parsed":       {[]string{"Content-Type", "json/"}, body, 415},
		"another charset":                    {[]string{"Content-Type", "application/json; charset=utf-16"}, body, 415},
		"a compressed body":                  {[]string{"Content-Encoding", "gzip"}, body, 415},
		"a body that is not JSON":            {[]string{"Content-Type", "application/json"}, "{", 400},
		"an empty body is not a type matter": {[]string{"Content-Type", "text/plain"}, "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			w := serve(s, request("POST", "/scim/v2/Users", test.body, test.header...))
			if test.want == 201 {
				if w.Code != 201 {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
				return
			}
			scimType := ""
			if test.want == 400 {
				scimType = scim.TypeInvalidSyntax
			}
			wantSCIMError(t, w, test.want, scimType)
		})
	}
}

// TestAcceptDecidesOnlyWhereThereIsABody: an answer without one suits every client, so no act is refused for it.
func TestAcceptDecidesOnlyWhereThereIsABody(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodDelete, "/Users/" + someID, 204},
		{http.MethodDelete, "/Groups/" + someID, 204},
		{http.MethodPatch, "/Groups/" + someID + "?excludedAttributes=members", 204},
		{http.MethodPatch, "/Groups/" + someID, 200},
		{http.MethodPut, "/Groups/" + someID, 406},
		{http.MethodPost, "/Groups", 406},
		{http.MethodPost, "/Bulk", 406},
		{http.MethodPost, "/.search", 406},
		{http.MethodGet, "/Groups/" + someID, 406},
		{http.MethodHead, "/Groups/" + someID, 406},
		{http.MethodGet, "/ServiceProviderConfig", 406},
	} {
		s := newServer(&crowdStore{}, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		w := serve(s, request(test.method, "/scim/v2"+test.path, `{"Operations":[]}`, "Accept", "text/xml"))
		if w.Code != test.want {
			t.Errorf("%s %s: got %d %s, want %d", test.method, test.path, w.Code, w.Body, test.want)
		}
	}
}

var _ resourceStore = (*store.Store)(nil)

func TestWhatTheClientHasIsNotEncodedAgain(t *testing.T) {
	s, _ := testServer(func(ctx context.Context) (scim.Resource, error) {
		res, err := found(ctx)
		res["userName"] = func() {} // nothing that can be encoded
		return res, err
	})
	path := "/scim/v2/Users/" + someID + "?excludedAttributes=groups"
	if w := serve(s, request("GET", path, "", "If-None-Match", `W/"3"`)); w.Code != http.StatusNotModified || w.Header().Get("ETag") != `W/"3"` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := serve(s, request("GET", path, "", "If-None-Match", `W/"2"`)); w.Code != http.StatusInternalServerError {
		t.Errorf("it can be encoded: %d", w.Code)
	}
}
