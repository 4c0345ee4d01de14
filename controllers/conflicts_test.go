package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("A user whose new e-mail address another Person has", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	DescribeTable("is told so, and gets it when it is free", func(ctx SpecContext, title string, holder func(SpecContext) *v1alpha1.Person) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		other := holder(ctx)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName, u.Spec.Title = "John@Example.com", "Engineer" })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		Expect(readyMessage(user)).To(And(ContainSubstring("Person "+other.Name), Not(ContainSubstring("ohn@"))))
		Expect(user.Status.Person.Name).To(Equal(person.Name))
		Expect(get(ctx, w, person, person.Name)).To(And(primaryEmail("jane@example.com"), jobTitle(title)))
		Expect(get(ctx, w, &v1alpha1.Person{}, other.Name).Spec.SourceID).NotTo(Equal(user.Name))

		update(ctx, w, other, func(p *v1alpha1.Person) {
			p.Spec.PrimaryEmail, p.Spec.SourceID, p.Spec.Source = "gone@example.com", "", ""
		})
		eventually(ctx, w, person, And(primaryEmail("John@Example.com"), jobTitle("Engineer")))
		eventually(ctx, w, user, isReady())
	},
		Entry("by hand: nothing of the rule is written until then", "", func(ctx SpecContext) *v1alpha1.Person {
			person := newPerson("john", "john@example.com")
			Expect(w.Create(ctx, person)).To(Succeed())
			return person
		}),
		Entry("by hand, disabled", "", func(ctx SpecContext) *v1alpha1.Person {
			person := newPerson("john", "JOHN@example.com")
			person.Spec.Disabled = true
			Expect(w.Create(ctx, person)).To(Succeed())
			return person
		}),
		Entry("of a user that is gone: the rest of the rule is carried out", "Engineer", func(ctx SpecContext) *v1alpha1.Person {
			user := w.createReady(ctx, newUser("john@example.com", "John Roe"))
			person := w.personOf(ctx, user)
			Expect(w.Delete(ctx, user)).To(Succeed())
			return eventually(ctx, w, person, disabled(true))
		}),
	)

	It("does not get a Person that somebody makes by hand with the address of an active user", func(ctx SpecContext) {
		w.start(ctx)
		w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		second := withEmail("janet", "jane@example.com")
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		// Whatever the order of the names: the other one begins with "person-".
		for _, name := range []string{"a-by-hand", "z-by-hand"} {
			byHand := newPerson(name, "JANE@example.com")
			Expect(w.Create(ctx, byHand)).To(Succeed())
			eventually(ctx, w, byHand, isFalse(v1alpha1.ReasonDuplicatePrimaryEmail))
			update(ctx, w, second, func(u *v1alpha1.ScimUser) { u.Spec.Title = name })
			eventually(ctx, w, second, And(isFalse(v1alpha1.ReasonPrimaryEmailTaken),
				observed()))
			Expect(get(ctx, w, byHand, name).Spec.SourceID).To(BeEmpty())
		}
	})

	It("is told so, too, where the other user is active or inactive, and gets it when that one moves while active", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		other := w.createReady(ctx, withEmail("john", "john@example.com"))
		w.setEmail(ctx, user, "john@example.com")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName = "jane" })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		update(ctx, w, other, func(u *v1alpha1.ScimUser) { u.Spec.LastActive, u.Spec.Active = u.Spec.Identity(), new(false) })
		eventually(ctx, w, w.personOf(ctx, other), disabled(true))
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		w.setEmail(ctx, other, "john.roe@example.com")
		eventually(ctx, w, other, observed())
		Expect(w.personOf(ctx, other)).To(primaryEmail("john@example.com"), "while it is inactive")
		update(ctx, w, other, func(u *v1alpha1.ScimUser) { u.Spec.LastActive, u.Spec.Active = nil, new(true) })
		eventually(ctx, w, user, isReady())
		eventually(ctx, w, w.personOf(ctx, user), primaryEmail("john@example.com"))
	})
})

var _ = Describe("The same e-mail address in another spelling", func() {
	DescribeTable("is the same Person", func(ctx SpecContext, one, other string) {
		w := newWorldWithRules(ctx)
		Expect(w.Create(ctx, newPerson("known", one))).To(Succeed())
		w.start(ctx)
		first := w.createReady(ctx, withEmail("one", other))
		Expect(w.personOf(ctx, first).Name).To(Equal("known"))
		second := withEmail("two", one)
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		By("being a duplicate on a Person made by hand")
		again := newPerson("again", one)
		Expect(w.Create(ctx, again)).To(Succeed())
		eventually(ctx, w, again, isFalse(v1alpha1.ReasonDuplicatePrimaryEmail))
	},
		Entry("in capitals", "jane@example.com", "JANE@Example.COM"),
		Entry("with letters that fold to two", "strasse@example.com", "Straße@example.com"),
		Entry("with an accent of its own", "josé@example.com", "JOSE\u0301@example.com"),
		Entry("with a domain in ASCII", "jane@bücher.example", "jane@XN--BCHER-KVA.example"),
		Entry("with a Greek final sigma", "ΟΔΥΣΣΕΥΣ@example.com", "οδυσσευς@example.com"),
	)

	DescribeTable("is another Person", func(ctx SpecContext, one, other string) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		first, second := w.createReady(ctx, withEmail("one", one)), w.createReady(ctx, withEmail("two", other))
		Expect(w.personOf(ctx, first).Name).NotTo(Equal(w.personOf(ctx, second).Name))
	},
		Entry("without the accent", "jose@example.com", "josé@example.com"),
		Entry("with letters of another script", "jane@example.com", "jаne@example.com"),
		Entry("with an address extension", "jane@example.com", "jane+1@example.com"),
	)
})

