package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// slowServer is an API server that answers a call when it is told to. Time is that of the test alone: it passes when
// everybody waits.
type slowServer struct {
	t     *testing.T
	bound *boundCalls
	// mu is for calls that come at once: whoever looks waits for all of them.
	mu sync.Mutex
	// underWay are calls that have come to it, by namespace.
	underWay map[string][]chan struct{}
	// kind is of what kind the last call of a namespace was: "live" or "other".
	kind   map[string]string
	failed []error
}

func newSlowServer(t *testing.T, limit int) *slowServer {
	t.Helper()
	s := &slowServer{t: t, underWay: make(map[string][]chan struct{}), kind: make(map[string]string)}
	c := newCallers()
	c.limit = limit
	s.bound = &boundCalls{s, c}
	return s
}

// RoundTrip implements http.RoundTripper.
func (s *slowServer) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan struct{})
	namespace := namespaceOf(r)
	s.mu.Lock()
	s.underWay[namespace] = append(s.underWay[namespace], answered)
	s.kind[namespace] = "other"
	if IsLive(r.Context()) {
		s.kind[namespace] = "live"
	}
	s.mu.Unlock()
	<-answered
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// call sends n calls with a body of so many bytes, and returns when each has come to the server or waits for it.
func (s *slowServer) call(ctx context.Context, namespace string, n, size int) {
	for range n {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api/apis/g/v1/namespaces/"+namespace+"/things", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			s.t.Fatal(err)
		}
		go func() {
			response, err := s.bound.RoundTrip(request)
			if err != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.failed = append(s.failed, err)
				return
			}
			_ = response.Body.Close()
		}()
		synctest.Wait()
	}
}

// answer answers the first n calls of a namespace.
func (s *slowServer) answer(namespace string, n int) {
	for _, answered := range s.underWay[namespace][:n] {
		close(answered)
		synctest.Wait()
	}
	s.underWay[namespace] = s.underWay[namespace][n:]
}

func (s *slowServer) want(namespace string, n int, why string) {
	s.t.Helper()
	if got := len(s.underWay[namespace]); got != n {
		s.t.Errorf("%s: %d calls of namespace %s are under way, want %d", why, got, namespace, n)
	}
}

// end answers all that there are.
func (s *slowServer) end() {
	for again := true; again; {
		again = false
		for namespace, calls := range s.underWay {
			again = again || len(calls) > 0
			s.answer(namespace, len(calls))
		}
	}
}

func TestNamespacesShareTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(t, 2)
		defer s.end()
		s.call(t.Context(), "loud", 10, 0)
		s.want("loud", 10, "who calls alone is not bound")

		s.call(t.Context(), "quiet", 3, 0)
		s.want("quiet", 2, "beside others each has a few, at once")
		s.call(t.Context(), "loud", 1, 0)
		s.answer("loud", 8)
		s.want("loud", 2, "what was under way goes on, and nothing new comes before there is room")
		s.answer("loud", 1)
		s.want("loud", 2, "the one that waited")
		s.answer("quiet", 1)
		s.want("quiet", 2, "the one that waited")

		s.call(t.Context(), "loud", 5, 0)
		s.answer("quiet", 2)
		<-time.After(calledLately - time.Millisecond)
		s.answer("loud", 1)
		s.want("loud", 2, "between two calls one is not forgotten at once")
		<-time.After(time.Millisecond)
		s.answer("loud", 1)
		s.want("loud", 5, "alone again")
	})
}

func TestCallsOfRequestsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(t, 1)
		defer s.end()
		s.call(t.Context(), "quiet", 1, 0)
		s.call(t.Context(), "loud", 4, 0)
		s.call(Live(t.Context()), "loud", 5, 0)
		s.answer("loud", 1)
		for i, want := range []string{"live", "live", "live", "other", "live", "live", "other", "other"} {
			if got := s.kind["loud"]; got != want {
				t.Errorf("call %d is one of kind %s, want %s", i, got, want)
			}
			s.want("loud", 1, "one after the other")
			s.answer("loud", 1)
		}
		s.want("loud", 0, "all are answered")
	})
}

func TestCallsOfRequestsDoNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(t, 1)
		defer s.end()
		s.call(t.Context(), "quiet", 1, 0)
		s.call(Live(t.Context()), "loud", 2, 0)
		s.call(t.Context(), "loud", 10, 100*callSize)
		others := 0
		for range 20 {
			s.call(Live(t.Context()), "loud", 1, 0)
			s.answer("loud", 1)
			if s.kind["loud"] == "other" {
				others++
			}
		}
		if others != 5 {
			t.Errorf("%d of 20 calls were others, want each fourth", others)
		}
	})
}

func TestCallsThatAreNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		ctx      func(context.Context) context.Context
		repeated bool
		want     bool
	}{
		"a write":                      {OneWrite, false, true},
		"a write that was sent before": {OneWrite, true, false},
		"another call":                 {Live, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSlowServer(t, 1)
				defer s.end()
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				ctx := c.ctx(short)
				s.call(t.Context(), "quiet", 1, 0)
				if c.repeated {
					s.call(ctx, "loud", 1, 0)
					s.answer("loud", 1)
				}
				s.call(t.Context(), "loud", 1, 0)
				s.call(ctx, "loud", 1, 0)
				<-short.Done()
				synctest.Wait()
				if len(s.failed) != 1 || !errors.Is(s.failed[0], context.DeadlineExceeded) || NotSent(s.failed[0]) != c.want {
					t.Errorf("failed: %v, want one of which it is %t that it was not sent", s.failed, c.want)
				}
			})
		})
	}
}

func TestLargeCallsCountAsSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(t, 4)
		defer s.end()
		s.call(t.Context(), "quiet", 1, 0)
		s.call(t.Context(), "loud", 1, 100*callSize)
		s.want("loud", 1, "none is too large")
		s.call(t.Context(), "loud", 3, callSize)
		s.want("loud", 1, "and it is all that there is room for")
		s.answer("loud", 1)
		s.want("loud", 2, "two and two are four")
	})
}

func TestWhoGivesUpWaitingHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(t, 2)
		defer s.end()
		s.call(t.Context(), "quiet", 1, 0)
		s.call(t.Context(), "loud", 1, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		s.call(ctx, "loud", 1, callSize)
		s.call(t.Context(), "loud", 1, 0)
		s.want("loud", 1, "in the order of arrival")
		cancel(errors.New("the client is gone"))
		synctest.Wait()
		s.want("loud", 2, "who waited behind it")
		if len(s.failed) != 1 {
			t.Errorf("%d calls have failed, want 1", len(s.failed))
		}
		s.end()
		<-time.After(calledLately)
		s.call(t.Context(), "other", 1, 0)
		if n := len(s.bound.callers.namespaces); n != 1 {
			t.Errorf("%d namespaces are remembered, want the one that calls", n)
		}
	})
}

func TestNamespaceOfACall(t *testing.T) {
	for url, want := range map[string]string{
		"https://api/api/v1/namespaces/a/secrets/s":                "a",
		"https://api/prefix/apis/g/v1/namespaces/a/things?limit=5": "a",
		"https://api/apis/g/v1/namespaces/a/things?watch=true":     "",
		"https://api/apis/g/v1/things":                             "",
		"https://api/readyz":                                       "",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := namespaceOf(request); got != want {
			t.Errorf("%s is a call of namespace %q, want %q", url, got, want)
		}
	}
}

// callsAreBound reports whether the calls of all clients of a manager are bounded together.
func callsAreBound(mgr manager.Manager) bool {
	transport := mgr.GetHTTPClient().Transport
	for {
		if _, ok := transport.(*boundCalls); ok {
			return true
		}
		wrapper, ok := transport.(utilnet.RoundTripperWrapper)
		if !ok {
			return false
		}
		transport = wrapper.WrappedRoundTripper()
	}
}
