package controllers_test

import (
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

var _ = Describe("The safety brake", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	theRule := func() *v1alpha1.AutomationRule {
		rule := &v1alpha1.AutomationRule{}
		rule.Name = "default-user-mapping"
		return rule
	}
	disableAll := func(r *v1alpha1.AutomationRule) { setValue(r, "disabled", "true") }
	start := func(ctx SpecContext, endpoint *v1alpha1.ScimEndpoint) *v1alpha1.ScimEndpoint {
		GinkgoHelper()
		w.start(ctx, countOften)
		if endpoint != nil {
			Expect(w.Create(ctx, endpoint)).To(Succeed())
			eventually(ctx, w, endpoint, isReady())
		}
		return endpoint
	}

	It("lets a rule that disables everybody disable nobody, and goes on with everything else", func(ctx SpecContext) {
		endpoint := start(ctx, newEndpoint("okta"))
		users := w.createUsers(ctx, 60)
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
			disableAll(r)
			setValue(r, "costCenter", `"moved"`)
		})
		w.eventuallyCounts(ctx, census{enabled: 60, held: 60})
		eventually(ctx, w, endpoint, And(isReady(), holds(60)))
		for _, user := range users {
			Expect(w.personOf(ctx, user).Spec.CostCenter).To(Equal("moved"))
		}
		held := get(ctx, w, &v1alpha1.ScimUser{}, users[0].Name)
		Expect(readyMessage(held)).To(ContainSubstring("Condition Held of ScimEndpoint okta"))
		condition := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionHeld)
		Expect(condition.Message).To(And(ContainSubstring("60 Persons"), ContainSubstring(endpoint.Status.Held.First[0]),
			ContainSubstring("%s=%d", v1alpha1.AnnotationReleaseHeld, endpoint.Status.Held.Generation), Not(ContainSubstring("@"))))
		Expect(endpoint.Status.Held.First).To(HaveLen(10))
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement(v1alpha1.ReasonHeld))

		By("going on with what the client pushes")
		update(ctx, w, users[0], func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		eventually(ctx, w, w.personOf(ctx, users[0]), And(jobTitle("Engineer"), disabled(false)))

		By("letting go when somebody says so")
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 60})
		eventually(ctx, w, endpoint, And(isReady(), holds(0)))
		for _, user := range users {
			eventually(ctx, w, user, isReady())
			Expect(user.Status.HeldGeneration).To(BeZero())
		}
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement("Released"))
	})

	It("forgets all about it when the rule is put right, after a restart, too", func(ctx SpecContext) {
		stop := w.start(ctx, countOften)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 30)
		generations := map[string]int64{}
		for _, user := range users {
			generations[user.Name] = w.personOf(ctx, user).Generation
		}
		update(ctx, w, theRule(), disableAll)
		w.eventuallyCounts(ctx, census{enabled: 30, held: 30})
		eventually(ctx, w, endpoint, holds(30))
		stop()
		done := countReconciles("scimuser")
		w.start(ctx, countOften)
		done.waitFor("scimuser", 30)
		w.eventuallyCounts(ctx, census{enabled: 30, held: 30})
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		w.eventuallyCounts(ctx, census{enabled: 30})
		eventually(ctx, w, endpoint, holds(0))
		for _, user := range users {
			eventually(ctx, w, user, isReady())
			Expect(w.personOf(ctx, user).Generation).To(Equal(generations[user.Name]), "the Person was never written to")
		}
		Eventually(w.eventReasons(ctx, "okta")).Should(ContainElement("HoldEnded"))
	})

	It("holds a bad rule that came while nothing was running", func(ctx SpecContext) {
		stop := w.start(ctx)
		w.createUsers(ctx, 12)
		stop()
		update(ctx, w, theRule(), disableAll)
		w.start(ctx)
		w.eventuallyCounts(ctx, census{enabled: 12, held: 12})
	})

	It("lets a rule disable few", func(ctx SpecContext) {
		start(ctx, newEndpoint("okta"))
		users := w.createUsers(ctx, 12)
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
			setValue(r, "disabled", fmt.Sprintf(`!user.active || user.userName == %q`, users[3].Spec.UserName))
		})
		eventually(ctx, w, w.personOf(ctx, users[3]), disabled(true))
		w.eventuallyCounts(ctx, census{enabled: 11, disabled: 1})
	})

	It("stops an identity provider that empties itself, and a restart does not start the count anew", func(ctx SpecContext) {
		grown := func(o *controllers.Options) {
			o.Clock = clocktesting.NewFakePassiveClock(time.Now().Add(25 * time.Hour))
		}
		stop := w.start(ctx, countOften, grown)
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 200)
		w.deactivate(ctx, users[:60]...)
		w.eventuallyCounts(ctx, census{disabled: 40, enabled: 160, held: 20})
		stop()
		w.deactivate(ctx, users[60:130]...)
		done := countReconciles("scimuser")
		w.start(ctx, countOften, grown)
		done.waitFor("scimuser", 200)
		w.deactivate(ctx, users[130:]...)
		w.eventuallyCounts(ctx, census{disabled: 40, enabled: 160, held: 160})
		eventually(ctx, w, endpoint, holds(160))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 200})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("does not keep somebody enabled who leaves while a bad rule is held", func(ctx SpecContext) {
		endpoint := start(ctx, newEndpoint("okta"))
		users := w.createUsers(ctx, 14)
		update(ctx, w, theRule(), disableAll)
		w.eventuallyCounts(ctx, census{enabled: 14, held: 14})
		eventually(ctx, w, endpoint, holds(14))

		w.deactivate(ctx, users[0])
		eventually(ctx, w, w.personOf(ctx, users[0]), disabled(true))
		leaver := w.personOf(ctx, users[1])
		Expect(w.Delete(ctx, users[1])).To(Succeed())
		eventually(ctx, w, leaver, disabled(true))
		w.eventuallyCounts(ctx, census{disabled: 2, enabled: 12, held: 12})
		eventually(ctx, w, endpoint, holds(12))

		By("holding those who are too many, under a generation of their own")
		w.deactivate(ctx, users[2:]...)
		w.eventuallyCounts(ctx, census{disabled: 10, enabled: 4, held: 4})
		done := countReconciles("scimuser")
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		done.waitFor("scimuser", 13)
		w.eventuallyCounts(ctx, census{disabled: 10, enabled: 4, held: 4})
	})

	It("ends by itself when users are active again", func(ctx SpecContext) {
		endpoint := start(ctx, limitedTo(1))
		users := w.createUsers(ctx, 4)
		w.deactivate(ctx, users...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 3, held: 3})
		eventually(ctx, w, endpoint, holds(3))
		for _, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		}
		w.eventuallyCounts(ctx, census{enabled: 4})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("lets go of exactly what it told of, and stays armed", func(ctx SpecContext) {
		endpoint := start(ctx, limitedTo(1))
		users := w.createUsers(ctx, 6)
		w.deactivate(ctx, users[:3]...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 5, held: 2})
		eventually(ctx, w, endpoint, holds(2))
		first := endpoint.Status.Held.Generation
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 3})
		eventually(ctx, w, endpoint, holds(0))

		By("starting a new count, under a new generation, that the old annotation does not release")
		w.deactivate(ctx, users[3:]...)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2, held: 2})
		eventually(ctx, w, endpoint, holds(2))
		Expect(endpoint.Status.Held.Generation).To(BeNumerically(">", first))
		Expect(endpoint.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationReleaseHeld, strconv.FormatInt(first, 10)))

		By("not taking an annotation that names what nobody was told of")
		done := countReconciles("scimendpoint")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) {
			e.Annotations[v1alpha1.AnnotationReleaseHeld] = strconv.FormatInt(e.Status.Held.Generation+1, 10)
		})
		done.waitFor("scimendpoint", 1)
		eventually(ctx, w, endpoint, And(holds(2), WithTransform(func(e *v1alpha1.ScimEndpoint) string {
			return meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionHeld).Message
		}, ContainSubstring("names nothing that is held"))))
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2, held: 2})

		By("letting go of everything when it is switched off")
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Safety.Disabled = true })
		w.eventuallyCounts(ctx, census{disabled: 6})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("never holds single deactivations, and keeps what it holds however much time passes", func(ctx SpecContext) {
		clock := clocktesting.NewFakePassiveClock(time.Now())
		w.start(ctx, countOften, func(o *controllers.Options) { o.Clock = clock })
		Expect(w.Create(ctx, limitedTo(1))).To(Succeed())
		users := w.createUsers(ctx, 7)
		for i, user := range users[:4] {
			w.deactivate(ctx, user)
			w.eventuallyCounts(ctx, census{disabled: i + 1, enabled: 6 - i})
			clock.SetTime(clock.Now().Add(61 * time.Minute))
		}
		By("holding the second one of a window")
		w.deactivate(ctx, users[4], users[5])
		w.eventuallyCounts(ctx, census{disabled: 5, enabled: 2, held: 1})
		clock.SetTime(clock.Now().Add(61 * time.Minute))
		for _, user := range users[4:6] {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Alumna" })
			eventually(ctx, w, w.personOf(ctx, user), jobTitle("Alumna"))
		}
		w.eventuallyCounts(ctx, census{disabled: 5, enabled: 2, held: 1})
		w.deactivate(ctx, users[6])
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 1, held: 1})
	})

	It("repairs at once what a rule has made of those who have left", func(ctx SpecContext) {
		endpoint := limitedTo(1)
		endpoint.Spec.Safety.Disabled = true
		start(ctx, endpoint)
		users := w.createUsers(ctx, 8)
		w.deactivate(ctx, users[:6]...)
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 2})
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "disabled", "false") })
		w.eventuallyCounts(ctx, census{enabled: 8})
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Safety.Disabled = false })
		eventually(ctx, w, endpoint, isReady())

		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 2})
		eventually(ctx, w, endpoint, holds(0))

		By("holding who leaves now, because those six count")
		w.deactivate(ctx, users[6])
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 2, held: 1})
	})

	It("counts once whom a client deactivates, whatever rules make of it meanwhile", func(ctx SpecContext) {
		endpoint := start(ctx, limitedTo(2))
		users := w.createUsers(ctx, 7)
		w.deactivate(ctx, users[:6]...)
		w.eventuallyCounts(ctx, census{disabled: 2, enabled: 5, held: 4})
		for range 2 {
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { setValue(r, "disabled", "false") })
			w.eventuallyCounts(ctx, census{enabled: 7})
			eventually(ctx, w, endpoint, holds(0))
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
			w.eventuallyCounts(ctx, census{disabled: 2, enabled: 5, held: 4})
			eventually(ctx, w, endpoint, holds(4))
		}
	})

	It("lets nobody disable more by making Persons first", func(ctx SpecContext) {
		endpoint := start(ctx, newEndpoint("okta"))
		users := w.createUsers(ctx, 60)
		w.deactivate(ctx, users[:12]...)
		w.eventuallyCounts(ctx, census{disabled: 10, enabled: 50, held: 2})
		eventually(ctx, w, endpoint, holds(2))
	})

	It("holds those who are too many in a day, however slowly they come", func(ctx SpecContext) {
		clock := clocktesting.NewFakePassiveClock(time.Now())
		w.start(ctx, countOften, func(o *controllers.Options) { o.Clock = clock })
		endpoint := limitedTo(2)
		endpoint.Spec.Safety.MaxPercentPerDay, endpoint.Spec.Safety.MinCountPerDay = new(int32(0)), new(int32(3))
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 8)
		w.deactivate(ctx, users[:2]...)
		w.eventuallyCounts(ctx, census{disabled: 2, enabled: 6})
		clock.SetTime(clock.Now().Add(2 * time.Hour))
		w.deactivate(ctx, users[2:4]...)
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 5, held: 1})
		eventually(ctx, w, endpoint, holds(1))

		By("starting both counts anew when somebody releases")
		clock.SetTime(clock.Now().Add(time.Minute))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 4})
		w.deactivate(ctx, users[4:6]...)
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 2})
		w.deactivate(ctx, users[6])
		w.eventuallyCounts(ctx, census{disabled: 6, enabled: 2, held: 1})

		By("letting others go after a day")
		clock.SetTime(clock.Now().Add(25 * time.Hour))
		w.deactivate(ctx, users[7])
		w.eventuallyCounts(ctx, census{disabled: 7, enabled: 1, held: 1})
	})

	It("keeps users that are deleted in a burst until their Persons may be disabled", func(ctx SpecContext) {
		endpoint := start(ctx, limitedTo(2))
		users := w.createUsers(ctx, 6)
		for _, user := range users[:5] {
			Expect(w.Delete(ctx, user)).To(Succeed())
		}
		w.eventuallyCounts(ctx, census{disabled: 2, enabled: 4, held: 3, terminating: 3})
		eventually(ctx, w, endpoint, holds(3))

		By("letting one go whose Person has a new user")
		held := get(ctx, w, &v1alpha1.ScimUser{}, endpoint.Status.Held.First[0])
		Expect(readyMessage(held)).To(HaveSuffix("Besides: The client has deleted the user."))
		returned := w.createReady(ctx, newUser(held.Spec.UserName, "Back again"))
		Expect(w.personOf(ctx, returned)).To(disabled(false))
		eventually(ctx, w, endpoint, holds(2))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2})
		eventually(ctx, w, endpoint, holds(0))
	})

	// bereave takes the users of three Persons away while no operator runs, of whom the brake holds two then.
	bereave := func(ctx SpecContext) (*v1alpha1.ScimEndpoint, []*v1alpha1.ScimUser) {
		stop := w.start(ctx)
		endpoint := limitedTo(1)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		users := w.createUsers(ctx, 3)
		stop()
		for _, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Finalizers = nil })
			Expect(w.Delete(ctx, user)).To(Succeed())
		}
		w.start(ctx, countOften)
		eventually(ctx, w, endpoint, holds(2))
		return endpoint, users
	}

	It("holds Persons whose users went without their finalizers", func(ctx SpecContext) {
		endpoint, _ := bereave(ctx)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2})
		person := get(ctx, w, &v1alpha1.Person{}, endpoint.Status.Held.First[0])
		Expect(person).To(isFalse(v1alpha1.ReasonHeld))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 3})
		eventually(ctx, w, person, isReady())
	})

	It("holds Persons no longer whose users are back", func(ctx SpecContext) {
		endpoint, users := bereave(ctx)
		for _, user := range users {
			user.ResourceVersion, user.UID = "", ""
			w.createReady(ctx, user)
		}
		w.eventuallyCounts(ctx, census{enabled: 3})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("holds what the rules leave undecided, too", func(ctx SpecContext) {
		endpoint := start(ctx, limitedTo(1))
		users := w.createUsers(ctx, 3)
		Expect(w.Delete(ctx, theRule())).To(Succeed())
		eventually(ctx, w, endpoint, ready(metav1.ConditionTrue, v1alpha1.ReasonNoRules))
		w.deactivate(ctx, users...)
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2})
		held := get(ctx, w, &v1alpha1.ScimUser{}, eventually(ctx, w, endpoint, holds(2)).Status.Held.First[0])
		Expect(readyMessage(held)).To(ContainSubstring("Besides: There is no enabled AutomationRule"))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{disabled: 3})
	})

	It("lets everybody of a small tenant be disabled, and needs no ScimEndpoint", func(ctx SpecContext) {
		start(ctx, nil)
		users := w.createUsers(ctx, 11)
		w.deactivate(ctx, users[:5]...)
		w.eventuallyCounts(ctx, census{disabled: 5, enabled: 6})
		w.deactivate(ctx, users[5:]...)
		w.eventuallyCounts(ctx, census{disabled: 10, enabled: 1, held: 1})
		list := &v1alpha1.ScimUserList{}
		Expect(w.List(ctx, list)).To(Succeed())
		Expect(list.Items).To(ContainElement(WithTransform(func(u v1alpha1.ScimUser) string { return readyMessage(&u) },
			ContainSubstring("Create a ScimEndpoint in this namespace"))))
	})

	It("costs no write more for a Person that is disabled, and marks it in the same one", func(ctx SpecContext) {
		start(ctx, nil)
		user := w.createUsers(ctx, 1)[0]
		person := w.personOf(ctx, user)
		done := countReconciles("scimuser", "person")
		before := len(w.writes(ctx))
		w.deactivate(ctx, user)
		eventually(ctx, w, user, isReady())
		done.waitFor("scimuser", 2)
		done.waitFor("person", 1)
		Expect(kinds(concerning(w.writes(ctx)[before:], user))).To(Equal([]string{
			"patch persons", "patch scimusers/status", "update automationruleexecutions",
		}))
		Expect(get(ctx, w, person, person.Name).Annotations).To(HaveKey(v1alpha1.AnnotationDisabledAt))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, person, disabled(false))
		Expect(person.Annotations).NotTo(HaveKey(v1alpha1.AnnotationDisabledAt))
	})
})
