package store

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/scimserver/scim"
)

// gate keeps a replica's cache behind: while it is closed, nothing that watches tell comes through.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
}

func newGate() *gate {
	g := &gate{opened: make(chan struct{})}
	close(g.opened)
	return g
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	<-opened
}

func (g *gate) wrap(next http.RoundTripper) http.RoundTripper { return gated{g, next} }

type gated struct {
	*gate
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g gated) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.next.RoundTrip(r)
	if err == nil && r.URL.Query().Has("watch") {
		answer.Body = gatedBody{answer.Body, g.gate}
	}
	return answer, err
}

type gatedBody struct {
	io.ReadCloser
	gate *gate
}

// Read implements io.Reader.
func (b gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.gate.pass()
	return n, err
}

var _ = Describe("a name that somebody has given up or taken", func() {
	for _, kind := range []struct {
		rt        *scim.ResourceType
		attribute string
		named     func(name string) scim.Resource
	}{
		{scim.User, "userName", user},
		{scim.Group, "displayName", func(name string) scim.Resource { return group(name) }},
	} {
		It("is given to a new "+kind.rt.Name+", although the cache still has who had it", func(ctx SpecContext) {
			tenant, g := namespaceOf(ctx), newGate()
			a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient, g.wrap)
			DeferCleanup(g.open)
			known := func(name string) ([]string, error) {
				return b.idsBy(ctx, tenant, kind.rt, indexName, fold.String(name))
			}
			for name, leave := range map[string]func(id string) error{
				"renamed": func(id string) error {
					_, err := a.Update(within(ctx), tenant, kind.rt, id, "", set(kind.attribute, "other"))
					return err
				},
				"deleted": func(id string) error { return a.Delete(within(ctx), tenant, kind.rt, id, "") },
			} {
				left, err := a.Create(within(ctx), tenant, kind.rt, kind.named(name))
				Expect(err).NotTo(HaveOccurred())
				Eventually(known).WithArguments(name).WithContext(ctx).Should(ConsistOf(left.ID()))
				g.close()
				Expect(leave(left.ID())).To(Succeed())
				Expect(known(name)).To(ConsistOf(left.ID()), "the cache is not behind")
				created, err := b.Create(within(ctx), tenant, kind.rt, kind.named(name))
				Expect(err).NotTo(HaveOccurred(), name)
				g.open()
				Eventually(known).WithArguments(name).WithContext(ctx).Should(ConsistOf(created.ID()))
			}
			_, err := b.Create(within(ctx), tenant, kind.rt, kind.named("other"))
			Expect(err).To(haveStatus(409))
		})

		It("is not taken for free while the cache does not know that a "+kind.rt.Name+" has it now", func(ctx SpecContext) {
			tenant, g := namespaceOf(ctx), newGate()
			a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient, g.wrap)
			DeferCleanup(g.open)
			created, err := a.Create(within(ctx), tenant, kind.rt, kind.named("before"))
			Expect(err).NotTo(HaveOccurred())
			Eventually(b.idsBy).WithArguments(ctx, tenant, kind.rt, indexName, "before").Should(ConsistOf(created.ID()))
			g.close()
			_, err = a.Update(within(ctx), tenant, kind.rt, created.ID(), "", set(kind.attribute, "After"))
			Expect(err).NotTo(HaveOccurred())
			q := filter(kind.rt, kind.attribute+` eq "after"`)
			impatient, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err = b.List(impatient, tenant, kind.rt, q)
			Expect(err).To(MatchError(context.DeadlineExceeded))
			g.open()
			page, err := b.List(within(ctx), tenant, kind.rt, q)
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(ConsistOf(created.ID()))
		})
	}
})
