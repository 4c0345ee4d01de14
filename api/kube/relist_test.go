package kube

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// barrier keeps an informer from what happens, as an outage of the API server does: its watch ends, the revision that it goes
// on from is forgotten, and it lists again when the barrier is open.
type barrier struct {
	resource string

	mu      sync.Mutex
	opened  chan struct{} // closed while it is open
	waiting int
	watches []io.Closer
}

func newBarrier(resource string) *barrier {
	b := &barrier{resource: resource, opened: make(chan struct{})}
	close(b.opened)
	return b
}

func (b *barrier) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = make(chan struct{})
	for _, watch := range b.watches {
		_ = watch.Close()
	}
	b.watches = nil
}

func (b *barrier) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.opened)
}

// holds is how many lists wait.
func (b *barrier) holds() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// wait waits until the barrier is open.
func (b *barrier) wait(ctx context.Context) error {
	b.mu.Lock()
	opened := b.opened
	b.waiting++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.waiting--
	}()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *barrier) around(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/"+b.resource) {
			return next.RoundTrip(r)
		}
		query := r.URL.Query()
		if query.Get("watch") == "" || query.Get("sendInitialEvents") != "" {
			if err := b.wait(r.Context()); err != nil {
				return nil, err
			}
		}
		response, err := next.RoundTrip(r)
		if err != nil || query.Get("watch") == "" {
			return response, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-b.opened:
			b.watches = append(b.watches, response.Body)
			return response, nil
		default:
		}
		_ = response.Body.Close()
		return &http.Response{
			StatusCode: http.StatusGone, Status: "410 Gone", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}},
			Body:   io.NopCloser(strings.NewReader(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}`)),
		}, nil
	})
}

// TestReadsEndAfterAnInformerHasMissedEvents writes, while an informer hears nothing, what it finds no trace of when it lists again.
func TestReadsEndAfterAnInformerHasMissedEvents(t *testing.T) {
	env := testenv.StartFor(t)
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(env.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	person := func(namespace, name string) *v1alpha1.Person {
		return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.PersonSpec{Name: name, PrimaryEmail: name + "@example.com"}}
	}
	for name, missed := range map[string]func(g Gomega, ctx context.Context, c client.Client, known *v1alpha1.Person){
		"a change, before another process deletes": func(g Gomega, ctx context.Context, c client.Client, known *v1alpha1.Person) {
			known.Spec.Name = "changed"
			g.Expect(c.Update(ctx, known)).To(Succeed())
			g.Expect(admin.Delete(ctx, person(known.Namespace, known.Name))).To(Succeed())
		},
		"a creation and deletion": func(g Gomega, ctx context.Context, c client.Client, known *v1alpha1.Person) {
			short := person(known.Namespace, "short")
			g.Expect(c.Create(ctx, short)).To(Succeed())
			g.Expect(c.Delete(ctx, short)).To(Succeed())
		},
		"a deletion, before another of the same name is made": func(g Gomega, ctx context.Context, c client.Client, known *v1alpha1.Person) {
			g.Expect(c.Delete(ctx, known)).To(Succeed())
			g.Expect(c.Create(ctx, person(known.Namespace, known.Name))).To(Succeed())
		},
		"a deletion of what is only named, before another of the same name is made": func(g Gomega, ctx context.Context, c client.Client, known *v1alpha1.Person) {
			g.Expect(c.Delete(ctx, person(known.Namespace, known.Name))).To(Succeed())
			g.Expect(c.Create(ctx, person(known.Namespace, known.Name))).To(Succeed())
		},
	} {
		for mode, separate := range map[string]bool{"of all namespaces": false, "of some namespaces": true} {
			t.Run(name+", "+mode, func(t *testing.T) {
				g := NewWithT(t)
				g.SetDefaultEventuallyTimeout(testenv.Patience)
				ctx, stop := context.WithTimeout(t.Context(), testenv.Patience)
				namespace := env.Namespace(ctx, t)
				between := newBarrier("persons")
				config := rest.CopyConfig(env.Config)
				config.Wrap(between.around)
				o := Options{MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true, Informers: NewInformerHealth(&v1alpha1.Person{})}
				if separate {
					o.Namespaces = []string{namespace}
				}
				mgr, err := NewManager(config, o)
				g.Expect(err).NotTo(HaveOccurred())
				_, err = mgr.GetCache().GetInformer(ctx, &v1alpha1.Person{}, cache.BlockUntilSynced(false))
				g.Expect(err).NotTo(HaveOccurred())
				ended := make(chan error, 1)
				go func() { ended <- mgr.Start(ctx) }()
				defer func() {
					stop()
					g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
				}()
				c := mgr.GetClient()
				known := person(namespace, "known")
				g.Eventually(func() error { return c.Create(ctx, known) }).Should(Succeed())
				g.Expect(c.Get(ctx, client.ObjectKeyFromObject(known), known)).To(Succeed())

				between.shut()
				g.Eventually(between.holds).Should(BeNumerically(">", 0))
				missed(g, ctx, c, known)
				between.open()
				g.Expect(c.List(ctx, &v1alpha1.PersonList{}, client.InNamespace(namespace))).To(Succeed())
				err = c.Get(ctx, client.ObjectKeyFromObject(known), known)
				g.Expect(client.IgnoreNotFound(err)).To(Succeed())
			})
		}
	}
}
