package kube

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// TestHeldIsWhatAReaderGivesWithoutACopy reads by each sort of cache, and by a client that has none.
func TestHeldIsWhatAReaderGivesWithoutACopy(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	scheme, err := NewScheme()
	g.Expect(err).NotTo(HaveOccurred())
	direct, err := client.New(env.Config, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	ctx, stop := context.WithTimeout(t.Context(), testenv.Patience)
	t.Cleanup(stop)
	namespace, other := env.Namespace(ctx, t), env.Namespace(ctx, t)
	for _, in := range []string{namespace, other} {
		person := &v1alpha1.Person{Spec: v1alpha1.PersonSpec{Name: in, PrimaryEmail: "ada@example.com"}}
		person.Namespace, person.Name = in, "ada"
		g.Expect(direct.Create(ctx, person)).To(Succeed())
	}
	byEmail := func(obj client.Object) []string { return []string{obj.(*v1alpha1.Person).Spec.PrimaryEmail} }
	for name, o := range map[string]Options{
		"a cache":                          {},
		"a cache that tells of its health": {Informers: NewInformerHealth(&v1alpha1.Person{})},
		"a cache of several namespaces":    {Namespaces: []string{namespace, other}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.SetDefaultEventuallyTimeout(testenv.Patience)
			o.MetricsBindAddress, o.Logger, o.SkipNameValidation, o.GracefulShutdownTimeout = "0", logr.Discard(), true, time.Minute
			mgr, err := NewManager(env.Config, o)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.Person{}, "email", byEmail)).To(Succeed())
			run, end := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- mgr.Start(run) }()
			defer func() {
				end()
				g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
			}()
			for _, reader := range []cache.Cache{mgr.GetCache(), CacheOf(mgr.GetCache(), namespace)} {
				person := func() (*v1alpha1.Person, error) { return Held[v1alpha1.Person](ctx, reader, namespace, "ada") }
				g.Eventually(person).Should(HaveField("Spec.Name", namespace))
				first, err := person()
				g.Expect(err).NotTo(HaveOccurred())
				again, err := person()
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(again).To(BeIdenticalTo(first), "it is copied")
				g.Expect(HeldUnder[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, namespace, "email", "ada@example.com")).
					To(ConsistOf(BeIdenticalTo(first)), "the index is another one than a List reads by")
				g.Expect(HeldUnder[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, namespace, "email", "bob@example.com")).To(BeEmpty())
				g.Expect(Held[v1alpha1.Person](ctx, reader, namespace, "bob")).To(BeNil())
				_, err = HeldUnder[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, namespace, "no such index", "x")
				g.Expect(err).To(HaveOccurred())
				_, err = Held[v1alpha1.Site](ctx, reader, namespace, "ada")
				g.Expect(err).To(HaveOccurred(), "of a kind without an informer nothing is known")
			}
			if len(o.Namespaces) > 0 {
				_, err := Held[v1alpha1.Person](ctx, mgr.GetCache(), "default", "ada")
				g.Expect(err).To(MatchError(ContainSubstring("--namespaces")))
				_, err = Held[v1alpha1.Person](ctx, CacheOf(mgr.GetCache(), namespace), other, "ada")
				g.Expect(err).To(HaveOccurred(), "it is of another namespace")
			}
		})
	}
	t.Run("a client", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(Held[v1alpha1.Person](ctx, direct, namespace, "ada")).To(HaveField("Spec.Name", namespace))
		g.Expect(Held[v1alpha1.Person](ctx, direct, namespace, "bob")).To(BeNil())
	})
}
