package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/invariants"
	"rservice.dev/scim-operator/hack/kine"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// compaction is how long the API server keeps history here, so that tests see the end of it.
const compaction = 5 * time.Second

// startOverKine starts the control plane of the suite over kine and PostgreSQL, for this suite alone.
func startOverKine(ctx context.Context) {
	GinkgoHelper()
	var err error
	database, err = kine.Start(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return database.Stop() })
	//nolint:contextcheck // it lives as long as the suite
	env, err = testenv.StartOwn(func(o *controlplane.Options) { o.Storage, o.CompactionInterval = database.Endpoint(), compaction })
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return env.Stop() })
}

// overKine leaves a spec out where the API server stores in etcd.
func overKine() {
	if database == nil {
		Skip("this is about kine; see hack/kine/README.md")
	}
}

// twoReplicas starts two operators of a tenant behind an ingress. Neither ends because it finds no API server: how long the
// database is away here depends on the machine.
func (t *tenant) twoReplicas(ctx SpecContext) []*operator {
	GinkgoHelper()
	election := []string{"--leader-elect=true", "--leader-election-namespace=" + t.namespace, "--leader-election-lease=1h"}
	replicas := []*operator{t.start(ctx, election...), t.launch(ctx, testenv.FreeAddress(ctx, GinkgoT()), election...)}
	t.address = newIngress(replicas[0].address, replicas[1].address).address
	return replicas
}

// whole waits until the tenant's objects are as the invariants want them.
func (t *tenant) whole(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() ([]string, error) {
		held, err := invariants.Read(ctx, direct, t.namespace)
		if err != nil {
			return nil, err
		}
		return held.Problems(func(user *v1alpha1.ScimUser) bool { return strings.HasPrefix(user.Spec.UserName, "badge-") }), nil
	}).Should(BeEmpty())
}

// What happens to a database.
type fault struct {
	name    string
	inflict func(ctx context.Context)
}

// killed is PostgreSQL, killed and away for so long.
func killed(duration time.Duration) fault {
	return fault{fmt.Sprintf("PostgreSQL is killed and away for %s", duration), func(ctx context.Context) {
		GinkgoHelper()
		Expect(database.StopPostgres()).To(Succeed())
		select {
		case <-time.After(duration): // it is the fault itself that lasts
		case <-ctx.Done():
		}
		Expect(database.StartPostgres(ctx)).To(Succeed())
	}}
}

// disconnected ends kine's connections, as a proxy before the database or a failover does. PostgreSQL itself goes on, so that
// kine asks again at once, and may find what a write that it got no answer to has done.
var disconnected = fault{"the connections to PostgreSQL are cut, many times", func(ctx context.Context) {
	GinkgoHelper()
	const times = 100
	for range times {
		_, err := database.Query(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
		Expect(err).NotTo(HaveOccurred())
	}
}}

var kineKilled = fault{"kine is killed", func(ctx context.Context) {
	GinkgoHelper()
	Expect(database.StopKine(0)).To(Succeed())
	Expect(database.StartKine(ctx)).To(Succeed())
}}

var _ = Describe("over kine", func() {
	BeforeEach(overKine)

	It("loses, duplicates and leaves nothing when the database breaks under load", func(ctx SpecContext) {
		t := newTenant(ctx)
		replicas := t.twoReplicas(ctx)
		simulation := t.simulate(ctx, "-users", "60", "-groups", "6", "-workers", "8", "-settle-for", "1m")
		for i, fault := range []fault{killed(0), kineKilled, killed(20 * time.Second), disconnected} {
			Expect(t.reached(ctx, 60+60*i, simulation)).To(BeTrue(), "the simulation was over before "+fault.name)
			By(fault.name)
			fault.inflict(ctx)
		}
		Eventually(simulation.ended).WithContext(ctx).WithTimeout(25 * time.Minute).Should(BeClosed())
		Expect(simulation.err).NotTo(HaveOccurred())
		t.whole(ctx)
		for _, replica := range replicas {
			Expect(replica.ended).NotTo(Receive())
		}
	}, NodeTimeout(30*time.Minute))

	It("answers no POST with 409 about its own user when the database breaks in the middle", func(ctx SpecContext) {
		t := newTenant(ctx)
		t.twoReplicas(ctx)
		p := t.post(ctx)
		for range 3 {
			for _, fault := range []fault{killed(0), disconnected, kineKilled} {
				p.answered(50)
				By(fault.name)
				fault.inflict(ctx)
			}
		}
		p.answered(50)
		acknowledged := p.stop()
		By(fmt.Sprintf("%d users were acknowledged, %d POSTs had to be repeated", len(acknowledged), p.repeated.Load()))

		var users v1alpha1.ScimUserList
		Expect(direct.List(ctx, &users, client.InNamespace(t.namespace))).To(Succeed())
		stored := map[string][]string{}
		for i := range users.Items {
			stored[users.Items[i].Spec.UserName] = append(stored[users.Items[i].Spec.UserName], users.Items[i].Name)
		}
		for name, id := range acknowledged {
			Expect(stored[name]).To(HaveLen(1), name)
			Expect(id).To(Or(BeEmpty(), Equal(stored[name][0])), name)
		}
		t.whole(ctx)
	}, NodeTimeout(20*time.Minute))
})

// posting is clients that create users, as fast as they are answered.
type posting struct {
	clients        sync.WaitGroup
	done           chan struct{}
	made, repeated atomic.Int64

	mu sync.Mutex
	// acknowledged are the users by their names; without an id where only a repeated POST was answered, with 409.
	acknowledged map[string]string
}

func (t *tenant) post(ctx context.Context) *posting {
	p := &posting{done: make(chan struct{}), acknowledged: map[string]string{}}
	for worker := range 8 {
		p.clients.Go(func() {
			defer GinkgoRecover()
			for i := 0; ; i++ {
				select {
				case <-p.done:
					return
				case <-ctx.Done():
					return
				default:
					p.create(ctx, t, fmt.Sprintf("user-%d-%d@example.com", worker, i))
				}
			}
		})
	}
	return p
}

// create makes a user and repeats what was answered with 503, as every client does.
func (p *posting) create(ctx context.Context, t *tenant, name string) {
	body := bodyOf(fmt.Sprintf(`"userName": %q, "displayName": %q, "emails": [{"value": %q, "primary": true}]`, name, name, name))
	allowed := []int{http.StatusCreated, http.StatusServiceUnavailable}
	for {
		got := t.send(ctx, http.MethodPost, "/Users", body)
		Expect(got.status).To(BeElementOf(allowed), "%s: %v", name, got.body)
		if got.status != http.StatusServiceUnavailable {
			p.acknowledge(name, got.id())
			return
		}
		// From now on it may be there.
		allowed = slices.Concat(allowed, []int{http.StatusConflict})
		p.repeated.Add(1)
		select {
		case <-time.After(time.Second): // Retry-After asks for five
		case <-ctx.Done():
			return
		}
	}
}

func (p *posting) acknowledge(name, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acknowledged[name] = id
	p.made.Add(1)
}

// answered waits for so many more users.
func (p *posting) answered(number int64) {
	GinkgoHelper()
	before := p.made.Load()
	Eventually(p.made.Load).Should(BeNumerically(">=", before+number))
}

func (p *posting) stop() map[string]string {
	close(p.done)
	p.clients.Wait()
	return p.acknowledged
}
