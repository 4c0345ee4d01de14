// Package suite is how every Ginkgo suite with a control plane begins, and how it runs managers. See ../README.md.
package suite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/hack/testenv"
)

// Run runs the package's specs. What must happen is waited for until testenv.Patience ends, also where a context is given.
func Run(t *testing.T, name string) {
	t.Helper()
	gomega.RegisterFailHandler(ginkgo.Fail)
	gomega.SetDefaultEventuallyTimeout(testenv.Patience)
	gomega.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	gomega.EnforceDefaultTimeoutsWhenUsingContexts()
	logf.SetLogger(ginkgo.GinkgoLogr)
	ginkgo.RunSpecs(t, name)
}

// Client returns a client that reads from the API server, as kubectl does. It knows the kinds that the operator does, and
// those that more adds.
func Client(cfg *rest.Config, more ...func(*runtime.Scheme) error) client.Client {
	ginkgo.GinkgoHelper()
	scheme, err := kube.NewScheme()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for _, add := range more {
		gomega.Expect(add(scheme)).To(gomega.Succeed())
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}

// NewManager returns an operator's manager for these namespaces, or with none for all, with the indexes that all share, which
// serves neither metrics nor probes.
//
//nolint:contextcheck,nolintlint // callers would be told to pass a context; the indexes are registered with no context of a test that could end
func NewManager(cfg *rest.Config, namespaces []string, change ...func(*kube.Options)) manager.Manager {
	ginkgo.GinkgoHelper()
	o := kube.Options{
		Namespaces: namespaces, MetricsBindAddress: "0", SkipNameValidation: true,
		GracefulShutdownTimeout: testenv.Patience, Logger: ginkgo.GinkgoLogr,
	}
	for _, apply := range change {
		apply(&o)
	}
	mgr, err := kube.NewManager(cfg, o)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(tokens.Register(context.Background(), mgr.GetFieldIndexer())).To(gomega.Succeed())
	gomega.Expect(trust.Register(context.Background(), mgr.GetFieldIndexer())).To(gomega.Succeed())
	indexer := kube.IndexPerNamespace(mgr.GetCache())
	gomega.Expect(membership.Register(context.Background(), indexer)).To(gomega.Succeed())
	gomega.Expect(userindex.Register(context.Background(), indexer)).To(gomega.Succeed())
	return mgr
}

// Start runs a manager until the returned function is called, or the test ends, also beyond the end of ctx.
func Start(ctx context.Context, mgr manager.Manager) (stop func()) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(run) }()
	stop = sync.OnceFunc(func() {
		ginkgo.GinkgoHelper()
		cancel()
		gomega.Eventually(ended).Should(gomega.Receive(gomega.Not(gomega.HaveOccurred())))
	})
	ginkgo.DeferCleanup(stop)
	return stop
}
