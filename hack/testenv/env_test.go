package testenv_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestEnvironment(t *testing.T) { suite.Run(t, "Test environment") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

func newClient(cfg *rest.Config) client.Client {
	GinkgoHelper()
	c, err := client.New(cfg, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func configMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

var _ = Describe("Namespace", func() {
	It("differs for each test and can be used at once", func(ctx SpecContext) {
		first, second := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		Expect(first).NotTo(Equal(second))
		Expect(newClient(env.Config).Create(ctx, configMap(first, "a"))).To(Succeed())
	})

	It("is deleted with what is in it after the test", func(ctx SpecContext) {
		c := newClient(env.Config)
		var namespace string
		inner := &cleanups{}
		namespace = env.Namespace(ctx, inner)
		Expect(c.Create(ctx, configMap(namespace, "a"))).To(Succeed())
		inner.run()
		Eventually(func() bool {
			return apierrors.IsNotFound(c.Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{}))
		}).Should(BeTrue())
	})
})

var _ = Describe("Garbage collection", func() {
	It("removes an object when its owner goes", func(ctx SpecContext) {
		c, namespace := newClient(env.Config), env.Namespace(ctx, GinkgoT())
		owner := configMap(namespace, "owner")
		Expect(c.Create(ctx, owner)).To(Succeed())
		owned := configMap(namespace, "owned")
		owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: owner.UID}}
		Expect(c.Create(ctx, owned)).To(Succeed())
		Expect(c.Delete(ctx, owner)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(owned), owned))
		}).Should(BeTrue())
	})
})

var _ = Describe("User", func() {
	It("may do nothing until RBAC allows it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		cfg, err := env.User("nobody-in-particular")
		Expect(err).NotTo(HaveOccurred())
		err = newClient(cfg).Create(ctx, configMap(namespace, "a"))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "got %v", err)
		Expect(err).To(MatchError(ContainSubstring("nobody-in-particular")))
	})
})

var _ = Describe("May", func() {
	It("tells of a right from when the API server knows of it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		user := "somebody-of-" + namespace
		may := func(verb string) func() (bool, error) {
			return func() (bool, error) {
				return env.May(ctx, user, namespace, verb, schema.GroupResource{Resource: "configmaps"})
			}
		}
		Expect(may("create")()).To(BeFalse())
		c := newClient(env.Config)
		role := &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "test"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}}},
		}
		Expect(c.Create(ctx, role)).To(Succeed())
		Expect(c.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "test"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "test"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})).To(Succeed())
		Eventually(may("create")).Should(BeTrue())
		Expect(may("delete")()).To(BeFalse())
		cfg, err := env.User(user)
		Expect(err).NotTo(HaveOccurred())
		Expect(newClient(cfg).Create(ctx, configMap(namespace, "a"))).To(Succeed())
	})
})

var _ = Describe("StartOwn", func() {
	It("starts a control plane that the others do not see", func(ctx SpecContext) {
		own, err := testenv.StartOwn()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(own.Stop)
		namespace := own.Namespace(ctx, GinkgoT())
		Expect(newClient(env.Config).Get(ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{})).To(Satisfy(apierrors.IsNotFound))
	})
})

var _ = Describe("AuditWrites", func() {
	It("returns exactly the writes that one user made in one namespace, in order", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		cfg, err := env.User("writer", "system:masters")
		Expect(err).NotTo(HaveOccurred())
		c, admin := newClient(cfg), newClient(env.Config)

		cm := configMap(namespace, "a")
		Expect(c.Create(ctx, cm)).To(Succeed())
		Expect(c.Create(ctx, configMap(namespace, "a"))).NotTo(Succeed())
		cm.Data = map[string]string{"key": "value"}
		Expect(c.Update(ctx, cm)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(cm), cm)).To(Succeed())
		Expect(c.Create(ctx, configMap(other, "a"))).To(Succeed())
		Expect(admin.Create(ctx, configMap(namespace, "of-another-user"))).To(Succeed())
		pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
		before := pvc.DeepCopy()
		pvc.Status.Phase = corev1.ClaimLost
		Expect(c.Status().Patch(ctx, pvc, client.MergeFrom(before))).NotTo(Succeed(), "it does not exist")
		Expect(c.Delete(ctx, cm)).To(Succeed())

		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: namespace, User: "writer"})
		Expect(err).NotTo(HaveOccurred())
		var lines []string
		for _, write := range writes {
			lines = append(lines, write.String())
		}
		Expect(lines).To(Equal([]string{
			"create configmaps a: 201",
			"create configmaps a: 409",
			"update configmaps a: 200",
			"patch persistentvolumeclaims/status p: 404",
			"delete configmaps a: 200",
		}))
	})

	It("misses none of many writes made at the same time", func(ctx SpecContext) {
		const count = 200
		namespace := env.Namespace(ctx, GinkgoT())
		cfg := rest.CopyConfig(env.Config)
		cfg.UserAgent = "burst"
		c := newClient(cfg)
		errs := make(chan error, count)
		for range count {
			go func() {
				errs <- c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "a-"}})
			}()
		}
		for range count {
			Expect(<-errs).To(Succeed())
		}
		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: namespace, UserAgent: "burst"})
		Expect(err).NotTo(HaveOccurred())
		Expect(writes).To(HaveLen(count))
	})
})

// cleanups stands for a test that ends before the one it is used in.
type cleanups struct{ functions []func() }

func (c *cleanups) Helper()                           {}
func (c *cleanups) Cleanup(f func())                  { c.functions = append(c.functions, f) }
func (c *cleanups) Fatalf(format string, args ...any) { GinkgoT().Fatalf(format, args...) }

func (c *cleanups) run() {
	for _, f := range c.functions {
		f()
	}
}
