package okta

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/hack/oktasim/internal/report"
)

// attempt is what comes of one attempt: an answer, or an error.
type attempt struct {
	status int
	body   string
	header http.Header
	err    error
}

func answer(status int, body string, header ...string) attempt {
	a := attempt{status: status, body: body, header: http.Header{"Content-Type": {"application/scim+json"}}}
	for i := 0; i < len(header); i += 2 {
		a.header.Set(header[i], header[i+1])
	}
	return a
}

func fails(err error) attempt { return attempt{err: err} }

// script answers attempts one by one; an attempt past its end is an error.
type script struct {
	t        *testing.T
	attempts []attempt
	seen     []*http.Request
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, r)
	if len(s.attempts) == 0 {
		s.t.Error("one attempt too many")
		return nil, errors.New("no more answers")
	}
	a := s.attempts[0]
	s.attempts = s.attempts[1:]
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

var (
	refused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	reset   = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset")}
)

const (
	okBody    = `{"id":"1"}`
	errorBody = `{"schemas":["` + ErrorURN + `"],"status":"429","detail":"slow down"}`
)

func TestDo(t *testing.T) {
	type attempts = []attempt
	busy := answer(429, errorBody, "Retry-After", "3")
	lost := answer(502, "Bad Gateway", "Content-Type", "text/plain")
	tests := map[string]struct {
		answers attempts
		waits   []time.Duration
		unsure  bool
		failed  int
		err     string
		ingress bool
	}{
		"an answer at once needs no wait": {answers: attempts{answer(200, okBody)}},
		"a refused connection is tried again with growing pauses, and was surely not carried out": {
			answers: attempts{fails(refused), fails(refused), answer(200, okBody)},
			waits:   []time.Duration{200 * time.Millisecond, 400 * time.Millisecond},
		},
		"a lost answer is tried again, and may have been carried out": {
			answers: attempts{fails(reset), answer(200, okBody)}, waits: []time.Duration{200 * time.Millisecond}, unsure: true,
		},
		"whole seconds of Retry-After are waited for": {
			answers: attempts{busy, answer(200, okBody)}, waits: []time.Duration{3 * time.Second},
		},
		"a server that is unavailable may have begun": {
			answers: attempts{answer(503, errorBody, "Retry-After", "1"), answer(200, okBody)}, waits: []time.Duration{time.Second}, unsure: true,
		},
		"a date in Retry-After is a failed check": {
			answers: attempts{answer(429, errorBody, "Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"), answer(200, okBody)},
			waits:   []time.Duration{time.Second}, failed: 1,
		},
		"a server that stays busy ends the run": {
			answers: attempts{busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy},
			waits:   []time.Duration{3e9, 3e9, 3e9, 3e9, 3e9, 3e9, 3e9, 3e9, 3e9, 3e9}, err: "still 429",
		},
		"a server that stays away ends the run": {
			answers: attempts{fails(refused), fails(refused), fails(refused), fails(refused), fails(refused), fails(refused)},
			waits:   []time.Duration{2e8, 4e8, 8e8, 16e8, 2e9}, err: "no answer for 5s",
		},
		"plain text is a failed check":         {answers: attempts{answer(200, "hello", "Content-Type", "text/plain")}, failed: 2},
		"an error without a body fails":        {answers: attempts{answer(500, "")}, failed: 1},
		"an error that is no SCIM error fails": {answers: attempts{answer(500, okBody)}, failed: 1},
		"no content needs no body":             {answers: attempts{answer(204, "")}},
		"an ingress that has lost the server is tried again, and the server may have carried the request out": {
			ingress: true, answers: attempts{lost, answer(200, okBody)}, waits: []time.Duration{200 * time.Millisecond}, unsure: true,
		},
		"without an ingress its answer is a failed check": {answers: attempts{lost}, failed: 2},
		"the server's own 503 is not the ingress's": {
			ingress: true, answers: attempts{answer(503, errorBody), answer(200, okBody)}, waits: []time.Duration{time.Second}, unsure: true, failed: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rep := &report.Report{}
			transport := &script{t: t, attempts: tc.answers}
			c := New("http://scim.example/", "secret", transport, 5*time.Second)
			c.Ingress = tc.ingress
			var observed []Attempt
			c.Observe = func(a Attempt) { observed = append(observed, a) }
			now := time.Now()
			var waits []time.Duration
			c.Now = func() time.Time { return now }
			c.Sleep = func(_ context.Context, d time.Duration) error {
				waits, now = append(waits, d), now.Add(d)
				return nil
			}
			got, err := c.Do(t.Context(), rep.Step("test", ""), Request{Method: http.MethodPost, Path: "/Users", Body: map[string]any{"a": 1}})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v, want one with %q", err, tc.err)
				}
			} else if err != nil || got.Unsure != tc.unsure {
				t.Fatalf("error %v, answer %+v, want unsure %t", err, got, tc.unsure)
			}
			if diff := cmp.Diff(tc.waits, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			if rep.Failed() != tc.failed {
				t.Errorf("%d failed checks, want %d: %q", rep.Failed(), tc.failed, rep.Failures())
			}
			if len(observed) != len(transport.seen) {
				t.Errorf("%d attempts were observed, want %d", len(observed), len(transport.seen))
			}
			checkRequests(t, transport.seen)
		})
	}
}

// checkRequests checks that every attempt has Okta's headers and the whole body.
func checkRequests(t *testing.T, requests []*http.Request) {
	t.Helper()
	for _, r := range requests {
		got := []string{r.Method, r.URL.String()}
		for _, name := range []string{"Authorization", "User-Agent", "Accept", "Content-Type"} {
			got = append(got, r.Header.Get(name))
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"POST", "http://scim.example/Users", "Bearer secret", "Okta SCIM Client 1.0.0", "application/scim+json",
			"application/scim+json; charset=utf-8", `{"a":1}`}
		if diff := cmp.Diff(want, append(got, string(body))); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestQueryQuotesTheValueAndTheURL(t *testing.T) {
	got := Query("/Users", "userName", `a+"b\ c`)
	want := `/Users?filter=userName%20eq%20%22a%2B%5C%22b%5C%5C%20c%22&startIndex=1&count=100`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestResource(t *testing.T) {
	r, err := decodeResource([]byte(`{"n":1,"text":"1","list":[{"value":"a"},{"value":"b"}],"urn:x.y:2.0":{"k":"v"},"schemas":["URN:A"]}`))
	if err != nil {
		t.Fatal(err)
	}
	n, isInt := r.Int("n")
	_, textIsInt := r.Int("text")
	got := []any{n, isInt, textIsInt, r.Text("list", "value"), r.Text("urn:x.y:2.0", "k"), r.Text("list", "value", "deeper"), len(r.List("list")), r.HasSchema("urn:a")}
	if diff := cmp.Diff([]any{1, true, false, "a", "v", "", 2, true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := decodeResource([]byte(`{} {}`)); err == nil {
		t.Error("two objects were taken for one")
	}
}
