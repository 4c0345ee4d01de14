package kube

import (
	"context"
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
				between := testenv.NewBarrier("persons")
				config := rest.CopyConfig(env.Config)
				config.Wrap(between.Around)
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

				between.Shut()
				g.Eventually(between.Holds).Should(BeNumerically(">", 0))
				missed(g, ctx, c, known)
				between.Open()
				g.Expect(c.List(ctx, &v1alpha1.PersonList{}, client.InNamespace(namespace))).To(Succeed())
				err = c.Get(ctx, client.ObjectKeyFromObject(known), known)
				g.Expect(client.IgnoreNotFound(err)).To(Succeed())
			})
		}
	}
}