var _ = Describe("A Person that somebody edits by hand", func() {
	It("gets back what rules set, keeps the rest, and shows who wrote what", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.Title, user.Spec.Timezone = "Engineer", "Europe/Amsterdam"
		user.Spec.PhoneNumbers = []v1alpha1.ScimValue{{Value: "1", Type: "work"}}
		w.createReady(ctx, user)
		person := w.personOf(ctx, user)
		update(ctx, w, person, func(p *v1alpha1.Person) {
			p.Spec.PrimaryEmail, p.Spec.JobTitle, p.Spec.Disabled = "other@example.com", "Director", true // set by a rule from what was sent
			p.Spec.CostCenter = "CC"                                                                      // nothing was sent
			p.Spec.TimeZone = "Asia/Tokyo"                                                                // only for new people
			p.Spec.Contacts = append(p.Spec.Contacts, v1alpha1.PersonContact{Protocol: v1alpha1.ContactChat, URI: "jane"})
		})
		back := And(jobTitle("Engineer"), disabled(false), sourceID(user.Name), primaryEmail("jane@example.com"))
		eventually(ctx, w, person, back)
		kept := func() {
			GinkgoHelper()
			Expect(person.Spec.CostCenter).To(Equal("CC"))
			Expect(person.Spec.TimeZone).To(Equal("Asia/Tokyo"))
			Expect(person.Spec.Contacts).To(ConsistOf(
				v1alpha1.PersonContact{Protocol: v1alpha1.ContactTelephone, Label: "work", URI: "1", Integration: true},
				v1alpha1.PersonContact{Protocol: v1alpha1.ContactChat, URI: "jane"}))
		}
		kept()

		By("linking it again")
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.Source, p.Spec.SourceID = "", "" })
		eventually(ctx, w, person, back)
		kept()

		By("keeping it after the next push, too")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Title = "Architect" })
		eventually(ctx, w, person, jobTitle("Architect"))
		kept()
		owners := map[string]string{}
		for _, entry := range person.ManagedFields {
			for _, field := range []string{"jobTitle", "costCenter"} {
				if entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.String(), `"f:`+field+`"`) {
					owners[field] = entry.Manager
				}
			}
		}
		Expect(owners).To(HaveKeyWithValue("jobTitle", "automationrule/default-user-mapping"))
		Expect(owners["costCenter"]).NotTo(HavePrefix("automationrule/"))
	})

	It("that was cut off from its user is nobody's, and the user gets a new one", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		update(ctx, w, person, func(p *v1alpha1.Person) {
			p.Spec.PrimaryEmail, p.Spec.Source, p.Spec.SourceID = "old@example.com", "", ""
		})
		eventually(ctx, w, user, WithTransform(func(u *v1alpha1.ScimUser) string { return recordName(u.Status.Person) }, Not(Equal(person.Name))))
		Expect(w.personOf(ctx, user)).To(primaryEmail("jane@example.com"))
		Expect(get(ctx, w, person, person.Name)).To(And(primaryEmail("old@example.com"), disabled(false)))
	})

	It("to have the address of another one gets its own back", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		jane, john := w.createReady(ctx, newUser("jane@example.com", "Jane Roe")), w.createReady(ctx, newUser("john@example.com", "John Roe"))
		first, second := w.personOf(ctx, jane), w.personOf(ctx, john)
		update(ctx, w, first, func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = "John@example.com" })
		eventually(ctx, w, first, And(primaryEmail("jane@example.com"), isReady()))
		eventually(ctx, w, second, And(primaryEmail("john@example.com"), isReady()))
	})

	It("that was deleted comes back with the same data, without a push, and after a restart", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		stop := w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.Title, user.Spec.Timezone = "Engineer", "Europe/Amsterdam"
		w.createReady(ctx, user)
		person := w.personOf(ctx, user)
		back := func(lost *v1alpha1.Person) *v1alpha1.Person {
			GinkgoHelper()
			again := &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: lost.Name}}
			return eventually(ctx, w, again, And(
				WithTransform(func(p *v1alpha1.Person) string { return string(p.UID) }, Not(Equal(string(lost.UID)))),
				WithTransform(func(p *v1alpha1.Person) v1alpha1.PersonSpec { return p.Spec }, Equal(lost.Spec))))
		}
		Expect(w.Delete(ctx, person)).To(Succeed())
		person = back(person)
		eventually(ctx, w, user, isReady())
		stop()
		Expect(w.Delete(ctx, person)).To(Succeed())
		w.start(ctx)
		back(person)
	})
})
