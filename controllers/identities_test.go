package controllers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

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

var _ = Describe("E-mail addresses that change places", Label("race"), func() {
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

	It("go round in a circle of four, though one of them has left since", func(ctx SpecContext) {
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com", "c@example.com", "d@example.com")
		stop()
		for i, email := range []string{"b@example.com", "c@example.com", "d@example.com", "a@example.com"} {
			w.setEmail(ctx, users[i], email)
		}
		update(ctx, w, users[2], func(u *v1alpha1.ScimUser) {
			u.Spec.LastActive = u.Spec.Identity()
			u.Spec.Active, u.Spec.Emails = new(false), []v1alpha1.ScimValue{{Value: "zz@example.com"}}
		})
		seen := w.observe(ctx)
		w.start(ctx)
		expect(ctx, users, persons, "b@example.com", "c@example.com", "d@example.com", "a@example.com")
		eventually(ctx, w, persons[2], disabled(true))
		seen.expectNone(ctx, w)
	})

	It("go round in a circle of four, once nobody in it has left", func(ctx SpecContext) {
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com", "c@example.com", "d@example.com")
		stop()
		update(ctx, w, users[2], func(u *v1alpha1.ScimUser) { u.Spec.LastActive, u.Spec.Active = u.Spec.Identity(), new(false) })
		for i, email := range []string{"b@example.com", "c@example.com", "d@example.com", "a@example.com"} {
			w.setEmail(ctx, users[i], email)
		}
		seen := w.observe(ctx)
		w.start(ctx)
		By("leaving everything as it is while one of them is inactive, who keeps the address")
		for _, i := range []int{0, 1, 3} {
			eventually(ctx, w, users[i], isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		}
		eventually(ctx, w, users[2], isReady())
		for i, email := range []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"} {
			eventually(ctx, w, persons[i], And(primaryEmail(email), disabled(i == 2)))
		}
		update(ctx, w, users[2], func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		expect(ctx, users, persons, "b@example.com", "c@example.com", "d@example.com", "a@example.com")
		seen.expectNone(ctx, w)
	})

	It("stay while one Person of the circle is protected", func(ctx SpecContext) {
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.com", "c@example.com")
		stop()
		update(ctx, w, persons[1], func(p *v1alpha1.Person) { p.Annotations = map[string]string{v1alpha1.AnnotationProtected: "true"} })
		for i, email := range []string{"b@example.com", "c@example.com", "a@example.com"} {
			w.setEmail(ctx, users[i], email)
		}
		seen := w.observe(ctx)
		w.start(ctx)
		eventually(ctx, w, users[0], isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		eventually(ctx, w, users[1], isFalse(v1alpha1.ReasonPersonProtected))
		eventually(ctx, w, users[2], isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		for i, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			eventually(ctx, w, persons[i], primaryEmail(email))
		}
		update(ctx, w, persons[1], func(p *v1alpha1.Person) { delete(p.Annotations, v1alpha1.AnnotationProtected) })
		expect(ctx, users, persons, "b@example.com", "c@example.com", "a@example.com")
		seen.expectNone(ctx, w)
	})

	It("stay where one user of the circle may not have its address, and does not leave the domains on the way", func(ctx SpecContext) {
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		stop := w.start(ctx)
		users, persons := circle(ctx, "a@example.com", "b@example.org")
		stop()
		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.EmailDomains = []string{"example.com"} })
		w.setEmail(ctx, users[0], "b@example.org")
		w.setEmail(ctx, users[1], "a@example.com")
		seen := w.observe(ctx)
		stop = w.start(ctx)
		eventually(ctx, w, users[0], And(isFalse(v1alpha1.ReasonEmailDomainNotAllowed),
			WithTransform(readyMessage[*v1alpha1.ScimUser], ContainSubstring("of ScimEndpoint okta"))))
		eventually(ctx, w, users[1], isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		for i, email := range []string{"a@example.com", "b@example.org"} {
			eventually(ctx, w, persons[i], primaryEmail(email))
		}

		By("keeping a Person that has made way off an address outside")
		stop()
		update(ctx, w, persons[0], func(p *v1alpha1.Person) { p.Spec.PrimaryEmail = p.Name + "@moving.invalid" })
		w.setEmail(ctx, users[0], "victim@example.net")
		w.start(ctx)
		eventually(ctx, w, users[0], And(isFalse(v1alpha1.ReasonEmailDomainNotAllowed), observed()))
		eventually(ctx, w, persons[0], primaryEmail(persons[0].Name+"@moving.invalid"))
		eventually(ctx, w, persons[1], primaryEmail("a@example.com"))

		update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) { e.Spec.EmailDomains = nil })
		expect(ctx, users, persons, "victim@example.net", "a@example.com")
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

var _ = Describe("A claim for a Person that does not exist", func() {
	It("is respected while somebody may be about to create it, and not for ever", func(ctx SpecContext) {
		w := newWorldWithRules(ctx)
		w.start(ctx)
		gone := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		lost := w.personOf(ctx, gone)
		Expect(w.Delete(ctx, gone)).To(Succeed())
		eventually(ctx, w, lost, disabled(true))
		user := w.createReady(ctx, withEmail("user", "john@example.com"))
		Expect(w.Delete(ctx, lost)).To(Succeed())
		done := countReconciles("scimuser")
		w.setEmail(ctx, user, "jane@example.com")
		done.waitFor("scimuser", 2)
		Expect(w.personOf(ctx, user)).To(primaryEmail("john@example.com"))
		update(ctx, w, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: lost.Name}}, func(l *coordinationv1.Lease) {
			l.Spec.AcquireTime = new(metav1.NewMicroTime(l.Spec.AcquireTime.Add(-time.Hour)))
		})
		eventually(ctx, w, w.personOf(ctx, user), primaryEmail("jane@example.com"))
		eventually(ctx, w, user, isReady())
	})
})

var _ = Describe("Two operators at work on the same e-mail addresses", Label("race"), func() {
	It("never give one to two Persons, however users come, move and swap", func(ctx SpecContext) {
		const users, addresses, changes = 24, 12, 160
		w := newWorldWithRules(ctx)
		seen := w.observe(ctx)
		endpoint := newEndpoint("okta") // all addresses move, again and again
		endpoint.Spec.Safety.Disabled = true
		Expect(w.Create(ctx, endpoint)).To(Succeed())
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
