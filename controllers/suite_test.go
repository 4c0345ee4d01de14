package controllers_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestControllers(t *testing.T) { suite.Run(t, "Controllers") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// world is a namespace with the default rules, seen by an administrator. Nothing
// runs in it until start is called.
type world struct {
	client.Client
	env       *testenv.Env
	namespace string
	// operator is the user name of the controllers' requests.
	operator string
}

// newWorld makes a namespace in which the operator may do what config/rbac allows it.
// At the test's end every object's conditions are checked.
func newWorld(ctx SpecContext) *world {
	GinkgoHelper()
	return newWorldIn(ctx, env)
}

// newWorldIn is newWorld in another control plane than the suite's.
func newWorldIn(ctx SpecContext, env *testenv.Env) *world {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	w := &world{
		Client:    client.NewNamespacedClient(suite.Client(env.Config, rbacv1.AddToScheme), namespace),
		env:       env,
		namespace: namespace,
		operator:  "system:serviceaccount:" + namespace + ":scim-operator",
	}
	w.authorize(ctx)
	DeferCleanup(func(ctx SpecContext) { w.checkConditions(ctx) })
	return w
}

// newWorldWithRules also creates the default rules.
func newWorldWithRules(ctx SpecContext) *world {
	GinkgoHelper()
	w := newWorld(ctx)
	Expect(w.Create(ctx, defaultUserRule())).To(Succeed())
	Expect(w.Create(ctx, defaultGroupRule())).To(Succeed())
	Expect(w.Create(ctx, defaultSiteRule())).To(Succeed())
	return w
}

func (w *world) config() *rest.Config {
	GinkgoHelper()
	cfg, err := w.env.User(w.operator)
	Expect(err).NotTo(HaveOccurred())
	return cfg
}

// start runs the controllers until the returned function is called, or the test ends.
func (w *world) start(ctx SpecContext, options ...func(*controllers.Options)) (stop func()) {
	GinkgoHelper()
	return w.run(ctx, suite.NewManager(w.config(), []string{w.namespace}), options...)
}

// run is start with another manager.
func (w *world) run(ctx SpecContext, mgr ctrl.Manager, options ...func(*controllers.Options)) (stop func()) {
	GinkgoHelper()
	var o controllers.Options
	for _, set := range options {
		set(&o)
	}
	Expect(controllers.Setup(context.WithoutCancel(ctx), mgr, o)).To(Succeed())
	return suite.Start(ctx, mgr)
}

// writes are the controllers' writes so far, Events aside.
func (w *world) writes(ctx SpecContext) []testenv.Write {
	GinkgoHelper()
	writes, err := w.env.AuditWrites(ctx, testenv.Filter{Namespace: w.namespace, User: w.operator})
	Expect(err).NotTo(HaveOccurred())
	return writes
}

// get reads an object as it is now.
func get[T client.Object](ctx context.Context, w *world, object T, name string) T {
	GinkgoHelper()
	Expect(w.Get(ctx, client.ObjectKey{Name: name}, object)).To(Succeed())
	return object
}

// update changes an object, whatever the controllers do to it at the same time.
func update[T client.Object](ctx context.Context, w *world, object T, change func(T)) {
	GinkgoHelper()
	changeBy(ctx, w, object, change, func() error { return w.Update(ctx, object) })
}

// updateStatus is update for what the object says of itself.
func updateStatus[T client.Object](ctx context.Context, w *world, object T, change func(T)) {
	GinkgoHelper()
	changeBy(ctx, w, object, change, func() error { return w.Status().Update(ctx, object) })
}

func changeBy[T client.Object](ctx context.Context, w *world, object T, change func(T), write func() error) {
	GinkgoHelper()
	Eventually(func() error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change(object)
		return write()
	}).Should(Succeed())
}

func loadRule(file string) *v1alpha1.AutomationRule {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "config", "rules", file))
	Expect(err).NotTo(HaveOccurred())
	rule := &v1alpha1.AutomationRule{}
	Expect(yaml.UnmarshalStrict(data, rule)).To(Succeed())
	return rule
}

func defaultUserRule() *v1alpha1.AutomationRule {
	GinkgoHelper()
	return loadRule("default-user-mapping.yaml")
}

func defaultGroupRule() *v1alpha1.AutomationRule {
	GinkgoHelper()
	return loadRule("default-organization-mapping.yaml")
}

func defaultSiteRule() *v1alpha1.AutomationRule {
	GinkgoHelper()
	return loadRule("default-site-mapping.yaml")
}

// newUser is a ScimUser as the SCIM server makes it.
func newUser(userName, displayName string, options ...func(*v1alpha1.ScimUser)) *v1alpha1.ScimUser {
	user := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
		Spec: v1alpha1.ScimUserSpec{
			UserName: userName, DisplayName: displayName, Active: new(true), LastModified: v1alpha1.NewTimestamp(time.Now()),
		},
	}
	for _, option := range options {
		option(user)
	}
	return user
}

// join makes a user a member of groups, in this order, as the SCIM server does where they have room.
func (w *world) join(ctx context.Context, user *v1alpha1.ScimUser, groups ...*v1alpha1.ScimGroup) *v1alpha1.ScimUser {
	GinkgoHelper()
	now := time.Now().Unix()
	for i, group := range groups {
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) {
			g.Spec.Members = append(g.Spec.Members, v1alpha1.GroupMember{ID: user.Name, Joined: now + int64(i)})
		})
	}
	return user
}

func inOrganization(name string) func(*v1alpha1.ScimUser) {
	return func(user *v1alpha1.ScimUser) {
		user.Spec.Enterprise = &v1alpha1.ScimEnterprise{Organization: name}
	}
}

func managedBy(value string) func(*v1alpha1.ScimUser) {
	return func(user *v1alpha1.ScimUser) {
		user.Spec.Enterprise = &v1alpha1.ScimEnterprise{Manager: &v1alpha1.ScimManager{Value: value}}
	}
}

func newGroup(displayName string) *v1alpha1.ScimGroup {
	return &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String()},
		Spec: v1alpha1.ScimGroupSpec{
			DisplayName: displayName, Members: []v1alpha1.GroupMember{}, LastModified: v1alpha1.NewTimestamp(time.Now()),
		},
	}
}

func newOrganization(name, displayName string) *v1alpha1.Organization {
	return &v1alpha1.Organization{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.OrganizationSpec{Name: displayName},
	}
}

func newSite(name, displayName string) *v1alpha1.Site {
	return &v1alpha1.Site{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SiteSpec{Name: displayName}}
}

func newPerson(name, email string) *v1alpha1.Person {
	return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.PersonSpec{PrimaryEmail: email}}
}
