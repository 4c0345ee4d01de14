package access_test

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env    *testenv.Env
	direct client.Client
)

func TestAccess(t *testing.T) { suite.Run(t, "Access") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config, rbacv1.AddToScheme)
})

// caller is somebody who may do this to these resources of the namespace, and nothing else.
func caller(ctx context.Context, namespace string, verbs []string, resources ...string) *access.Local {
	GinkgoHelper()
	name := "visitor-of-" + namespace
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "visitor"}
	Expect(direct.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: resources, Verbs: verbs},
	}})).To(Succeed())
	Expect(direct.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "visitor"},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: name}},
	})).To(Succeed())
	cfg, err := env.User(name)
	Expect(err).NotTo(HaveOccurred())
	lasts, end := context.WithCancel(context.Background())
	DeferCleanup(end)
	local, err := access.NewLocal(lasts, cfg) //nolint:contextcheck // its cache lasts longer than what the spec waits for here
	Expect(err).NotTo(HaveOccurred())
	for _, verb := range verbs {
		Eventually(func() (bool, error) {
			return env.May(ctx, name, namespace, verb, v1alpha1.GroupVersion.WithResource(resources[0]).GroupResource())
		}).Should(BeTrue())
	}
	return local
}

func person(ctx context.Context, namespace string) *v1alpha1.Person {
	GinkgoHelper()
	person := &v1alpha1.Person{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "person-"}, Spec: v1alpha1.PersonSpec{PrimaryEmail: "anna@example.com"},
	}
	Expect(direct.Create(ctx, person)).To(Succeed())
	return person
}

func persons(ctx context.Context, reader client.Reader, namespace string) (n int, err error) {
	err = kube.Walk[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, namespace, func(*v1alpha1.Person) bool { n++; return true })
	return n, err
}

var _ = Describe("a caller of a kubeconfig", func() {
	It("is who the cluster says, and reads what it may", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		one := person(ctx, namespace)
		local := caller(ctx, namespace, []string{"get", "list", "watch"}, "persons")
		Expect(local.User().Username).To(Equal("visitor-of-" + namespace))

		reader, err := local.Reader(ctx, namespace)
		Expect(err).NotTo(HaveOccurred())
		held, err := kube.Held[v1alpha1.Person](ctx, reader, namespace, one.Name)
		Expect(err).NotTo(HaveOccurred())
		Expect(held.Spec.PrimaryEmail).To(Equal("anna@example.com"))
		below, err := access.Unguarded(ctx, reader, &v1alpha1.Person{})
		Expect(err).NotTo(HaveOccurred())
		Expect(persons(ctx, below, namespace)).To(Equal(1))

		before := kube.Revision(below, namespace, &v1alpha1.Person{})
		Expect(before).NotTo(BeEmpty())
		person(ctx, namespace)
		Eventually(func() string { return kube.Revision(below, namespace, &v1alpha1.Person{}) }).ShouldNot(Equal(before))
		Eventually(func() (int, error) { return persons(ctx, below, namespace) }).Should(Equal(2))
	})

	It("is refused what it may not, whatever way it is read", func(ctx SpecContext) {
		namespace, other := env.Namespace(ctx, GinkgoT()), env.Namespace(ctx, GinkgoT())
		one := person(ctx, namespace)
		elsewhere := person(ctx, other)
		local := caller(ctx, namespace, []string{"get", "list", "watch"}, "scimusers")
		for where, name := range map[string]string{namespace: one.Name, other: elsewhere.Name} {
			reader, err := local.Reader(ctx, where)
			Expect(err).NotTo(HaveOccurred())
			_, err = kube.Held[v1alpha1.Person](ctx, reader, where, name)
			Expect(err).To(Satisfy(apierrors.IsForbidden))
			_, err = kube.HeldUnder[v1alpha1.Person, v1alpha1.PersonList](ctx, reader, where, "person.sourceID", "x")
			Expect(err).To(Satisfy(apierrors.IsForbidden))
			_, err = persons(ctx, reader, where)
			Expect(err).To(Satisfy(apierrors.IsForbidden))
			_, err = access.Unguarded(ctx, reader, &v1alpha1.ScimUser{}, &v1alpha1.Person{})
			Expect(err).To(Satisfy(apierrors.IsForbidden))
			Expect(reader.List(ctx, &v1alpha1.PersonList{})).To(Satisfy(apierrors.IsForbidden), "of all namespaces")
		}
	})

	It("reads one by one what it may not list", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		one := person(ctx, namespace)
		reader, err := caller(ctx, namespace, []string{"get"}, "persons").Reader(ctx, namespace)
		Expect(err).NotTo(HaveOccurred())
		held, err := kube.Held[v1alpha1.Person](ctx, reader, namespace, one.Name)
		Expect(err).NotTo(HaveOccurred())
		Expect(held.Spec.PrimaryEmail).To(Equal("anna@example.com"))
		_, err = access.Unguarded(ctx, reader, &v1alpha1.Person{})
		Expect(err).To(Satisfy(apierrors.IsForbidden))
	})
})
