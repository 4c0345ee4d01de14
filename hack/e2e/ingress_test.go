package e2e

import (
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
)

// ingress is a reverse proxy that gives every request to the next of its backends, one
// after the other. Like an ingress that has not noticed yet that a backend is gone, it
// answers 503 in the place of one that cannot be reached or does not answer, and leaves
// it to the client to try again.
type ingress struct {
	address  string
	backends []string

	mu       sync.Mutex
	requests int
	// unanswered counts, by method, the requests that a backend may have begun to carry out.
	unanswered map[string]int
}

func newIngress(backends ...string) *ingress {
	i := &ingress{backends: backends, unanswered: map[string]int{}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      i.rewrite,
		Transport:    transport,
		ErrorHandler: i.unavailable,
		ErrorLog:     log.New(GinkgoWriter, "ingress: ", 0),
	})
	DeferCleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	i.address = strings.TrimPrefix(server.URL, "http://")
	return i
}

func (i *ingress) rewrite(r *httputil.ProxyRequest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r.SetURL(&url.URL{Scheme: "http", Host: i.backends[i.requests%len(i.backends)]})
	r.SetXForwarded()
	r.Out.Host = r.In.Host
	i.requests++
}

func (i *ingress) unavailable(w http.ResponseWriter, r *http.Request, _ error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.unanswered[r.Method]++
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

// interrupted returns, by method, how many requests were answered with 503.
func (i *ingress) interrupted() map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.unanswered)
}
