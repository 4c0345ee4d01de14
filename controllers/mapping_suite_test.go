package controllers_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// The tables of the default mapping share one set of controllers for all namespaces,
// and have a namespace a row.

// mappingOperator is the user name of these controllers.
const mappingOperator = "mapping-operator"

// startForAll runs the controllers for all namespaces until the container's end.
func startForAll(ctx SpecContext) {
	GinkgoHelper()
	admin := mappingAdmin()
	data, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(data, role)).To(Succeed())
	role.Name = mappingOperator
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: mappingOperator},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: mappingOperator},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: mappingOperator}},
	}
	for _, object := range []client.Object{role, binding} {
		Expect(admin.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, object)).To(Succeed()) })
	}
	cfg, err := env.User(mappingOperator)
	Expect(err).NotTo(HaveOccurred())
	operator, err := client.New(cfg, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() error { return operator.List(ctx, &v1alpha1.PersonList{}) }).Should(Succeed())

	mgr, err := kube.NewManager(cfg, kube.Options{
		MetricsBindAddress: "0", SkipNameValidation: true, GracefulShutdownTimeout: 20 * time.Second, Logger: GinkgoLogr,
	})
	Expect(err).NotTo(HaveOccurred())
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	Expect(controllers.Setup(runCtx, mgr, controllers.Options{})).To(Succeed())
	done := make(chan error, 1)
	go func() {
		defer GinkgoRecover()
		done <- mgr.Start(runCtx)
	}()
	DeferCleanup(func() {
		cancel()
		Eventually(done).Should(Receive(Succeed()))
	})
}

func mappingAdmin() client.Client {
	GinkgoHelper()
	scheme, err := kube.NewScheme()
	Expect(err).NotTo(HaveOccurred())
	Expect(rbacv1.AddToScheme(scheme)).To(Succeed())
	admin, err := client.New(env.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return admin
}

// newMappingWorld makes a namespace with the default rules for controllers that run
// already.
func newMappingWorld(ctx SpecContext) *world {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	w := &world{Client: client.NewNamespacedClient(mappingAdmin(), namespace), namespace: namespace, operator: mappingOperator}
	for _, rule := range []*v1alpha1.AutomationRule{defaultUserRule(), defaultGroupRule(), defaultSiteRule()} {
		Expect(w.Create(ctx, rule)).To(Succeed())
	}
	return w
}

// userMapping is a row of the table: a user that the client pushes, and the Person that
// comes of it. Everything is compared.
type userMapping struct {
	// given are what exists before the user does; what of it is reconciled is waited for.
	given []client.Object
	// groups are the display names of the user's groups, in the order of joining.
	groups []string
	// known is the Person that exists: jane with primaryEmail jane@example.com and name
	// Jane, and with what this changes. Nil: a new one is made.
	known func(*v1alpha1.PersonSpec)
	// user changes the user: userName jane@example.com, displayName Jane.
	user func(*v1alpha1.ScimUserSpec)
	// then is what the client changes afterwards.
	then func(*v1alpha1.ScimUserSpec)
	// later is what happens afterwards to others.
	later func(ctx context.Context, w *world)
	// want changes what is expected: the known Person, linked to the user, or a new one
	// with primaryEmail jane@example.com and name Jane.
	want func(*v1alpha1.PersonSpec)
	// missing says that there is to be no Person.
	missing bool
}

func (m userMapping) run(ctx SpecContext) {
	GinkgoHelper()
	w := newMappingWorld(ctx)
	w.createSettled(ctx, m.given)
	user := newUser("jane@example.com", "Jane")
	for _, name := range m.groups {
		group := newGroup(name)
		w.createSettled(ctx, []client.Object{group})
		user.Spec.Groups = append(user.Spec.Groups, group.Name)
	}
	want := v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com"}
	if m.known != nil {
		m.known(&want)
		Expect(w.Create(ctx, &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: "jane"}, Spec: *want.DeepCopy()})).To(Succeed())
	}
	if m.user != nil {
		m.user(&user.Spec)
	}
	Expect(w.Create(ctx, user)).To(Succeed())
	if m.missing {
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonMissing))
		return
	}
	eventually(ctx, w, user, isReady())
	if m.then != nil {
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { m.then(&u.Spec) })
		eventually(ctx, w, user, isReady())
	}
	if m.later != nil {
		m.later(ctx, w)
	}
	want.Source, want.SourceID = v1alpha1.SourceSCIM, user.Name
	if m.want != nil {
		m.want(&want)
	}
	person := w.personOf(ctx, user)
	if m.known != nil {
		Expect(person.Name).To(Equal("jane"), "the known Person is linked")
	}
	Eventually(func() string {
		Expect(w.Get(ctx, client.ObjectKeyFromObject(person), person)).To(Succeed())
		return cmp.Diff(want, person.Spec)
	}).Should(BeEmpty())
	persons := &v1alpha1.PersonList{}
	Expect(w.List(ctx, persons)).To(Succeed())
	for _, other := range persons.Items {
		Expect(other.Name == person.Name || other.Spec.SourceID != user.Name).To(BeTrue(), "%s has a second Person, %s", user.Name, other.Name)
	}
}

// createSettled creates objects one after the other, and waits for what becomes of users
// and groups.
func (w *world) createSettled(ctx context.Context, objects []client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		// Rows are shared by the runs of a test.
		object = object.DeepCopyObject().(client.Object)
		Expect(w.Create(ctx, object)).To(Succeed())
		switch typed := object.(type) {
		case *v1alpha1.ScimUser:
			eventually(ctx, w, typed, isReady())
		case *v1alpha1.ScimGroup:
			eventually(ctx, w, typed, WithTransform(func(g *v1alpha1.ScimGroup) int64 { return g.Status.ObservedGeneration }, BeNumerically(">", 0)))
		}
	}
}

// gone waits until an object is no more.
func (w *world) gone(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(w.Delete(ctx, object)).To(Succeed())
	Eventually(func() bool {
		return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(object), object))
	}).Should(BeTrue())
}
