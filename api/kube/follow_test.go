package kube

import (
	"context"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

// TestWhoFollowsHearsOfWhatAnInformerHasMissed changes, deletes and makes objects while an informer hears nothing. What it tells
// when it has listed again leaves nobody who counts with another number than there are, in whichever moment he began.
func TestWhoFollowsHearsOfWhatAnInformerHasMissed(t *testing.T) {
	env := testenv.StartFor(t)
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	ctx, stop := context.WithTimeout(t.Context(), testenv.Patience)
	defer stop()
	namespace := env.Namespace(ctx, t)
	between := testenv.NewBarrier("persons")
	config := rest.CopyConfig(env.Config)
	config.Wrap(between.Around)
	held, err := NewLazy(config, namespace)
	g.Expect(err).NotTo(HaveOccurred())
	admin, err := client.New(env.Config, client.Options{Scheme: held.scheme})
	g.Expect(err).NotTo(HaveOccurred())
	person := func(name string) *v1alpha1.Person {
		return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.PersonSpec{Name: name, PrimaryEmail: name + "@example.com"}}
	}
	for _, name := range []string{"stays", "changes", "goes", "returns"} {
		g.Expect(admin.Create(ctx, person(name))).To(Succeed())
	}
	go func() { _ = held.Start(ctx) }()

	type counts struct {
		sync.Mutex
		of map[bool]int // whether they are disabled
	}
	follow := func() *counts {
		c := &counts{of: map[bool]int{}}
		_, err := Follow(ctx, held, &v1alpha1.Person{}, func(old, current *v1alpha1.Person) {
			c.Lock()
			defer c.Unlock()
			if old != nil {
				c.of[old.Spec.Disabled]--
			}
			if current != nil {
				c.of[current.Spec.Disabled]++
			}
		})
		g.Expect(err).NotTo(HaveOccurred())
		return c
	}
	becomes := func(c *counts, enabled, disabled int) {
		g.Eventually(func() [2]int {
			c.Lock()
			defer c.Unlock()
			return [2]int{c.of[false], c.of[true]}
		}).Should(Equal([2]int{enabled, disabled}))
	}
	g.Expect(held.Get(ctx, client.ObjectKeyFromObject(person("stays")), person(""))).To(Succeed())
	before := follow()
	becomes(before, 4, 0)

	between.Shut()
	g.Eventually(between.Holds).Should(BeNumerically(">", 0))
	changed := person("changes")
	g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(changed), changed)).To(Succeed())
	changed.Spec.Disabled = true
	g.Expect(admin.Update(ctx, changed)).To(Succeed())
	for _, name := range []string{"goes", "returns"} {
		g.Expect(admin.Delete(ctx, person(name))).To(Succeed())
	}
	returned := person("returns")
	returned.Spec.Disabled = true
	g.Expect(admin.Create(ctx, returned)).To(Succeed())
	g.Expect(admin.Create(ctx, person("comes"))).To(Succeed())
	meanwhile := follow()
	between.Open()
	for _, c := range []*counts{before, meanwhile, follow()} {
		becomes(c, 2, 2)
	}
}
