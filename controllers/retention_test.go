package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

var _ = Describe("Retention", func() {
	const day = 24 * time.Hour
	var w *world
	var clk *clocktesting.FakePassiveClock
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		clk = clocktesting.NewFakePassiveClock(time.Now())
	})
	start := func(ctx SpecContext) func() {
		return w.start(ctx, countOften, func(o *controllers.Options) { o.Clock = clk })
	}
	later := func(by time.Duration) { clk.SetTime(clk.Now().Add(by)) }
	keeping := func(days int32) *v1alpha1.ScimEndpoint {
		endpoint := newEndpoint("okta")
		endpoint.Spec.Retention.DisabledPersonDays = &days
		endpoint.Spec.Safety = v1alpha1.ScimEndpointSafety{MinDisableCount: new(int32(100)), MinCountPerDay: new(int32(100))}
		return endpoint
	}
	// tells matches an endpoint by how many are due and were deleted in the day.
	tells := func(due, deleted int64) types.GomegaMatcher {
		return WithTransform(func(e *v1alpha1.ScimEndpoint) string {
			if e.Status.Retention == nil {
				return "nothing"
			}
			return fmt.Sprintf("due %d, deleted %d", e.Status.Retention.Due, e.Status.Retention.DeletedInDay)
		}, Equal(fmt.Sprintf("due %d, deleted %d", due, deleted)))
	}
	expired := func() types.GomegaMatcher { return ready(metav1.ConditionTrue, v1alpha1.ReasonPersonDeleted) }
	gone := func(ctx SpecContext, object client.Object) func() bool {
		return func() bool { return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(object), object)) }
	}
	leave := func(ctx SpecContext, user *v1alpha1.ScimUser) {
		GinkgoHelper()
		person := w.personOf(ctx, user)
		w.deactivate(ctx, user)
		eventually(ctx, w, person, disabled(true))
		eventually(ctx, w, user, isReady())
	}

	It("deletes who left long ago, a day after it was set, and nobody else", func(ctx SpecContext) {
		stop := start(ctx)
		users := w.createUsers(ctx, 6)
		inactive, deleted, byHand, protected, active, recent := users[0], users[1], users[2], users[3], users[4], users[5]
		persons := map[*v1alpha1.ScimUser]*v1alpha1.Person{}
		for _, user := range users {
			persons[user] = w.personOf(ctx, user)
		}
		update(ctx, w, persons[active], func(p *v1alpha1.Person) { p.Spec.Manager = &v1alpha1.RecordReference{Name: persons[deleted].Name} })
		leave(ctx, inactive)
		leave(ctx, protected)
		update(ctx, w, persons[protected], func(p *v1alpha1.Person) {
			p.Annotations[v1alpha1.AnnotationProtected] = "true"
		})
		Expect(w.Delete(ctx, deleted)).To(Succeed())
		Eventually(gone(ctx, deleted)).Should(BeTrue())
		// Somebody disables by hand whose user then leaves.
		stop()
		update(ctx, w, persons[byHand], func(p *v1alpha1.Person) { p.Spec.Disabled = true })
		w.deactivate(ctx, byHand)
		stop = start(ctx)
		eventually(ctx, w, byHand, isReady())
		later(35 * day)
		leave(ctx, recent)

		endpoint := keeping(30)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		eventually(ctx, w, endpoint, WithTransform(func(e *v1alpha1.ScimEndpoint) bool {
			return e.Status.Retention != nil && e.Status.Retention.StartsAt.Sub(clk.Now()).Round(time.Minute) == day
		}, BeTrue()))
		Expect(endpoint.Status.Retention.Due).To(BeNumerically(">=", 2), "what will be deleted is told before")
		Expect(w.Get(ctx, client.ObjectKeyFromObject(persons[deleted]), persons[deleted])).To(Succeed())
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement("RetentionSet"))

		later(day + time.Minute)
		eventually(ctx, w, endpoint, tells(0, 2))
		Eventually(gone(ctx, persons[inactive])).Should(BeTrue())
		Eventually(gone(ctx, persons[deleted])).Should(BeTrue())
		for _, user := range []*v1alpha1.ScimUser{byHand, protected, active, recent} {
			Expect(w.Get(ctx, client.ObjectKeyFromObject(persons[user]), persons[user])).To(Succeed())
		}
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement("PersonsDeleted"))
		eventually(ctx, w, persons[active], personSpec(func(s v1alpha1.PersonSpec) string { return recordName(s.Manager) }, BeEmpty()))
		eventually(ctx, w, inactive, expired())
		Expect(inactive.Status.PersonDeletedAt).NotTo(BeNil())

		By("making no Person of the inactive user, after a restart, too, and writing nothing")
		update(ctx, w, inactive, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Alumna" })
		eventually(ctx, w, inactive, observed())
		stop()
		before, done := len(w.writes(ctx)), countReconciles("scimuser", "retention")
		stop = start(ctx)
		done.waitFor("scimuser", 5)
		done.waitFor("retention", 2)
		stop()
		Expect(w.writes(ctx)[before:]).To(BeEmpty())
		Expect(gone(ctx, persons[inactive])()).To(BeTrue())

		By("making one when the user is back")
		start(ctx)
		update(ctx, w, inactive, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, inactive, And(isReady(), WithTransform(func(u *v1alpha1.ScimUser) bool { return u.Status.PersonDeletedAt == nil && u.Status.Person != nil }, BeTrue())))
		Expect(w.personOf(ctx, inactive).Spec.Disabled).To(BeFalse())
	})

	It("deletes few in a day, whatever the clock and a restart say", func(ctx SpecContext) {
		stop := start(ctx)
		endpoint := keeping(30)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 13)
		for _, user := range users {
			leave(ctx, user)
		}
		later(400 * day)
		eventually(ctx, w, endpoint, tells(3, 10))
		w.eventuallyCounts(ctx, census{disabled: 3})
		stop()
		done := countReconciles("retention")
		stop = start(ctx)
		done.waitFor("retention", 3)
		w.eventuallyCounts(ctx, census{disabled: 3})
		later(day)
		w.eventuallyCounts(ctx, census{})
		stop()
	})

	It("pauses while the safety brake holds anything", func(ctx SpecContext) {
		start(ctx)
		endpoint := keeping(30)
		endpoint.Spec.Safety = v1alpha1.ScimEndpointSafety{
			MaxDisablePercent: new(int32(0)), MinDisableCount: new(int32(1)), MaxPercentPerDay: new(int32(0)), MinCountPerDay: new(int32(1)),
		}
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 3)
		leave(ctx, users[0])
		w.deactivate(ctx, users[1:]...)
		eventually(ctx, w, endpoint, holds(2))
		done := countReconciles("retention")
		later(400 * day)
		done.waitFor("retention", 3)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2})
		for _, user := range users[1:] {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		}
		w.eventuallyCounts(ctx, census{enabled: 2})
	})

	It("has the user say that there is to be no Person before that is deleted", func(ctx SpecContext) {
		start(ctx)
		user := w.createUsers(ctx, 1)[0]
		person := w.personOf(ctx, user)
		leave(ctx, user)
		// The process ended between the two writes.
		before := user.DeepCopy()
		user.Status.PersonDeletedAt = new(v1alpha1.NewTimestamp(clk.Now()))
		Expect(w.Status().Patch(ctx, user, client.MergeFrom(before))).To(Succeed())
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Alumna" })
		eventually(ctx, w, person, jobTitle("Alumna"))
		Expect(w.Delete(ctx, person)).To(Succeed())
		eventually(ctx, w, user, expired())
		Expect(gone(ctx, person)()).To(BeTrue())
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, user, WithTransform(func(u *v1alpha1.ScimUser) bool { return u.Status.PersonDeletedAt == nil && u.Status.Person != nil }, BeTrue()))
	})
})
