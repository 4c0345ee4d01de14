package kube

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// corrupter answers every request for a resource with an object that the type cannot hold.
type corrupter struct {
	resource string
	on       *atomic.Bool
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *corrupter) RoundTrip(r *http.Request) (*http.Response, error) {
	if !c.on.Load() || !strings.HasSuffix(r.URL.Path, "/"+c.resource) {
		return c.next.RoundTrip(r)
	}
	object := `{"apiVersion": "provisioning.rservice.dev/v1alpha1", "kind": "Person", "metadata": {"name": "x"}, "spec": {"name": 4711}}`
	body := `{"apiVersion": "provisioning.rservice.dev/v1alpha1", "kind": "PersonList", "metadata": {"resourceVersion": "1"}, "items": [` + object + `]}`
	if r.URL.Query().Get("watch") != "" {
		body = `{"type": "ADDED", "object": ` + object + `}`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}, nil
}

// TestUnreadableKind starts a manager for which one kind cannot be read.
func TestUnreadableKind(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	namespace := env.Namespace(t.Context(), t)
	var corrupt atomic.Bool
	corrupt.Store(true)
	config := rest.CopyConfig(env.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &corrupter{"persons", &corrupt, next} })

	clk := clocktesting.NewFakeClock(time.Now())
	health := NewInformerHealth(&v1alpha1.ScimUser{})
	health.clock = clk
	mgr, err := NewManager(config, Options{Namespaces: []string{namespace}, MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true, Informers: health})
	g.Expect(err).NotTo(HaveOccurred())
	// Controllers wait for the kind, and after this time the process would end, again and again.
	g.Expect(mgr.GetControllerOptions().CacheSyncTimeout).To(BeNumerically(">", 365*24*time.Hour))
	for _, obj := range []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.Person{}} {
		_, err := mgr.GetCache().GetInformer(t.Context(), obj, cache.BlockUntilSynced(false))
		g.Expect(err).NotTo(HaveOccurred())
	}
	serving := make(chan struct{})
	g.Expect(mgr.Add(everywhere(func(ctx context.Context) error {
		close(serving)
		<-ctx.Done()
		return nil
	}))).To(Succeed())
	complete := make(chan bool, 1)
	g.Expect(mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		complete <- mgr.GetCache().WaitForCacheSync(ctx)
		return nil
	}))).To(Succeed())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		stop()
		g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
	}()

	g.Eventually(serving).Should(BeClosed(), "what serves does not wait for Persons")
	g.Eventually(func() []Fault {
		clk.Step(faultLasts)
		return health.Faults()
	}).Should(ConsistOf(And(
		HaveField("Kind", "Person"), HaveField("Reason", v1alpha1.ReasonUnreadable),
		HaveField("Message", And(ContainSubstring("spec.name"), Not(ContainSubstring("4711")))))))
	g.Expect(health.Ready(nil)).To(Succeed())
	g.Expect(complete).NotTo(Receive(), "controllers wait")

	corrupt.Store(false)
	g.Eventually(health.Faults).Should(BeEmpty())
	g.Eventually(complete).Should(Receive(BeTrue()), "controllers begin")
	g.Expect(ended).NotTo(Receive())
}

// everywhere is a Runnable of every replica.
type everywhere func(context.Context) error

// Start implements manager.Runnable.
func (e everywhere) Start(ctx context.Context) error { return e(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (e everywhere) NeedLeaderElection() bool { return false }

// TestExecutionsAreReadByTheLeader holds the election's Lease until a replica that does not lead has read what it needs.
func TestExecutionsAreReadByTheLeader(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	namespace := env.Namespace(t.Context(), t)
	scheme, err := NewScheme()
	g.Expect(err).NotTo(HaveOccurred())
	admin, err := client.New(env.Config, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	held := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "scim-operator." + v1alpha1.GroupVersion.Group},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("another replica"), LeaseDurationSeconds: new(int32(3600)), AcquireTime: new(metav1.NowMicro()), RenewTime: new(metav1.NowMicro()),
		},
	}
	g.Expect(admin.Create(t.Context(), held)).To(Succeed())

	var asked atomic.Int32
	config := rest.CopyConfig(env.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return tripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/automationruleexecutions") {
				asked.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	mgr, err := NewManager(config, Options{
		LeaderElection: true, LeaderElectionNamespace: namespace, MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true,
		Informers: NewInformerHealth(&v1alpha1.ScimUser{}),
	})
	g.Expect(err).NotTo(HaveOccurred())
	synced := map[string]func() bool{}
	for name, obj := range map[string]client.Object{"user": &v1alpha1.ScimUser{}, "person": &v1alpha1.Person{}, "execution": &v1alpha1.AutomationRuleExecution{}} {
		informer, err := mgr.GetCache().GetInformer(t.Context(), obj, cache.BlockUntilSynced(false))
		g.Expect(err).NotTo(HaveOccurred())
		synced[name] = informer.HasSynced
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		stop()
		g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
	}()

	g.Eventually(synced["user"]).Should(BeTrue())
	g.Eventually(synced["person"]).Should(BeTrue(), "the webhook needs them on every replica")
	g.Expect(asked.Load()).To(BeZero())
	g.Expect(synced["execution"]()).To(BeFalse())

	g.Expect(admin.Delete(t.Context(), held)).To(Succeed())
	g.Eventually(synced["execution"]).Should(BeTrue(), "it leads")
}

// tripper is a http.RoundTripper.
type tripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
