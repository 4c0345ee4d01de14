package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

const (
	speedRounds  = 5
	speedUsers   = 300
	speedClients = 16
)

var _ = Describe("kine beside etcd", func() {
	It("imports users, in turns, and tells how fast", func(ctx SpecContext) {
		overKine()
		etcd, err := testenv.StartOwn(func(o *controlplane.Options) {
			o.Storage, o.Durable, o.CompactionInterval = "", true, compaction
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return etcd.Stop() })
		var posted, mapped []float64
		for range speedRounds {
			postedEtcd, mappedEtcd := imported(ctx, etcd)
			postedKine, mappedKine := imported(ctx, env)
			posted = append(posted, postedEtcd.Seconds()/postedKine.Seconds())
			mapped = append(mapped, mappedEtcd.Seconds()/mappedKine.Seconds())
			fmt.Printf("imported %d users: etcd %s, %s until mapped; kine %s, %s\n", speedUsers, postedEtcd, mappedEtcd, postedKine, mappedKine)
		}
		slices.Sort(posted)
		slices.Sort(mapped)
		fmt.Printf("kine's speed as a part of etcd's, median of %d rounds (least to most): POST %.2f (%.2f to %.2f), until mapped %.2f (%.2f to %.2f)\n",
			speedRounds, posted[speedRounds/2], posted[0], posted[speedRounds-1], mapped[speedRounds/2], mapped[0], mapped[speedRounds-1])
	}, NodeTimeout(30*time.Minute))
})

// imported is how long clients took to create users in a new tenant of a control plane, and until all had their Person.
func imported(ctx SpecContext, where *testenv.Env) (posted, mapped time.Duration) {
	GinkgoHelper()
	before, beforeDirect := env, direct
	env, direct = where, suite.Client(where.Config, rbacv1.AddToScheme)
	defer func() { env, direct = before, beforeDirect }()
	t := newTenant(ctx)
	process := t.start(ctx)
	t.samplesReady(ctx)
	t.mapped(ctx, t.createUsers(ctx, "warm", 1)[0])
	began := time.Now()
	var next atomic.Int64
	var clients sync.WaitGroup
	for range speedClients {
		clients.Go(func() {
			defer GinkgoRecover()
			for i := next.Add(1); i <= speedUsers; i = next.Add(1) {
				name := fmt.Sprintf("user-%d@example.com", i)
				content := fmt.Sprintf(`"userName": %q, "displayName": %q, "emails": [{"value": %q, "primary": true}]`, name, name, name)
				t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(content))
			}
		})
	}
	clients.Wait()
	posted = time.Since(began)
	Eventually(func() (int, error) { return t.ready(ctx) }).Should(Equal(speedUsers + 1))
	mapped = time.Since(began)
	Expect(process.stop(syscall.SIGTERM)).To(Succeed())
	return posted.Round(time.Millisecond), mapped.Round(time.Millisecond)
}

// ready counts the users that have their Person.
func (t *tenant) ready(ctx context.Context) (ready int, err error) {
	var users v1alpha1.ScimUserList
	err = direct.List(ctx, &users, client.InNamespace(t.namespace))
	for i := range users.Items {
		if meta.IsStatusConditionTrue(users.Items[i].Status.Conditions, v1alpha1.ConditionReady) {
			ready++
		}
	}
	return ready, err
}
