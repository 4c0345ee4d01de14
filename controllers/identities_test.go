package controllers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
)

func primaryEmail(is string) types.GomegaMatcher {
	return personSpec(func(spec v1alpha1.PersonSpec) string { return spec.PrimaryEmail }, Equal(is))
}

// exclusive is how the operator runs: leader election lets only one be at work.
func exclusive(o *controllers.Options) { o.Exclusive = true }

// withEmail is a user whose name is no address, so that its Person has this one.
func withEmail(userName, email string) *v1alpha1.ScimUser {
	return newUser(userName, "Jane Roe", func(u *v1alpha1.ScimUser) { u.Spec.Emails = []v1alpha1.ScimValue{{Value: email}} })
}

func (w *world) setEmail(ctx context.Context, user *v1alpha1.ScimUser, email string) {
	GinkgoHelper()
	update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Emails = []v1alpha1.ScimValue{{Value: email}} })
}

// observer follows the Persons of a namespace from event to event and remembers when two
// had the same primary e-mail address at the same time.
type observer struct {
	mu     sync.Mutex
	emails map[string]string
	events int
	twice  []string
}

// observe starts to follow. What is there is looked at as well.
func (w *world) observe(ctx SpecContext) *observer {
	GinkgoHelper()
	scheme, err := kube.NewScheme()
	Expect(err).NotTo(HaveOccurred())
	watching, err := client.NewWithWatch(env.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(cancel)
	// Without a resourceVersion a watch begins with everything that exists.
	events, err := watching.Watch(runCtx, &v1alpha1.PersonList{}, client.InNamespace(w.namespace))
	Expect(err).NotTo(HaveOccurred())
	o := &observer{emails: map[string]string{}}
	go func() {
		for event := range events.ResultChan() {
			if person, ok := event.Object.(*v1alpha1.Person); ok {
				o.see(event.Type, person)
			}
		}
	}()
	return o
}

func (o *observer) see(kind watch.EventType, person *v1alpha1.Person) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events++
	if kind == watch.Deleted {
		delete(o.emails, person.Name)
		return
	}
	email := fold.Email(person.Spec.PrimaryEmail)
	for name, other := range o.emails {
		if name != person.Name && other == email {
			o.twice = append(o.twice, fmt.Sprintf("%s on %s and %s at %s", email, name, person.Name, person.ResourceVersion))
		}
	}
	o.emails[person.Name] = email
}

// expectNone checks that no address was ever on two Persons, once the observer has seen
// all Persons as they are now.
func (o *observer) expectNone(ctx context.Context, w *world) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		persons := &v1alpha1.PersonList{}
		g.Expect(w.List(ctx, persons)).To(Succeed())
		now := map[string]string{}
		for i := range persons.Items {
			now[persons.Items[i].Name] = fold.Email(persons.Items[i].Spec.PrimaryEmail)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		g.Expect(o.emails).To(Equal(now))
	}).Should(Succeed())
	Expect(o.twice).To(BeEmpty())
	Expect(o.events).To(BeNumerically(">", 0))
}

