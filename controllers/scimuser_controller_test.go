package controllers_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// personOf is the Person that a user is linked to.
func (w *world) personOf(ctx context.Context, user *v1alpha1.ScimUser) *v1alpha1.Person {
	GinkgoHelper()
	Expect(w.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
	Expect(user.Status.Person).NotTo(BeNil(), "%s is linked to no Person", user.Name)
	return get(ctx, w, &v1alpha1.Person{}, user.Status.Person.Name)
}

// person matches a field of the Person's spec.
func personSpec[T any](field func(v1alpha1.PersonSpec) T, matcher types.GomegaMatcher) types.GomegaMatcher {
	return WithTransform(func(person *v1alpha1.Person) T { return field(person.Spec) }, matcher)
}

func disabled(is bool) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) bool { return spec.Disabled }, Equal(is))
}

func jobTitle(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return spec.JobTitle }, Equal(is))
}

func sourceID(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return spec.SourceID }, Equal(is))
}

func organizationName(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return recordName(spec.Organization) }, Equal(is))
}

func managerName(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return recordName(spec.Manager) }, Equal(is))
}

func recordName(reference *v1alpha1.RecordReference) string {
	if reference == nil {
		return ""
	}
	return reference.Name
}

// createReady creates a user and waits until it is linked.
func (w *world) createReady(ctx context.Context, user *v1alpha1.ScimUser) *v1alpha1.ScimUser {
	GinkgoHelper()
	Expect(w.Create(ctx, user)).To(Succeed())
	return eventually(ctx, w, user, isReady())
}

func execution(rule string, subject client.Object) *v1alpha1.AutomationRuleExecution {
	e := &v1alpha1.AutomationRuleExecution{}
	e.Name = rule + "-" + subject.GetName()
	return e
}

