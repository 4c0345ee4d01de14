package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// reprocessed matches a rule whose subjects are all processed since its last change.
func reprocessed(total int) types.GomegaMatcher {
	return WithTransform(func(r *v1alpha1.AutomationRule) []int64 {
		state := r.Status.Reprocessing
		if state == nil || state.FinishedAt == nil || r.Status.ObservedGeneration != r.Generation {
			return nil
		}
		return []int64{state.Total, state.Processed}
	}, Equal([]int64{int64(total), int64(total)}))
}

var _ = Describe("Reprocessing", Label("race"), func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	rule := func() *v1alpha1.AutomationRule {
		return &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-user-mapping"}}
	}
	costCenter := func(value string) func(*v1alpha1.AutomationRule) {
		return func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", `"`+value+`"`) }
	}

	It("of a rule's subjects is told of on the rule and in Events, once each", func(ctx SpecContext) {
		w.start(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		eventually(ctx, w, rule(), reprocessed(0))
		w.createUsers(ctx, 5)
		before := len(w.writes(ctx))
		update(ctx, w, rule(), costCenter("one"))
		eventually(ctx, w, rule(), reprocessed(5))
		Eventually(w.eventReasons(ctx, "default-user-mapping")).Should(ContainElements("ReprocessingStarted", "ReprocessingFinished"))
		statuses := slices.DeleteFunc(w.writes(ctx)[before:], func(write testenv.Write) bool { return write.Resource != "automationrules" })
		Expect(len(statuses)).To(BeNumerically("<=", 3), "one at the start, one at the end, and one in between if executions failed")
	})

	It("goes on after a restart, and happens for what changed while nothing was running", func(ctx SpecContext) {
		stop := w.start(ctx)
		eventually(ctx, w, rule(), reprocessed(0))
		users := w.createUsers(ctx, 5)
		stop()
		update(ctx, w, rule(), costCenter("two"))
		stop = w.start(ctx)
		eventually(ctx, w, rule(), reprocessed(5))
		for _, user := range users {
			Expect(w.personOf(ctx, user).Spec.CostCenter).To(Equal("two"))
		}
		stop()

		By("finishing what a process that ended has begun")
		unfinished := get(ctx, w, rule(), "default-user-mapping")
		unfinished.Status.Reprocessing.FinishedAt, unfinished.Status.Reprocessing.Processed = nil, 3
		Expect(w.Status().Update(ctx, unfinished)).To(Succeed())
		w.start(ctx)
		eventually(ctx, w, rule(), reprocessed(5))
	})

	It("writes nothing to subjects, executions and Persons for which nothing changes", func(ctx SpecContext) {
		w.start(ctx)
		eventually(ctx, w, rule(), reprocessed(0))
		w.createUsers(ctx, 5)
		idle := locationRule()
		idle.Spec.Disabled = true
		done, before := countReconciles("scimuser"), len(w.writes(ctx))
		Expect(w.Create(ctx, idle)).To(Succeed())
		done.waitFor("scimuser", 5)
		eventually(ctx, w, idle, reprocessed(5))
		update(ctx, w, idle, func(r *v1alpha1.AutomationRule) { r.Spec.Position = new(int32(1)) })
		eventually(ctx, w, idle, And(reprocessed(5), WithTransform(func(r *v1alpha1.AutomationRule) int64 { return r.Generation }, Equal(int64(2)))))
		Expect(w.Delete(ctx, idle)).To(Succeed())
		done.waitFor("scimuser", 15)
		for _, write := range w.writes(ctx)[before:] {
			Expect(write.Resource).To(Equal("automationrules"), "%+v", write)
		}
	})

	It("lets a live push overtake everything that waits", func(ctx SpecContext) {
		const waiting = 100
		executions := &gate{path: "/namespaces/" + w.namespace + "/automationruleexecutions", opened: make(chan struct{})}
		config := w.config()
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return through{executions, next} })
		mgr := suite.NewManager(config, []string{w.namespace})
		w.run(ctx, mgr, func(o *controllers.Options) { o.Concurrency = 1 })
		eventually(ctx, w, rule(), reprocessed(0))
		w.createUsers(ctx, waiting)

		By("standing still with the first of them")
		executions.shut.Store(true)
		update(ctx, w, rule(), costCenter("three"))
		Eventually(executions.waiting.Load).Should(BeNumerically(">", 0))
		pushed := newUser("pushed@example.com", "Pushed")
		Expect(w.Create(ctx, pushed)).To(Succeed())
		Eventually(func() error {
			return mgr.GetCache().Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: pushed.Name}, &v1alpha1.ScimUser{})
		}).Should(Succeed())

		By("going on with the push")
		close(executions.opened)
		eventually(ctx, w, pushed, isReady())
		person := w.personOf(ctx, pushed)
		Expect(person.Spec.CostCenter).To(Equal("three"))
		eventually(ctx, w, rule(), reprocessed(waiting))

		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: w.namespace})
		Expect(err).NotTo(HaveOccurred())
		made := slices.IndexFunc(writes, func(write testenv.Write) bool { return write.Resource == "persons" && write.Name == person.Name })
		Expect(made).To(BeNumerically(">", 0))
		var after []string
		for _, write := range writes[made:] {
			if write.Resource == "automationruleexecutions" && !strings.HasSuffix(write.Name, pushed.Name) {
				after = append(after, write.Name)
			}
		}
		Expect(after).NotTo(BeEmpty(), "subjects that were in the queue before the push and processed after it")
	})
})

var _ = Describe("A namespace without rules", func() {
	It("says so on the endpoint, and leaves people as they are", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 3)
		eventually(ctx, w, endpoint, isReady())
		var generations []int64
		for _, user := range users {
			generations = append(generations, w.personOf(ctx, user).Generation)
		}
		Expect(w.Delete(ctx, defaultUserRule())).To(Succeed())
		eventually(ctx, w, endpoint, ready(metav1.ConditionTrue, v1alpha1.ReasonNoRules))
		for i, user := range users {
			eventually(ctx, w, user, isFalse(v1alpha1.ReasonNoRules))
			Expect(w.personOf(ctx, user).Generation).To(Equal(generations[i]))
		}
		Expect(w.Create(ctx, defaultUserRule())).To(Succeed())
		eventually(ctx, w, endpoint, isReady())
		for i, user := range users {
			eventually(ctx, w, user, isReady())
			Expect(w.personOf(ctx, user).Generation).To(Equal(generations[i]))
		}
	})
})
