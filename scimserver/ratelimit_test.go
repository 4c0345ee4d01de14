package scimserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
)

func TestRates(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limits := newRates(func() time.Time { return now })
	limit := rateLimit{perSecond: 2, burst: 4}
	wait := func(key string, limit rateLimit, want time.Duration) {
		t.Helper()
		if got := limits.wait(key, limit); got != want {
			t.Fatalf("%s has to wait %s, want %s", key, got, want)
		}
	}
	for range 4 {
		wait("okta", limit, 0)
	}
	wait("okta", limit, 500*time.Millisecond)
	wait("okta", limit, 500*time.Millisecond) // a refused request does not count
	wait("another token", limit, 0)
	now = now.Add(500 * time.Millisecond)
	wait("okta", limit, 0)
	wait("okta", limit, 500*time.Millisecond)

	// Changed settings hold at once.
	wait("okta", rateLimit{}, 0)
	slow := rateLimit{perSecond: 1, burst: 1}
	wait("okta", slow, time.Second)
	now = now.Add(10 * time.Second)
	wait("okta", slow, 0)
	wait("okta", slow, time.Second)

	// Limiters do not pile up, and those in use are kept.
	for i := range 2 * maxIdleLimiters {
		now = now.Add(time.Second)
		wait(fmt.Sprint(i), slow, 0)
		limits.wait("busy", slow)
	}
	if len(limits.limiters) > maxIdleLimiters {
		t.Errorf("%d limiters are kept", len(limits.limiters))
	}
	wait("busy", slow, time.Second)
}

// twoTokens lets two tokens of one endpoint in, with a limit.
type twoTokens struct{ limit rateLimit }

func (a twoTokens) authenticate(ctx context.Context, token string) (*principal, error) {
	client, err := onlyGood{}.authenticate(ctx, goodToken)
	client.tokenID, client.rate = token, a.limit
	return client, err
}

func TestTooManyRequestsOfAToken(t *testing.T) {
	s, logs := testServer(found)
	s.auth = twoTokens{rateLimit{perSecond: 1, burst: 2}}
	now := time.Unix(1_800_000_000, 0)
	s.rates = newRates(func() time.Time { return now })
	path := "/scim/v2/Users/" + someID
	for range 2 {
		if w := serve(s, request("GET", path, "")); w.Code != 200 {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	w := serve(s, request("DELETE", path, ""))
	wantSCIMError(t, w, 429, "")
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	if len(logs.lines("Audit")) != 0 {
		t.Error("a request that was not looked at is in the audit log")
	}
	if w := serve(s, request("GET", path, "", "Authorization", "Bearer other")); w.Code != 200 {
		t.Errorf("another token of the endpoint gets %d", w.Code)
	}
	now = now.Add(time.Second)
	if w := serve(s, request("GET", path, "")); w.Code != 200 {
		t.Errorf("got %d after the time to wait", w.Code)
	}
}

func TestRefusedRequestsAtTheSameTimeTakeNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limits := newRates(func() time.Time { return now })
	limit := rateLimit{perSecond: 10, burst: 1}
	if got := limits.wait("okta", limit); got != 0 {
		t.Fatalf("the first request has to wait %s", got)
	}
	var refused sync.WaitGroup
	for range 1000 {
		refused.Go(func() {
			if got := limits.wait("okta", limit); got != 100*time.Millisecond {
				t.Errorf("a request has to wait %s, want 100ms", got)
			}
		})
	}
	refused.Wait()
	now = now.Add(100 * time.Millisecond)
	if got := limits.wait("okta", limit); got != 0 {
		t.Errorf("after the time to wait, there are another %s", got)
	}
}

// A large body counts as a request for each 64 KiB, those that come later pay for it, and a single one never locks a client out.
func TestLargeBodiesCountAsSeveralRequests(t *testing.T) {
	const path = "/scim/v2/Users"
	body := func(size int) string { return `{"userName":"a","x":"` + strings.Repeat("x", size) + `"}` }
	for name, test := range map[string]struct {
		size    int
		chunked bool
		// wait is how many seconds later the bucket of 8, of which one comes back a second, has room again.
		sent, wait int
	}{
		"small ones":                      {maxSmallBody / 2, false, 8, 1},
		"those of four":                   {3 * maxSmallBody, false, 2, 1},
		"those of four, unannounced":      {3 * maxSmallBody, true, 2, 1},
		"the largest count as half of it": {10 * maxSmallBody, false, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			s.auth = twoTokens{rateLimit{perSecond: 1, burst: 8}}
			now := time.Unix(1_800_000_000, 0)
			s.rates = newRates(func() time.Time { return now })
			for range test.sent {
				r := request(http.MethodPost, path, body(test.size))
				if test.chunked {
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body(test.size))), -1
				}
				if w := serve(s, r); w.Code != http.StatusCreated {
					t.Fatalf("got %d %s", w.Code, w.Body)
				}
			}
			w := serve(s, request(http.MethodPost, path, body(1)))
			wantSCIMError(t, w, http.StatusTooManyRequests, "")
			if got, want := w.Header().Get("Retry-After"), fmt.Sprint(test.wait); got != want {
				t.Errorf("Retry-After is %s, want %s", got, want)
			}
		})
	}
}

func TestWhatAnIssuersSubjectsTake(t *testing.T) {
	uses := newLastUse(nil, nil, logr.Discard(), time.Now)
	keys := map[string]bool{}
	for _, subject := range []string{"000000000000", "111111111111", "222222222222"} {
		p := &principal{tenant: "acme", endpoint: "okta", tokenID: issuerPrefix + subject, counted: issuerPrefix + "0"}
		keys[p.rateKey()] = true
		uses.note(p, "")
	}
	if len(keys) != 1 {
		t.Errorf("each subject has a rate of its own: %v", keys)
	}
	uses.note(&principal{tenant: "acme", endpoint: "okta", tokenID: clientPrefix + "entra"}, "")
	uses.note(&principal{tenant: "acme", endpoint: "okta", tokenID: "333333333333"}, "")
	if pending := uses.pending(); len(pending) != 2 {
		t.Errorf("got %v, want that of the token, and one for all others", pending)
	}
}