var _ = Describe("A ScimUser", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	It("becomes a new Person", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("Jane@Example.com", "Jane Roe"))
		person := eventually(ctx, w, w.personOf(ctx, user), isReady())
		Expect(person.Spec).To(Equal(v1alpha1.PersonSpec{
			Name: "Jane Roe", PrimaryEmail: "Jane@Example.com", Source: v1alpha1.SourceSCIM, SourceID: user.Name,
		}))

		run := get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+user.Name)
		Expect(run.OwnerReferences).To(HaveLen(1))
		Expect(run.OwnerReferences[0].UID).To(Equal(user.UID))
		Expect(run.Labels).To(BeEmpty(), "status.result says what came of it")
		Expect(run.Status.Trigger).To(Equal(v1alpha1.TriggerCreated))
		Expect(run.Status.Record).To(Equal(&v1alpha1.TargetReference{Kind: v1alpha1.RecordPerson, Name: person.Name}))
		Expect(run.Status.Changes).NotTo(BeEmpty())
		Expect(meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.ConditionSucceeded)).To(BeTrue())
	})

	It("is linked to the Person that has its e-mail address already, in whatever case", func(ctx SpecContext) {
		known := newPerson("known", "JANE@example.com")
		known.Spec.JobTitle = "Director"
		Expect(w.Create(ctx, known)).To(Succeed())
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		Expect(person.Name).To(Equal("known"))
		Expect(person.Spec.JobTitle).To(Equal("Director"), "the client sends none, so what is there is kept")
		Expect(person).To(sourceID(user.Name))
	})

	It("shows which rule set which field", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		person := eventually(ctx, w, w.personOf(ctx, user), jobTitle("Engineer"))
		var fields string
		for _, entry := range person.ManagedFields {
			if entry.Manager == "automationrule/default-user-mapping" {
				fields += entry.FieldsV1.String()
			}
		}
		Expect(fields).To(ContainSubstring("f:jobTitle"))
	})

	It("keeps its history in the execution", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		run := execution("default-user-mapping", user)
		for _, title := range []string{"A", "B", "C", "D", "E", "F", "G"} {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = title })
			eventually(ctx, w, run, WithTransform(func(e *v1alpha1.AutomationRuleExecution) int64 {
				return e.Status.SubjectGeneration
			}, Equal(user.Generation)))
		}
		Expect(run.Status.Trigger).To(Equal(v1alpha1.TriggerSubjectChanged))
		Expect(run.Status.Changes).To(Equal([]v1alpha1.FieldChange{{Field: "jobTitle", From: "F", To: "G"}}))
		Expect(run.Status.History).To(HaveLen(5))
		Expect(run.Status.History[0].Reason).To(Equal(v1alpha1.ReasonApplied))
	})

	It("disables its Person when it is deactivated, and enables the same one again", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, person, disabled(true))
		uid := person.UID
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, person, disabled(false))
		Expect(person.UID).To(Equal(uid))
		eventually(ctx, w, user, isReady())
	})

	It("leaves a disabled Person with all its data when it is deleted, which a new user then gets", func(ctx SpecContext) {
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.Title = "Engineer"
		w.createReady(ctx, user)
		person := w.personOf(ctx, user)
		Expect(w.Delete(ctx, user)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(user), user))
		}).Should(BeTrue())
		kept := get(ctx, w, &v1alpha1.Person{}, person.Name)
		person.Spec.Disabled = true
		Expect(kept.Spec).To(Equal(person.Spec))

		again := w.createReady(ctx, newUser("JANE@example.com", "Jane Roe"))
		taken := w.personOf(ctx, again)
		Expect(taken.UID).To(Equal(person.UID))
		Expect(taken).To(And(disabled(false), sourceID(again.Name), jobTitle("Engineer")))
	})

	It("gets the finalizer before anything is written for it", func(ctx SpecContext) {
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Finalizers = nil
		w.createReady(ctx, user)
		Expect(user.Finalizers).To(ConsistOf(v1alpha1.FinalizerDeprovision))
		Expect(concerning(w.writes(ctx), user)[0].String()).To(Equal("patch scimusers " + user.Name + ": 200"))
	})

	It("without a name is reported with the condition that was not met", func(ctx SpecContext) {
		w.start(ctx)
		user := newUser("jane@example.com", "")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonMissing))
		Expect(readyMessage(user)).To(HavePrefix(`No Person came of this user, because the condition of rule default-user-mapping is not met: email != "" && `))
		Expect(readyMessage(user)).NotTo(ContainSubstring("jane"))
		Expect(user.Status.Person).To(BeNil())

		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.DisplayName = "Jane Roe" })
		eventually(ctx, w, user, isReady())
	})

	It("waits while another active user has its e-mail address, and goes on when that one is deactivated", func(ctx SpecContext) {
		w.start(ctx)
		first := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		second := newUser("jroe", "Jane Roe", func(u *v1alpha1.ScimUser) {
			u.Spec.Emails = []v1alpha1.ScimValue{{Value: "Jane@Example.com"}}
		})
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		Expect(second.Status.Person).To(BeNil())
		person := w.personOf(ctx, first)
		Expect(person).To(sourceID(first.Name))

		update(ctx, w, first, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, second, isReady())
		Expect(w.personOf(ctx, second).UID).To(Equal(person.UID))
		eventually(ctx, w, person, And(sourceID(second.Name), disabled(false)))
		eventually(ctx, w, first, ready(metav1.ConditionTrue, v1alpha1.ReasonPersonTakenOver))
	})

	It("waits while another user has its e-mail address, and goes on when that one is deleted", func(ctx SpecContext) {
		w.start(ctx)
		first := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		second := newUser("jroe", "Jane Roe", func(u *v1alpha1.ScimUser) {
			u.Spec.Emails = []v1alpha1.ScimValue{{Value: "jane@example.com"}}
		})
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		Expect(w.Delete(ctx, first)).To(Succeed())
		eventually(ctx, w, second, isReady())
	})

	It("never gets a second Person for one e-mail address, however many users come at once", func(ctx SpecContext) {
		const count = 20
		w.start(ctx)
		for range count {
			user := newUser("user", "Jane Roe")
			user.Spec.UserName = user.Name
			user.Spec.Emails = []v1alpha1.ScimValue{{Value: "jane@example.com"}}
			Expect(w.Create(ctx, user)).To(Succeed())
		}
		Eventually(func(g Gomega) {
			users := &v1alpha1.ScimUserList{}
			g.Expect(w.List(ctx, users)).To(Succeed())
			linked := 0
			for i := range users.Items {
				g.Expect(&users.Items[i]).To(Or(isReady(), isFalse(v1alpha1.ReasonPrimaryEmailTaken)))
				if users.Items[i].Status.Person != nil {
					linked++
				}
			}
			g.Expect(linked).To(Equal(1))
		}).Should(Succeed())
		persons := &v1alpha1.PersonList{}
		Expect(w.List(ctx, persons)).To(Succeed())
		Expect(persons.Items).To(HaveLen(1))
	})

	It("takes the next name for its Person when a renamed one holds the derived name", func(ctx SpecContext) {
		w.start(ctx)
		first := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		name := w.personOf(ctx, first).Name
		update(ctx, w, first, func(u *v1alpha1.ScimUser) { u.Spec.UserName = "jane.roe@example.com" })
		eventually(ctx, w, w.personOf(ctx, first), personSpec(func(spec v1alpha1.PersonSpec) string {
			return spec.PrimaryEmail
		}, Equal("jane.roe@example.com")))

		second := w.createReady(ctx, newUser("jane@example.com", "Another Jane"))
		Expect(w.personOf(ctx, second).Name).To(Equal(name + "-2"))
	})

	It("gets its Person again when somebody deletes it", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		uid := person.UID
		Expect(w.Delete(ctx, person)).To(Succeed())
		eventually(ctx, w, person, WithTransform(func(p *v1alpha1.Person) string { return string(p.UID) }, Not(Equal(string(uid)))))
	})

	It("gets its manager when that one appears later, by any of its three identifiers", func(ctx SpecContext) {
		w.start(ctx)
		manager := newUser("boss@example.com", "The Boss", func(u *v1alpha1.ScimUser) { u.Spec.ExternalID = "00u1" })
		var reports []*v1alpha1.ScimUser
		for i, value := range []string{manager.Name, "00u1", "BOSS@example.com"} {
			reports = append(reports, w.createReady(ctx, newUser(string(rune('a'+i))+"@example.com", "Report", managedBy(value))))
		}
		w.createReady(ctx, manager)
		boss := w.personOf(ctx, manager)
		for _, report := range reports {
			eventually(ctx, w, w.personOf(ctx, report), managerName(boss.Name))
		}

		By("clearing the manager when that one is deactivated")
		update(ctx, w, manager, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		for _, report := range reports {
			eventually(ctx, w, w.personOf(ctx, report), managerName(""))
		}
	})

	It("tells by an Event that it stopped and started being Ready, without saying whose it is", func(ctx SpecContext) {
		w.start(ctx)
		user := newUser("jane@example.com", "")
		Expect(w.Create(ctx, user)).To(Succeed())
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPersonMissing))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.DisplayName = "Jane Roe" })
		eventually(ctx, w, user, isReady())
		Eventually(func(g Gomega) {
			events := &eventsv1.EventList{}
			g.Expect(w.List(ctx, events)).To(Succeed())
			var seen []string
			for _, event := range events.Items {
				if event.Regarding.Name == user.Name {
					seen = append(seen, event.Type+" "+event.Reason)
				}
				g.Expect(strings.ToLower(event.Note)).NotTo(ContainSubstring("jane"))
			}
			g.Expect(seen).To(ConsistOf("Warning PersonMissing", "Normal Ready"))
		}).Should(Succeed())
	})
})
