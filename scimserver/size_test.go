package scimserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

const (
	manyUsers = 2000
	manySome  = 500
	// patchers is the number of clients that change one group at the same time.
	patchers = 16
)

// createMany creates users through the replicas in turn, and returns their ids.
func createMany(ctx context.Context, replicas []scimClient, n int) []string {
	GinkgoHelper()
	ids := make([]string, n)
	creating, within := errgroup.WithContext(ctx)
	creating.SetLimit(patchers)
	for i := range n {
		creating.Go(func() error {
			a, err := replicas[i%len(replicas)].try(within, http.MethodPost, "/Users", user(fmt.Sprintf("user-%04d@example.com", i)))
			if err == nil && a.Status != http.StatusCreated {
				err = fmt.Errorf("%d %s", a.Status, a.Raw)
			}
			ids[i] = a.id()
			return err
		})
	}
	Expect(creating.Wait()).To(Succeed())
	return ids
}

// writeLimit is how many writes of pages of members succeed; 0 means all.
type writeLimit struct{ writes, limit atomic.Int64 }

// tiredNetwork fails all writes of pages beyond the limit.
type tiredNetwork struct {
	*writeLimit
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (n *tiredNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	limit := n.limit.Load()
	if limit > 0 && (r.Method == http.MethodPut || r.Method == http.MethodPost) && strings.Contains(r.URL.Path, "/scimgrouppages") && n.writes.Add(1) > limit {
		return nil, &net.OpError{Op: "write", Net: "tcp", Err: errors.New("connection reset")}
	}
	return n.next.RoundTrip(r)
}

var _ = Describe("Large groups", func() {
	It("keep their members, whatever is done with them and however often", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		network := &writeLimit{}
		tired := startReplica(ctx, namespace, func(config *rest.Config) {
			config.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return &tiredNetwork{writeLimit: network, next: next}
			})
		})
		other := scimClient{base: tired.url + "/scim/v2", token: c.token}
		users := createMany(ctx, []scimClient{c, other}, manyUsers)
		path := "/Groups/" + c.create(ctx, "/Groups", group("Everybody"))
		check := func(what string, want []string) {
			GinkgoHelper()
			Eventually(func(g Gomega) { // what was written through the other replica comes a moment later
				read := c.do(ctx, "GET", path, nil)
				g.Expect(read).To(haveStatus(200), what)
				got := make(map[string]bool, len(want))
				for _, id := range read.members() {
					got[id] = true
				}
				missing := 0
				for _, id := range want {
					if !got[id] {
						missing++
					}
				}
				g.Expect([]int{len(got), missing}).To(Equal([]int{len(want), 0}), what+": members, and those missing")
			}).Should(Succeed())
		}

		By("replacing all members by a request that fails half-way, and repeating it")
		network.limit.Store(2)
		Expect(other.do(ctx, "PUT", path, group("Everybody", users...))).To(beError(503, ""))
		network.limit.Store(0)
		Expect(other.do(ctx, "PUT", path, group("Everybody", users...))).To(haveStatus(200))
		check("PUT of all", users)

		for _, step := range []struct {
			name string
			op   map[string]any
			want []string
		}{
			{"remove one", op("remove", `members[value eq "`+users[0]+`"]`, nil), users[1:]},
			{"add one", op("add", "members", values(users[0])), users},
			{"remove some", op("remove", "members", values(users[:manySome]...)), users[manySome:]},
			{"remove some again", op("remove", "members", values(users[:manySome]...)), users[manySome:]},
			{"add some", op("add", "members", values(users[:manySome]...)), users},
			{"replace", op("replace", "members", values(users[manySome:2*manySome]...)), users[manySome : 2*manySome]},
			{"empty", op("replace", "members", []any{}), nil},
		} {
			answered := 200
			if len(step.want) > 1000 {
				answered = 204
			}
			Expect(c.do(ctx, "PATCH", path, operations(step.op))).To(haveStatus(answered), step.name)
			check(step.name, step.want)
		}

		By("letting clients add and remove at the same time through two replicas")
		Expect(c.do(ctx, "PUT", path, group("Everybody", users[:manySome]...))).To(haveStatus(200))
		Eventually(func() int { return len(other.do(ctx, "GET", path, nil).members()) }).Should(Equal(manySome))
		answers := race(ctx, []scimClient{c, other}, patchers, func(ctx context.Context, c scimClient, i int) (answer, error) {
			share := manySome / patchers
			leaving, joining := users[i*share:(i+1)*share], users[manySome+i*share:manySome+(i+1)*share]
			return c.try(ctx, "PATCH", path, operations(op("remove", "members", values(leaving...)), op("add", "members", values(joining...))))
		})
		Expect(statuses(answers)).To(Equal(map[int]int{http.StatusOK: patchers}))
		moved := manySome / patchers * patchers
		check("all patches", users[moved:manySome+moved])

		By("deleting the group, which leaves its members")
		Expect(c.do(ctx, "DELETE", path, nil)).To(haveStatus(204))
		Expect(c.do(ctx, "GET", path, nil)).To(beError(404, ""))
		Expect(c.do(ctx, "GET", "/Users?count=0&filter=groups+pr", nil).Body).To(HaveKeyWithValue("totalResults", 0.0))
		Expect(c.do(ctx, "GET", "/Users?count=0", nil).Body).To(HaveKeyWithValue("totalResults", float64(manyUsers)))
	})

	It("can have groups as members, which are returned as such", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		inner := c.create(ctx, "/Groups", group("Inner", babs))
		outer := c.create(ctx, "/Groups", group("Outer", inner))
		Expect(c.do(ctx, "GET", "/Groups/"+outer, nil).Body).To(HaveKeyWithValue("members", ConsistOf(And(
			HaveKeyWithValue("value", inner), HaveKeyWithValue("type", "Group"), HaveKeyWithValue("display", "Inner"),
			HaveKeyWithValue("$ref", c.base+"/Groups/"+inner)))))
		Expect(c.membersAfter(ctx, "/Groups/"+outer, op("add", "members", values(babs)))).To(ConsistOf(inner, babs))
		Expect(c.do(ctx, "PATCH", "/Groups/"+outer, operations(op("add", "members", values(outer))))).To(beError(400, "invalidValue"))
		Expect(c.do(ctx, "DELETE", "/Groups/"+inner, nil)).To(haveStatus(204))
		Expect(c.do(ctx, "GET", "/Groups/"+outer, nil).members()).To(Equal([]string{babs}))
	})
})
