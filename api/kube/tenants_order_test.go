package kube

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// gate holds back the events of a namespace while it is shut.
type gate struct {
	namespace string
	next      http.RoundTripper

	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
	return sync.OnceFunc(func() { close(g.open) })
}

func (g *gate) wait() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := g.next.RoundTrip(r)
	if err == nil && r.URL.Query().Get("watch") != "" && strings.Contains(r.URL.Path, "/namespaces/"+g.namespace+"/") {
		response.Body = &heldBody{response.Body, g}
	}
	return response, err
}

type heldBody struct {
	io.ReadCloser
	gate *gate
}

// Read implements io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.gate.wait()
	return n, err
}

// TestEventsOfOneNamespaceDoNotStandForAnothers: one that has come further does not make a read of what was written elsewhere
// believe that the cache has it.
func TestEventsOfOneNamespaceDoNotStandForAnothers(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	ctx, stop := context.WithCancel(t.Context())
	slow, quick := env.Namespace(ctx, t), env.Namespace(ctx, t)
	held := &gate{namespace: slow}
	config := rest.CopyConfig(env.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		held.next = next
		return held
	})
	mgr, err := NewManager(config, Options{Namespaces: []string{slow, quick}, MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = mgr.GetCache().GetInformer(ctx, &v1alpha1.Person{}, cache.BlockUntilSynced(false))
	g.Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		stop()
		g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
	}()
	g.Expect(mgr.GetCache().WaitForCacheSync(ctx)).To(BeTrue())

	c := mgr.GetClient()
	person := func(namespace, name string) *v1alpha1.Person {
		return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.PersonSpec{Name: "Before", PrimaryEmail: name + "@example.com"}}
	}
	written := person(slow, "ada")
	g.Expect(c.Create(ctx, written)).To(Succeed())
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(written), written)).To(Succeed())

	open := held.shut()
	defer open()
	written.Spec.Name = "After"
	g.Expect(c.Update(ctx, written)).To(Succeed())
	// A later revision, which the cache of the other namespace gets to know.
	later := person(quick, "bob")
	g.Expect(c.Create(ctx, later)).To(Succeed())
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(later), later)).To(Succeed())
	read := make(chan string, 1)
	go func() {
		found := &v1alpha1.Person{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(written), found); err != nil {
			read <- err.Error()
			return
		}
		read <- found.Spec.Name
	}()
	g.Consistently(read, 500*time.Millisecond).ShouldNot(Receive(), "the cache does not have it yet")
	open()
	g.Eventually(read).Should(Receive(Equal("After")))
}
