package scimserver_test

import (
	"net/http"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/api/kube"
)

// marks notes which calls to the API server are those of SCIM requests.
type marks struct {
	next http.RoundTripper
	mu   *sync.Mutex
	// live and others are the kinds that were written.
	live, others map[string]int
}

// RoundTrip implements http.RoundTripper.
func (m *marks) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, rest, ok := strings.Cut(r.URL.Path, "/namespaces/"); ok && r.Method != http.MethodGet {
		kind := strings.Split(rest, "/")[1]
		m.mu.Lock()
		if kube.IsLive(r.Context()) {
			m.live[kind]++
		} else {
			m.others[kind]++
		}
		m.mu.Unlock()
	}
	return m.next.RoundTrip(r)
}

var _ = It("marks its calls to the API server, which go before those of the controllers", func(ctx SpecContext) {
	namespace := env.Namespace(ctx, GinkgoT())
	newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
	seen := &marks{mu: &sync.Mutex{}, live: map[string]int{}, others: map[string]int{}}
	r := startReplica(ctx, namespace, func(config *rest.Config) {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return &marks{next: next, mu: seen.mu, live: seen.live, others: seen.others}
		})
	})
	c := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
	id := c.create(ctx, "/Users", user("babs@example.com"))
	team := c.create(ctx, "/Groups", group("Guides", id))
	Expect(c.do(ctx, "PATCH", "/Users/"+id, operations(map[string]any{"op": "replace", "path": "userName", "value": "barbara"}))).To(haveStatus(200))
	Expect(c.do(ctx, "POST", "/Bulk", map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"},
		"Operations": []any{map[string]any{"method": "POST", "path": "/Users", "bulkId": "a", "data": user("anna")}},
	})).To(haveStatus(200))
	Expect(c.do(ctx, "DELETE", "/Groups/"+team, nil)).To(haveStatus(204))

	seen.mu.Lock()
	defer seen.mu.Unlock()
	// Secrets are the salt.
	delete(seen.live, "secrets")
	Expect(seen.live).To(And(HaveLen(3), HaveKey("scimusers"), HaveKey("scimgroups"), HaveKey("leases")))
	// When a token was last used is written beside all requests.
	delete(seen.others, "scimendpoints")
	Expect(seen.others).To(BeEmpty())
})