var _ = Describe("E-mail addresses that change places", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	// circle makes users with an address each, and returns them with their Persons.
	circle := func(ctx SpecContext, emails ...string) ([]*v1alpha1.ScimUser, []*v1alpha1.Person) {
		GinkgoHelper()
		var users []*v1alpha1.ScimUser
		var persons []*v1alpha1.Person
		for i, email := range emails {
			user := w.createReady(ctx, withEmail(fmt.Sprintf("user-%d", i), email))
			users, persons = append(users, user), append(persons, w.personOf(ctx, user))
		}
		return users, persons
	}
	expect := func(ctx SpecContext, users []*v1alpha1.ScimUser, persons []*v1alpha1.Person, emails ...string) {
		GinkgoHelper()
		for i, email := range emails {
			eventually(ctx, w, persons[i], And(primaryEmail(email), sourceID(users[i].Name)))
			eventually(ctx, w, users[i], isReady())
			Expect(users[i].Status.Person.Name).To(Equal(persons[i].Name))
		}
	}

	It("are swapped by two users while the operator is down", func(ctx SpecContext) {
		stop := w.start(ctx, exclusive)
		users, persons := circle(ctx, "a@example.com", "b@example.com")
		stop()
		w.setEmail(ctx, users[0], "b@example.com")
		w.setEmail(ctx, users[1], "a@example.com")
		seen := w.observe(ctx)
		before := len(w.writes(ctx))
		w.start(ctx, exclusive)
		expect(ctx, users, persons, "b@example.com", "a@example.com")
		seen.expectNone(ctx, w)
		Expect(kinds(slices.DeleteFunc(w.writes(ctx)[before:], func(write testenv.Write) bool {
			return write.Resource == "automationrules"
		}))).To(Equal([]string{
			"patch persons", "patch persons", "patch persons", "patch scimusers/status", "patch scimusers/status",
			"update automationruleexecutions", "update automationruleexecutions",
		}), "one write more than two changes take")
	})

	It("are swapped while it runs, one after the other", func(ctx SpecContext) {
		w.start(ctx)
		seen := w.observe(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com")
		w.setEmail(ctx, users[0], "b@example.com")
		eventually(ctx, w, users[0], isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		w.setEmail(ctx, users[1], "a@example.com")
		expect(ctx, users, persons, "b@example.com", "a@example.com")
		seen.expectNone(ctx, w)
	})

	It("go round in a circle of four, one of whom is inactive", func(ctx SpecContext) {
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com", "c@example.com", "d@example.com")
		stop()
		for i, email := range []string{"b@example.com", "c@example.com", "d@example.com", "a@example.com"} {
			w.setEmail(ctx, users[i], email)
		}
		update(ctx, w, users[2], func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		seen := w.observe(ctx)
		w.start(ctx)
		expect(ctx, users, persons, "b@example.com", "c@example.com", "d@example.com", "a@example.com")
		eventually(ctx, w, persons[2], disabled(true))
		seen.expectNone(ctx, w)
	})

	It("move up in a row", func(ctx SpecContext) {
		stop := w.start(ctx, exclusive)
		users, persons := circle(ctx, "a@example.com", "b@example.com", "c@example.com")
		stop()
		for i, email := range []string{"b@example.com", "c@example.com", "d@example.com"} {
			w.setEmail(ctx, users[i], email)
		}
		seen := w.observe(ctx)
		w.start(ctx, exclusive)
		expect(ctx, users, persons, "b@example.com", "c@example.com", "d@example.com")
		seen.expectNone(ctx, w)
		for i := range users {
			Expect(get(ctx, w, &v1alpha1.AutomationRuleExecution{}, "default-user-mapping-"+users[i].Name).Status.History).To(HaveLen(1), "it was never reported as taken")
		}
		leases := &coordinationv1.LeaseList{}
		Expect(w.List(ctx, leases)).To(Succeed())
		Expect(leases.Items).To(BeEmpty(), "leader election makes claims needless")
	})

	It("end where they should when the operator was stopped in the middle of a swap", func(ctx SpecContext) {
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com")
		stop()
		for _, step := range []func(){
			func() { // the first one has made way
				update(ctx, w, persons[0], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = p.Name + "@moving.invalid" })
			},
			func() { // and the second one has moved, but its execution does not say so
				update(ctx, w, persons[0], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = p.Name + "@moving.invalid" })
				update(ctx, w, persons[1], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = "a@example.com" })
			},
		} {
			for i, email := range []string{"a@example.com", "b@example.com"} {
				update(ctx, w, persons[i], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = "was-" + email })
			}
			for i, email := range []string{"a@example.com", "b@example.com"} {
				update(ctx, w, persons[i], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = email })
			}
			w.setEmail(ctx, users[0], "b@example.com")
			w.setEmail(ctx, users[1], "a@example.com")
			step()
			seen := w.observe(ctx)
			stop = w.start(ctx)
			expect(ctx, users, persons, "b@example.com", "a@example.com")
			seen.expectNone(ctx, w)
			stop()
		}
	})
})

