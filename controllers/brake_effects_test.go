package controllers_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("The safety brake, for what is no disabling,", func() {
	var w *world
	var endpoint *v1alpha1.ScimEndpoint
	var stop func()
	BeforeEach(func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		stop = w.start(ctx, countOften)
		endpoint = limitedTo(2)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
	})
	theRule := func() *v1alpha1.AutomationRule {
		rule := &v1alpha1.AutomationRule{}
		rule.Name = "default-user-mapping"
		return rule
	}
	off := func(ctx SpecContext, is bool) {
		GinkgoHelper()
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.Safety.Disabled = is })
		eventually(ctx, w, endpoint, isReady())
	}
	activate := func(ctx SpecContext, users ...*v1alpha1.ScimUser) {
		GinkgoHelper()
		for _, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		}
	}
	rename := func(ctx SpecContext, domain string, users ...*v1alpha1.ScimUser) {
		GinkgoHelper()
		for _, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) {
				name, _, _ := strings.Cut(u.Spec.UserName, "@")
				u.Spec.UserName = name + "@" + domain
			})
		}
	}
	// addresses counts the Persons by the domain of their addresses.
	addresses := func(ctx SpecContext, want map[string]int) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			got := map[string]int{}
			persons := &v1alpha1.PersonList{}
			g.Expect(w.List(ctx, persons)).To(Succeed())
			for i := range persons.Items {
				_, domain, _ := strings.Cut(persons.Items[i].Spec.PrimaryEmail, "@")
				got[domain]++
			}
			g.Expect(got).To(Equal(want))
		}).Should(Succeed())
	}
	heldMessage := func() string {
		return meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionHeld).Message
	}

	It("lets one rule enable none of those who have left and move no address, and writes everything else", func(ctx SpecContext) {
		off(ctx, true)
		users := w.createUsers(ctx, 8)
		w.deactivate(ctx, users[:4]...)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 4})
		off(ctx, false)
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
			setValue(r, "disabled", "false")
			setValue(r, "primaryEmail", `email.split("@")[0] + "@evil.example"`)
			setValue(r, "costCenter", `"moved"`)
		})
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 4, held: 8})
		addresses(ctx, map[string]int{"example.com": 8})
		for _, user := range users {
			person := w.personOf(ctx, user)
			Expect(person.Spec.CostCenter).To(Equal("moved"))
			Expect(person.Annotations).NotTo(HaveKey(v1alpha1.AnnotationEnabledAt))
		}
		eventually(ctx, w, endpoint, holds(8))
		Expect(heldMessage()).To(And(ContainSubstring("4 not enabled"), ContainSubstring("8 without their new primaryEmail"), Not(ContainSubstring("not disabled"))))
		held := get(ctx, w, &v1alpha1.ScimUser{}, users[0].Name)
		Expect(held.Status.HeldEffects).To(Equal([]v1alpha1.HeldEffect{v1alpha1.HeldChangePrimaryEmail, v1alpha1.HeldEnable}))
		Expect(held.Status.HeldCause).To(Equal(v1alpha1.HeldByRules))
		Expect(readyMessage(held)).To(And(ContainSubstring("keeps its primaryEmail and is not enabled"), ContainSubstring("ScimEndpoint okta")))

		By("enabling one whom the client has back, beside that")
		activate(ctx, users[0])
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 5, held: 8})
		eventually(ctx, w, users[0], WithTransform(func(u *v1alpha1.ScimUser) []v1alpha1.HeldEffect { return u.Status.HeldEffects },
			Equal([]v1alpha1.HeldEffect{v1alpha1.HeldChangePrimaryEmail})))

		By("forgetting all about it when the rule is put right")
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 5})
		addresses(ctx, map[string]int{"example.com": 8})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("lets go of all of it when somebody says so", func(ctx SpecContext) {
		off(ctx, true)
		users := w.createUsers(ctx, 6)
		w.deactivate(ctx, users[:3]...)
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 3})
		off(ctx, false)
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
			setValue(r, "disabled", "false")
			setValue(r, "primaryEmail", `email.split("@")[0] + "@new.example"`)
		})
		w.eventuallyCounts(ctx, census{disabled: 3, enabled: 3, held: 6})
		eventually(ctx, w, endpoint, holds(6))
		w.release(ctx, endpoint)
		w.eventuallyCounts(ctx, census{enabled: 6})
		addresses(ctx, map[string]int{"new.example": 6})
		eventually(ctx, w, endpoint, holds(0))
	})

	It("counts whom the client has back, and holds who is too many, after a restart, too", func(ctx SpecContext) {
		off(ctx, true)
		users := w.createUsers(ctx, 6)
		w.deactivate(ctx, users...)
		w.eventuallyCounts(ctx, census{disabled: 6})
		off(ctx, false)
		activate(ctx, users[:5]...)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2, held: 3})
		stop()
		activate(ctx, users[5])
		done := countReconciles("scimuser")
		w.start(ctx, countOften)
		done.waitFor("scimuser", 6)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2, held: 4})
		eventually(ctx, w, endpoint, holds(4))
		Expect(heldMessage()).To(ContainSubstring("4 not enabled"))

		By("ending for who leaves again")
		held := get(ctx, w, &v1alpha1.ScimUser{}, endpoint.Status.Held.First[0])
		Expect(held.Status.HeldCause).To(Equal(v1alpha1.HeldByClient))
		w.deactivate(ctx, held)
		w.eventuallyCounts(ctx, census{disabled: 4, enabled: 2, held: 3})
		w.release(ctx, eventually(ctx, w, endpoint, holds(3)))
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 5})
	})

	It("counts whom the client renames, writes everything else of who is too many, and disables one of them who leaves", func(ctx SpecContext) {
		users := w.createUsers(ctx, 6)
		rename(ctx, "new.example", users...)
		w.eventuallyCounts(ctx, census{enabled: 6, held: 4})
		addresses(ctx, map[string]int{"new.example": 2, "example.com": 4})
		held := get(ctx, w, &v1alpha1.ScimUser{}, eventually(ctx, w, endpoint, holds(4)).Status.Held.First[0])
		Expect(held.Status.HeldEffects).To(Equal([]v1alpha1.HeldEffect{v1alpha1.HeldChangePrimaryEmail}))
		update(ctx, w, held, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		eventually(ctx, w, w.personOf(ctx, held), jobTitle("Engineer"))

		By("going on with who leaves")
		w.deactivate(ctx, held)
		eventually(ctx, w, w.personOf(ctx, held), disabled(true))
		w.eventuallyCounts(ctx, census{enabled: 5, disabled: 1, held: 4})

		By("ending by itself for who is called as before")
		rename(ctx, "example.com", held)
		w.eventuallyCounts(ctx, census{enabled: 5, disabled: 1, held: 3})
		w.release(ctx, eventually(ctx, w, endpoint, holds(3)))
		w.eventuallyCounts(ctx, census{enabled: 5, disabled: 1})
		addresses(ctx, map[string]int{"new.example": 5, "example.com": 1})
	})

	It("lets a Person move to and fro that counts already, and never holds another spelling", func(ctx SpecContext) {
		users := w.createUsers(ctx, 4)
		rename(ctx, "new.example", users[:2]...)
		addresses(ctx, map[string]int{"new.example": 2, "example.com": 2})
		rename(ctx, "other.example", users[:2]...)
		addresses(ctx, map[string]int{"other.example": 2, "example.com": 2})
		for _, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName = strings.ToUpper(u.Spec.UserName) })
		}
		addresses(ctx, map[string]int{"OTHER.EXAMPLE": 2, "EXAMPLE.COM": 2})
		w.eventuallyCounts(ctx, census{enabled: 4})
		rename(ctx, "new.example", users[2])
		w.eventuallyCounts(ctx, census{enabled: 4, held: 1})
	})

	It("lets a rule be put right at once that has moved no more than it might", func(ctx SpecContext) {
		w.createUsers(ctx, 4)
		for range 2 {
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
				setValue(r, "primaryEmail", `email < "user2" ? email.split("@")[0] + "@new.example" : email`)
			})
			addresses(ctx, map[string]int{"new.example": 2, "example.com": 2})
			update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) { r.Spec = defaultUserRule().Spec })
			addresses(ctx, map[string]int{"example.com": 4})
		}
		w.eventuallyCounts(ctx, census{enabled: 4})
	})

	// round gives each user the address of the next one.
	round := func(ctx SpecContext, users []*v1alpha1.ScimUser) {
		GinkgoHelper()
		names := make([]string, len(users))
		for i := range users {
			names[i] = users[(i+1)%len(users)].Spec.UserName
		}
		for i, user := range users {
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName = names[i] })
		}
	}
	follows := func(ctx SpecContext, users []*v1alpha1.ScimUser) {
		GinkgoHelper()
		for _, user := range users {
			eventually(ctx, w, w.personOf(ctx, user), primaryEmail(user.Spec.UserName))
			eventually(ctx, w, user, isReady())
		}
	}

	It("lets two swap their addresses, and keeps three where they are until somebody lets them", func(ctx SpecContext) {
		users := w.createUsers(ctx, 5)
		stop()
		round(ctx, users[:2])
		stop = w.start(ctx, countOften)
		follows(ctx, users[:2])
		w.eventuallyCounts(ctx, census{enabled: 5})

		stop()
		round(ctx, users[2:])
		update(ctx, w, users[4], func(u *v1alpha1.ScimUser) { u.Spec.Title = "Engineer" })
		w.start(ctx, countOften)
		w.eventuallyCounts(ctx, census{enabled: 5, held: 3})
		addresses(ctx, map[string]int{"example.com": 5})
		eventually(ctx, w, w.personOf(ctx, users[4]), jobTitle("Engineer"))
		w.release(ctx, eventually(ctx, w, endpoint, holds(3)))
		follows(ctx, users)
		eventually(ctx, w, endpoint, holds(0))
	})

	It("counts a rule that sends all addresses round before the first one moves", func(ctx SpecContext) {
		users := w.createUsers(ctx, 3)
		update(ctx, w, theRule(), func(r *v1alpha1.AutomationRule) {
			setValue(r, "primaryEmail", fmt.Sprintf("email == %q ? %q : email == %q ? %q : %q", users[0].Spec.UserName, users[1].Spec.UserName,
				users[1].Spec.UserName, users[2].Spec.UserName, users[0].Spec.UserName))
			setValue(r, "jobTitle", `"Engineer"`)
		})
		w.eventuallyCounts(ctx, census{enabled: 3, held: 3})
		for _, user := range users {
			Expect(w.personOf(ctx, user)).To(And(primaryEmail(user.Spec.UserName), jobTitle("Engineer")))
		}
		w.release(ctx, eventually(ctx, w, endpoint, holds(3)))
		for i, user := range users {
			eventually(ctx, w, w.personOf(ctx, user), primaryEmail(users[(i+1)%3].Spec.UserName))
		}
	})

	It("costs no write more than that the user is back, and marks the Person in the same one", func(ctx SpecContext) {
		stop()
		w.start(ctx, countOften, exclusive)
		user := w.createUsers(ctx, 1)[0]
		person := w.personOf(ctx, user)
		Expect(person.Annotations).NotTo(Or(HaveKey(v1alpha1.AnnotationEnabledAt), HaveKey(v1alpha1.AnnotationPrimaryEmailChangedAt)))
		w.deactivate(ctx, user)
		eventually(ctx, w, person, disabled(true))
		eventually(ctx, w, user, observed())
		done := countReconciles("scimuser", "person")
		before := len(w.writes(ctx))
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active, u.Spec.UserName = new(true), "jane@new.example" })
		eventually(ctx, w, person, And(disabled(false), primaryEmail("jane@new.example")))
		done.waitFor("scimuser", 2)
		done.waitFor("person", 1)
		Expect(person.Annotations).To(And(HaveKey(v1alpha1.AnnotationEnabledAt), HaveKey(v1alpha1.AnnotationPrimaryEmailChangedAt),
			Not(HaveKey(v1alpha1.AnnotationDisabledAt))))
		Expect(kinds(concerning(w.writes(ctx)[before:], user))).To(ConsistOf(
			"patch scimusers/status", "patch persons", "patch scimusers/status", "update automationruleexecutions",
		))
	})
})
