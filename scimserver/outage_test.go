package scimserver_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
)

// network is a connection to the API server that a test can cut.
type network struct {
	cut  *atomic.Bool
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper. Watches that are open go on, as they
// do when a load balancer takes no new connections.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.cut.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return n.next.RoundTrip(r)
}

var _ = It("asks clients to come back when the API server is away", func(ctx SpecContext) {
	namespace := env.Namespace(ctx, GinkgoT())
	newEndpoint(ctx, namespace, "okta", tokenFor(namespace))
	var cut atomic.Bool
	r := startReplica(ctx, namespace, func(config *rest.Config) {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return &network{cut: &cut, next: next}
		})
	})
	c := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
	id := c.create(ctx, "/Users", user("babs@example.com"))

	cut.Store(true)
	for _, a := range []answer{
		c.do(ctx, "POST", "/Users", user("anna@example.com")),
		c.do(ctx, "PUT", "/Users/"+id, user("barbara@example.com")),
		c.do(ctx, "DELETE", "/Users/"+id, nil),
		c.do(ctx, "GET", "/Users/"+noID, nil),
	} {
		Expect(a).To(beError(503, ""))
		Expect(a.Header.Get("Retry-After")).To(Equal("5"))
		Expect(strings.ToLower(a.Raw)).NotTo(Or(ContainSubstring("refused"), ContainSubstring("dial")))
	}
	By("serving what is in the cache meanwhile")
	Expect(c.do(ctx, "GET", "/Users/"+id, nil)).To(haveStatus(200))
	Expect(c.do(ctx, "GET", "/Users", nil).ids()).To(Equal([]string{id}))

	cut.Store(false)
	Expect(c.do(ctx, "PUT", "/Users/"+id, user("barbara@example.com"))).To(haveStatus(200))
	c.create(ctx, "/Users", user("anna@example.com"))
	Expect(r.logs.String()).NotTo(Or(ContainSubstring("babs"), ContainSubstring("barbara"), ContainSubstring("anna")))
})