var _ = Describe("A user whose new e-mail address another Person has", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	DescribeTable("is told so, and nothing is written until the address is free", func(ctx SpecContext, holder func(SpecContext) *v1alpha1.Person) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		other := holder(ctx)
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName, u.Spec.Title = "John@Example.com", "Engineer" })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		Expect(readyMessage(user)).To(And(ContainSubstring("Person "+other.Name), Not(ContainSubstring("ohn@"))))
		Expect(user.Status.Person.Name).To(Equal(person.Name))
		Expect(get(ctx, w, person, person.Name)).To(And(primaryEmail("jane@example.com"), jobTitle("")))
		Expect(get(ctx, w, &v1alpha1.Person{}, other.Name).Spec.SourceID).NotTo(Equal(user.Name))

		update(ctx, w, other, func(p *v1alpha1.Person) {
			p.Spec.PrimaryEmail, p.Spec.SourceID, p.Spec.Source = "gone@example.com", "", ""
		})
		eventually(ctx, w, person, And(primaryEmail("John@Example.com"), jobTitle("Engineer")))
		eventually(ctx, w, user, isReady())
	},
		Entry("by hand", func(ctx SpecContext) *v1alpha1.Person {
			person := newPerson("john", "john@example.com")
			Expect(w.Create(ctx, person)).To(Succeed())
			return person
		}),
		Entry("by hand, disabled", func(ctx SpecContext) *v1alpha1.Person {
			person := newPerson("john", "JOHN@example.com")
			person.Spec.Disabled = true
			Expect(w.Create(ctx, person)).To(Succeed())
			return person
		}),
		Entry("of a user that is gone", func(ctx SpecContext) *v1alpha1.Person {
			user := w.createReady(ctx, newUser("john@example.com", "John Roe"))
			person := w.personOf(ctx, user)
			Expect(w.Delete(ctx, user)).To(Succeed())
			return eventually(ctx, w, person, disabled(true))
		}),
	)

	It("is told so, too, where the other user is active or inactive, and gets it when that one moves", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		other := w.createReady(ctx, withEmail("john", "john@example.com"))
		w.setEmail(ctx, user, "john@example.com")
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.UserName = "jane" })
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		update(ctx, w, other, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, w.personOf(ctx, other), disabled(true))
		eventually(ctx, w, user, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		w.setEmail(ctx, other, "john.roe@example.com")
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

var _ = Describe("Two operators at work on the same e-mail addresses", func() {
	It("never give one to two Persons, however users come, move and swap", func(ctx SpecContext) {
		const users, addresses, changes = 24, 12, 160
		w := newWorldWithRules(ctx)
		seen := w.observe(ctx)
		four := func(o *controllers.Options) { o.Concurrency = 4 }
		w.start(ctx, four)
		w.start(ctx, four)
		random := rand.New(rand.NewPCG(4, 8))
		address := func() string { return fmt.Sprintf("address-%d@example.com", random.IntN(addresses)) }
		var all []*v1alpha1.ScimUser
		for i := range users {
			user := withEmail(fmt.Sprintf("user-%d", i), address())
			Expect(w.Create(ctx, user)).To(Succeed())
			all = append(all, user)
		}
		for range changes {
			w.setEmail(ctx, all[random.IntN(users)], address())
		}
		Eventually(func(g Gomega) {
			holders := map[string]string{}
			persons := &v1alpha1.PersonList{}
			g.Expect(w.List(ctx, persons)).To(Succeed())
			for i := range persons.Items {
				holders[persons.Items[i].Spec.PrimaryEmail] = persons.Items[i].Spec.SourceID
			}
			for _, user := range all {
				g.Expect(w.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
				g.Expect(user).To(Or(isReady(), isFalse(v1alpha1.ReasonPrimaryEmailTaken)))
				holder := holders[user.Spec.Emails[0].Value]
				g.Expect(holder).NotTo(BeEmpty())
				if meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady) {
					g.Expect(holder).To(Equal(user.Name))
				} else {
					g.Expect(holder).NotTo(Equal(user.Name))
				}
			}
		}).Should(Succeed())
		seen.expectNone(ctx, w)

		By("keeping a claim for each address in use")
		leases, persons := &coordinationv1.LeaseList{}, &v1alpha1.PersonList{}
		Expect(w.List(ctx, leases, client.HasLabels{v1alpha1.LabelIdentity})).To(Succeed())
		Expect(w.List(ctx, persons)).To(Succeed())
		held := map[string]bool{}
		for _, lease := range leases.Items {
			held[*lease.Spec.HolderIdentity] = true
		}
		for i := range persons.Items {
			if person := &persons.Items[i]; !strings.HasSuffix(person.Spec.PrimaryEmail, "@moving.invalid") {
				Expect(held).To(HaveKey(person.Name))
			}
		}
	})
})
