package kube

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
)

func TestParseNamespaces(t *testing.T) {
	for text, want := range map[string][]string{"b,a": {"a", "b"}, "a, b": {"a", "b"}, "a,a,": {"a"}} {
		if got, err := ParseNamespaces(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "A", "a.b", "a b", "*"} {
		if got, err := ParseNamespaces(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// seen are the names of Persons that a handler was told of, by namespace.
type seen struct {
	mu    sync.Mutex
	names map[string][]string
}

func (s *seen) in(namespace string) func() []string {
	return func() []string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Clone(s.names[namespace])
	}
}

// TestNamespacesDoNotWaitForEachOther runs a manager of two namespaces, in one of which it has no rights at first.
func TestNamespacesDoNotWaitForEachOther(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(testenv.Patience)
	env := testenv.StartFor(t)
	ctx, stop := context.WithCancel(t.Context())
	scheme, err := NewScheme()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(rbacv1.AddToScheme(scheme)).To(Succeed())
	admin, err := client.New(env.Config, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	open, shut := env.Namespace(ctx, t), env.Namespace(ctx, t)
	user := "system:serviceaccount:" + open + ":scim-operator"
	bind := func(namespace string) {
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "test"}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"},
		}}}
		g.Expect(admin.Create(ctx, role)).To(Succeed())
		g.Expect(admin.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "test"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "test"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})).To(Succeed())
	}
	person := func(namespace, name string) *v1alpha1.Person {
		return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.PersonSpec{Name: name, PrimaryEmail: name + "@example.com"}}
	}
	bind(open)
	g.Expect(admin.Create(ctx, person(open, "ada"))).To(Succeed())
	g.Expect(admin.Create(ctx, person(shut, "bob"))).To(Succeed())

	clk := clocktesting.NewFakeClock(time.Now())
	health := NewInformerHealth(&v1alpha1.Person{})
	health.clock = clk
	config, err := env.User(user)
	g.Expect(err).NotTo(HaveOccurred())
	mgr, err := NewManager(config, Options{
		Namespaces: []string{open, shut}, MetricsBindAddress: "0", Logger: logr.Discard(), SkipNameValidation: true, Informers: health,
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(callsAreBound(mgr)).To(BeTrue(), "namespaces share the API server")
	byEmail := func(obj client.Object) []string { return []string{obj.(*v1alpha1.Person).Spec.PrimaryEmail} }
	g.Expect(mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.Person{}, "email", byEmail)).To(Succeed())
	informer, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.Person{}, cache.BlockUntilSynced(false))
	g.Expect(err).NotTo(HaveOccurred())
	told := &seen{names: map[string][]string{}}
	handled, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: func(obj any) {
		told.mu.Lock()
		defer told.mu.Unlock()
		p := obj.(*v1alpha1.Person)
		told.names[p.Namespace] = append(told.names[p.Namespace], p.Name)
	}})
	g.Expect(err).NotTo(HaveOccurred())
	serving := make(chan struct{})
	g.Expect(mgr.Add(everywhere(func(ctx context.Context) error {
		close(serving)
		<-ctx.Done()
		return nil
	}))).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		stop()
		g.Eventually(ended).Should(Receive(Not(HaveOccurred())))
	}()

	g.Eventually(told.in(open)).Should(ConsistOf("ada"))
	g.Consistently(serving, time.Second).ShouldNot(BeClosed(), "a right may come while an API server starts")
	g.Expect(informer.HasSynced()).To(BeFalse())
	g.Eventually(func() []Fault {
		clk.Step(faultLasts)
		return health.Faults()
	}).Should(ConsistOf(And(HaveField("Namespace", shut), HaveField("Kind", "Person"), HaveField("Reason", v1alpha1.ReasonRefused))))
	g.Eventually(serving).Should(BeClosed())
	g.Expect(health.Ready(nil)).To(Succeed())
	g.Expect(informer.HasSynced()).To(BeTrue())
	g.Eventually(handled.HasSynced).Should(BeTrue())
	g.Eventually(handled.HasSyncedChecker().Done()).Should(BeClosed())

	// An API server that is away for a moment says nothing of the right.
	health.note(shut, "Person", new(reading("")), &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	g.Expect(health.Faults()).To(BeEmpty())
	g.Expect(informer.HasSynced()).To(BeTrue(), "nobody waits for the namespace again")
	g.Expect(handled.HasSynced()).To(BeTrue())

	all := func() []string {
		list := &v1alpha1.PersonList{}
		g.Expect(mgr.GetClient().List(ctx, list)).To(Succeed())
		var names []string
		for _, item := range list.Items {
			names = append(names, item.Name)
		}
		return names
	}
	g.Expect(all()).To(ConsistOf("ada"))
	g.Expect(Unread(mgr.GetCache(), &v1alpha1.Person{})).To(ConsistOf(shut))
	c := mgr.GetClient()
	g.Expect(apierrors.IsServiceUnavailable(c.Get(ctx, client.ObjectKey{Namespace: shut, Name: "bob"}, &v1alpha1.Person{}))).To(BeTrue())
	_, err = Held[v1alpha1.Person](ctx, mgr.GetCache(), shut, "bob")
	g.Expect(IsUnread(err)).To(BeTrue(), "what is not known yet is taken for what is not there")
	g.Expect(apierrors.IsServiceUnavailable(c.Create(ctx, person(shut, "eve")))).To(BeTrue())
	g.Expect(apierrors.IsServiceUnavailable(c.List(ctx, &v1alpha1.PersonList{}, client.InNamespace(shut)))).To(BeTrue())
	g.Expect(c.Get(ctx, client.ObjectKey{Namespace: "elsewhere", Name: "bob"}, &v1alpha1.Person{})).To(MatchError(ContainSubstring("--namespaces")))

	// Reading what was written works in the other one.
	mine := person(open, "carl")
	g.Expect(c.Create(ctx, mine)).To(Succeed())
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(mine), &v1alpha1.Person{})).To(Succeed())
	found := &v1alpha1.PersonList{}
	g.Expect(c.List(ctx, found, client.InNamespace(open), client.MatchingFields{"email": "carl@example.com"})).To(Succeed())
	g.Expect(found.Items).To(HaveLen(1))

	bind(shut)
	g.Eventually(told.in(shut)).Should(ConsistOf("bob"))
	g.Eventually(func() []string { return Unread(mgr.GetCache(), &v1alpha1.Person{}) }).Should(BeEmpty())
	g.Expect(all()).To(ConsistOf("ada", "bob", "carl"))
	g.Eventually(health.Faults).Should(BeEmpty())
	g.Expect(c.Create(ctx, person(shut, "eve"))).To(Succeed())
	g.Expect(c.Get(ctx, client.ObjectKey{Namespace: shut, Name: "eve"}, &v1alpha1.Person{})).To(Succeed())
	g.Expect(ended).NotTo(Receive())
}
