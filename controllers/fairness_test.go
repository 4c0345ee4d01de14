package controllers_test

import (
	"net/http"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// gate holds what is written to a path of the API server while it is shut.
type gate struct {
	path    string
	shut    atomic.Bool
	opened  chan struct{}
	waiting atomic.Int32
}

// through is the way of one HTTP client through the gate.
type through struct {
	*gate
	next http.RoundTripper
}

func (g through) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.shut.Load() && r.Method != http.MethodGet && strings.Contains(r.URL.Path, g.path) {
		g.waiting.Add(1)
		select {
		case <-g.opened:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return g.next.RoundTrip(r)
}

// startTogether runs the controllers for two namespaces in one manager, which writes what the
// first one's rules do through the gate.
func startTogether(ctx SpecContext, w, other *world, g *gate, options ...func(*controllers.Options)) {
	GinkgoHelper()
	Expect(other.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "neighbour"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.operator}},
	})).To(Succeed())
	Eventually(func() (bool, error) {
		return env.May(ctx, w.operator, other.namespace, "list", v1alpha1.GroupVersion.WithResource("persons").GroupResource())
	}).Should(BeTrue())
	config := w.config()
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return through{g, next} })
	w.run(ctx, suite.NewManager(config, []string{w.namespace, other.namespace}), options...)
}

var _ = Describe("A namespace beside one that has a lot to do", Label("race"), func() {
	It("does not wait for it, neither with a changed rule nor with a push", func(ctx SpecContext) {
		const waiting = 30
		busy, quiet := newWorldWithRules(ctx), newWorldWithRules(ctx)
		executions := &gate{path: "/namespaces/" + busy.namespace + "/automationruleexecutions", opened: make(chan struct{})}
		startTogether(ctx, busy, quiet, executions, func(o *controllers.Options) { o.Concurrency = 1 })
		rule := func() *v1alpha1.AutomationRule {
			return &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-user-mapping"}}
		}
		change := func(w *world) {
			GinkgoHelper()
			update(ctx, w, rule(), func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", `"changed"`) })
		}
		eventually(ctx, quiet, rule(), reprocessed(0))
		eventually(ctx, busy, rule(), reprocessed(0))
		busy.createUsers(ctx, waiting)
		known := quiet.createUsers(ctx, 1)[0]

		By("standing still with what the busy one has begun")
		executions.shut.Store(true)
		change(busy)
		eventually(ctx, busy, rule(), WithTransform(func(r *v1alpha1.AutomationRule) bool {
			return r.Status.ObservedGeneration == r.Generation
		}, BeTrue()))
		Eventually(executions.waiting.Load).Should(BeNumerically(">", 0))
		change(quiet)
		pushed := newUser("pushed@example.com", "Pushed")
		Expect(quiet.Create(ctx, pushed)).To(Succeed())
		eventually(ctx, quiet, rule(), reprocessed(1))
		eventually(ctx, quiet, pushed, isReady())
		Expect(quiet.personOf(ctx, known).Spec.CostCenter).To(Equal("changed"))

		By("going on with all of it")
		close(executions.opened)
		eventually(ctx, busy, rule(), reprocessed(waiting))
	})
})
