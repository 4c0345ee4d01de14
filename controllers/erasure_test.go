package controllers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/erasure"
	"rservice.dev/scim-operator/hack/testenv"
)

var errCrash = errors.New("the process has ended")

// dying is a client of a process that ends right after a number of writes.
type dying struct {
	client.Client
	left int
	// before is called before a write.
	before func(object client.Object, verb string)
}

func (d *dying) write(object client.Object, verb string, do func() error) error {
	if d.left == 0 {
		return errCrash
	}
	if d.before != nil {
		d.before(object, verb)
	}
	d.left--
	return do()
}

func (d *dying) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if d.left == 0 {
		return errCrash
	}
	return d.Client.Get(ctx, key, into, options...)
}

func (d *dying) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	if d.left == 0 {
		return errCrash
	}
	return d.Client.List(ctx, into, options...)
}

func (d *dying) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return d.write(object, "delete", func() error { return d.Client.Delete(ctx, object, options...) })
}

func (d *dying) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return d.write(object, "update", func() error { return d.Client.Update(ctx, object, options...) })
}

func (d *dying) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return d.write(object, "patch", func() error { return d.Client.Patch(ctx, object, patch, options...) })
}

// never is a number of writes that nothing makes.
const never = 1 << 30

// eraseOne finds and erases with a client that ends after some writes, and reports how many dossiers there were.
func (w *world) eraseOne(ctx SpecContext, q erasure.Query, writes int, wait time.Duration) (int, error) {
	GinkgoHelper()
	e := &erasure.Eraser{Client: &dying{Client: w.Client, left: writes}, Namespace: w.namespace, Wait: wait}
	found, err := e.Find(ctx, q)
	Expect(err).NotTo(HaveOccurred())
	for _, d := range found {
		if err := e.Erase(ctx, d); err != nil {
			return len(found), err
		}
	}
	return len(found), nil
}

// stored is all that the namespace holds but what clients say in users, as text.
func (w *world) stored(ctx SpecContext) string {
	GinkgoHelper()
	users := &v1alpha1.ScimUserList{}
	Expect(w.List(ctx, users)).To(Succeed())
	for i := range users.Items {
		users.Items[i].Spec.Enterprise = nil
	}
	all := []any{users.Items}
	for _, list := range []client.ObjectList{
		&v1alpha1.PersonList{}, &v1alpha1.AutomationRuleExecutionList{}, &v1alpha1.OrganizationList{}, &coordinationv1.LeaseList{}, &v1alpha1.ScimEndpointList{},
		&v1alpha1.ScimGroupList{}, &v1alpha1.ScimGroupPageList{},
	} {
		Expect(w.List(ctx, list)).To(Succeed())
		all = append(all, list)
	}
	text, err := json.Marshal(all)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

var _ = Describe("Erasing somebody", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	lease := func(name, label, holder string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "x"}}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}}
	}
	// boss is somebody who is everywhere: two users' manager, an Organization's, in their executions, in groups, with claims.
	boss := func(ctx SpecContext) (*v1alpha1.ScimUser, *v1alpha1.Person, []*v1alpha1.ScimUser) {
		GinkgoHelper()
		user := w.createReady(ctx, newUser("zaphod@example.com", "Zaphod Beeblebrox"))
		person := w.personOf(ctx, user)
		var reports []*v1alpha1.ScimUser
		for _, name := range []string{"ford@example.com", "arthur@example.com"} {
			report := w.createReady(ctx, newUser(name, name, managedBy("zaphod@example.com")))
			Expect(w.personOf(ctx, report).Spec.Manager.Name).To(Equal(person.Name))
			reports = append(reports, report)
		}
		update(ctx, w, w.personOf(ctx, reports[0]), func(p *v1alpha1.Person) {
			p.Annotations = map[string]string{v1alpha1.AnnotationFormerSources: user.Name}
		})
		headed := newOrganization("headed", "Headed")
		headed.Spec.Manager = &v1alpha1.RecordReference{Name: person.Name}
		group := newGroup("Crew")
		group.Spec.Members, group.Spec.Pages = membersOf(user, reports[0]), []int32{1}
		for _, object := range []client.Object{group, newPage(group, 1, reports[1], user), newPage(group, 2, user), headed, lease("name", v1alpha1.LabelClaim, user.Name), lease("address", v1alpha1.LabelIdentity, person.Name),
			lease("other", v1alpha1.LabelClaim, reports[0].Name)} {
			Expect(w.Create(ctx, object)).To(Succeed())
		}
		return user, person, reports
	}
	expectErased := func(ctx SpecContext, user *v1alpha1.ScimUser, person *v1alpha1.Person) {
		GinkgoHelper()
		text := w.stored(ctx)
		for _, name := range []string{user.Name, person.Name, "zaphod", "Zaphod", "Beeblebrox"} {
			Expect(text).NotTo(ContainSubstring(name))
		}
		Expect(w.Get(ctx, client.ObjectKey{Name: "other"}, &coordinationv1.Lease{})).To(Succeed())
		groups := &v1alpha1.ScimGroupList{}
		Expect(w.List(ctx, groups)).To(Succeed())
		Expect(groups.Items).To(HaveExactElements(HaveField("Spec.Members", HaveLen(1))), "others stay members")
	}

	It("can be interrupted after each write, goes on by any name, and is not counted by the safety brake", func(ctx SpecContext) {
		endpoint := limitedTo(1)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.start(ctx, countOften)
		user, person, reports := boss(ctx)
		queries := []erasure.Query{{ID: user.Name}, {UserName: "Zaphod@example.com"}, {Email: "ZAPHOD@example.com"}, {Person: person.Name}}
		runs := 0
		for err := errCrash; err != nil; runs++ {
			Expect(runs).To(BeNumerically("<", 100))
			var found int
			found, err = w.eraseOne(ctx, queries[runs%len(queries)], 1, 0)
			if err != nil {
				Expect(err).To(MatchError(errCrash))
				Expect(found).To(Equal(1), "run %d", runs)
			}
			persons := &v1alpha1.PersonList{}
			Expect(w.List(ctx, persons)).To(Succeed())
			Expect(len(persons.Items)).To(BeNumerically("<=", 3), "somebody made a second Person")
			for i := range persons.Items {
				if persons.Items[i].Name == person.Name {
					Expect(persons.Items[i].UID).To(Equal(person.UID))
					Expect(persons.Items[i].Spec.Disabled).To(BeTrue())
				}
			}
		}
		Expect(runs).To(BeNumerically(">=", 8), "more writes than that were to be made")
		expectErased(ctx, user, person)
		for _, query := range queries[:3] {
			_, err := w.eraseOne(ctx, query, never, 0)
			Expect(err).NotTo(HaveOccurred(), "it does nothing where nothing is left")
		}

		By("leaving the brake as it was")
		w.deactivate(ctx, reports[0])
		eventually(ctx, w, w.personOf(ctx, reports[0]), disabled(true))
		eventually(ctx, w, endpoint, holds(0))
		for _, report := range reports {
			eventually(ctx, w, report, isReady())
			Expect(w.personOf(ctx, report).Spec.Manager).To(BeNil())
		}
		expectErased(ctx, user, person)
	})

	It("leaves no more than a mark for deletion while no operator runs", func(ctx SpecContext) {
		stop := w.start(ctx)
		user, person, _ := boss(ctx)
		stop()
		for err, runs := errCrash, 0; errors.Is(err, errCrash); runs++ {
			Expect(runs).To(BeNumerically("<", 100))
			_, err = w.eraseOne(ctx, erasure.Query{ID: user.Name}, 1, time.Millisecond)
		}
		Expect(get(ctx, w, user, user.Name).DeletionTimestamp).NotTo(BeNil())
		Expect(apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(person), person))).To(BeTrue())
		w.start(ctx)
		Eventually(func() bool { return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(user), user)) }).Should(BeTrue())
		expectErased(ctx, user, person)
	})

	It("takes out whom the safety brake holds, and nobody else", func(ctx SpecContext) {
		endpoint := limitedTo(1)
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		w.start(ctx, countOften)
		users := w.createUsers(ctx, 3)
		for _, user := range users {
			Expect(w.Delete(ctx, user)).To(Succeed())
		}
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 2, held: 2, terminating: 2})
		left := &v1alpha1.ScimUserList{}
		Expect(w.List(ctx, left)).To(Succeed())
		_, err := w.eraseOne(ctx, erasure.Query{ID: left.Items[0].Name}, never, 0)
		Expect(err).NotTo(HaveOccurred())
		w.eventuallyCounts(ctx, census{disabled: 1, enabled: 1, held: 1, terminating: 1})
	})

	It("leaves the Person of somebody who has it by now", func(ctx SpecContext) {
		w.start(ctx)
		Expect(w.Create(ctx, newPerson("by-hand", "jane@example.com"))).To(Succeed())
		old := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, old)
		Expect(person.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationAdopted, old.Name))
		update(ctx, w, old, func(u *v1alpha1.ScimUser) {
			u.Spec.LastActive = u.Spec.Identity()
			u.Spec.Active, u.Spec.UserName = new(false), "0123jane@example.com"
		})
		eventually(ctx, w, person, disabled(true))
		current := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		Expect(w.personOf(ctx, current).Name).To(Equal(person.Name))

		e := &erasure.Eraser{Client: w.Client, Namespace: w.namespace}
		Expect(e.Find(ctx, erasure.Query{Email: "jane@example.com"})).To(HaveLen(2), "it is for somebody to say whether they are one")
		_, err := w.eraseOne(ctx, erasure.Query{ID: old.Name}, never, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(old), old))).To(BeTrue())
		Expect(w.stored(ctx)).NotTo(ContainSubstring(old.Name))
		eventually(ctx, w, person, disabled(false))
		Expect(person.Spec.SourceID).To(Equal(current.Name))
		Expect(person.Annotations).NotTo(HaveKey(v1alpha1.AnnotationErasing))
		eventually(ctx, w, current, isReady())
	})

	It("does not go on with what has changed since it was agreed to", func(ctx SpecContext) {
		person := newPerson("jane", "jane@example.com")
		Expect(w.Create(ctx, person)).To(Succeed())
		e := &erasure.Eraser{Client: w.Client, Namespace: w.namespace}
		found, err := e.Find(ctx, erasure.Query{Person: "jane"})
		Expect(err).NotTo(HaveOccurred())
		update(ctx, w, person, func(p *v1alpha1.Person) { p.Spec.SourceID = "somebody" })
		Expect(e.Erase(ctx, found[0])).To(MatchError(ContainSubstring("has changed meanwhile")))
		Expect(w.Get(ctx, client.ObjectKeyFromObject(person), person)).To(Succeed())
	})
})

var _ = Describe("manager erase", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	run := func(ctx SpecContext, input string, args ...string) (int, string) {
		GinkgoHelper()
		var out bytes.Buffer
		code := erasure.Run(ctx, append([]string{"--kubeconfig", env.Kubeconfig, "-n", w.namespace}, args...), strings.NewReader(input), &out, &out)
		return code, out.String()
	}
	admins := func(ctx SpecContext) int {
		GinkgoHelper()
		writes, err := env.AuditWrites(ctx, testenv.Filter{Namespace: w.namespace, User: "admin"})
		Expect(err).NotTo(HaveOccurred())
		return len(writes)
	}

	It("says what there is, asks, refuses, and erases", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		person := w.personOf(ctx, user)
		w.createReady(ctx, newUser("ford@example.com", "Ford", managedBy(user.Name)))
		group, former := newGroup("Crew"), newGroup("Former")
		former.Spec.Members = nil
		group.Spec.Pages = []int32{1}
		for _, object := range []client.Object{newPage(group, 1, user), newPage(group, 2, user), newPage(former, 1, user), group, former} {
			Expect(w.Create(ctx, object)).To(Succeed())
		}
		update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Groups = []string{former.Name, "gone"} })
		before := admins(ctx)
		code, text := run(ctx, "", "--user-name", "Jane@Example.com", "--dry-run")
		Expect(code).To(Equal(erasure.ExitLeft), text)
		Expect(text).To(ContainSubstring("ScimUser %s is active: the identity provider has it in use, and would push it again. "+
			"Remove it there first; or --active,", user.Name))
		code, text = run(ctx, "", "--user-name", "Jane@Example.com", "--dry-run", "--active")
		Expect(code).To(Equal(erasure.ExitOK), text)
		Expect(text).NotTo(ContainSubstring("Remove it there first"))
		Expect(text).To(And(ContainSubstring("ScimUser %s, active, userName \"jane@example.com\", member of 2 groups\n", user.Name),
			ContainSubstring("3 ScimGroups and ScimGroupPages that list it as a member, which it leaves"),
			ContainSubstring("Person %s, enabled, primaryEmail \"jane@example.com\"\n", person.Name),
			ContainSubstring("1 AutomationRuleExecutions"), ContainSubstring("manager of, which is cleared: Person "),
			ContainSubstring("it is the manager of ScimUsers"), ContainSubstring("the identity provider, which pushes the person again")))
		code, text = run(ctx, "yes\n", "--id", user.Name)
		Expect(code).To(Equal(erasure.ExitLeft))
		Expect(text).To(ContainSubstring("is active: the identity provider has it in use"))
		code, text = run(ctx, "y\n", "--id", user.Name, "--active")
		Expect(code).To(Equal(erasure.ExitLeft))
		Expect(text).To(ContainSubstring("Nothing was erased."))
		Expect(admins(ctx)).To(Equal(before), "nothing is written before somebody agrees")

		w.deactivate(ctx, user)
		eventually(ctx, w, person, disabled(true))
		code, text = run(ctx, "yes\n", "--email", "jane@example.com")
		Expect(code).To(Equal(erasure.ExitOK), text)
		Expect(text).To(And(ContainSubstring("If this is interrupted, repeat it, or: manager erase -n %s --id %s --person %s\n", w.namespace, user.Name, person.Name),
			ContainSubstring("deleted ScimUser %s\n", user.Name), ContainSubstring("deleted Person %s\n", person.Name), HaveSuffix("Nothing of this is left in namespace %s.\n", w.namespace)))
		code, text = run(ctx, "", "--email", "jane@example.com", "--yes")
		Expect(code).To(Equal(erasure.ExitOK), text)
		Expect(text).To(ContainSubstring("Found nothing in namespace"))

		By("taking an id out of a page that was left there without a user")
		page := newPage(group, 1)
		update(ctx, w, page, func(p *v1alpha1.ScimGroupPage) { p.Spec.Members = membersOf(user) })
		code, text = run(ctx, "", "--id", user.Name, "--yes")
		Expect(code).To(Equal(erasure.ExitOK), text)
		Expect(text).To(ContainSubstring("took the member out of ScimGroupPage %s\n", page.Name))
		Expect(w.stored(ctx)).NotTo(ContainSubstring(user.Name))
	})

	It("leaves whom the address does not belong to, also when it is repeated, and names them", func(ctx SpecContext) {
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		assistant := w.createReady(ctx, newUser("ford@example.com", "Ford", func(u *v1alpha1.ScimUser) {
			u.Spec.Emails = []v1alpha1.ScimValue{{Value: "jane@example.com"}, {Value: "ford@example.com", Primary: new(true)}}
		}))
		person := w.personOf(ctx, assistant)
		Expect(person.Spec.OtherEmails).To(ConsistOf("jane@example.com"))
		for _, erases := range []bool{true, false} {
			code, text := run(ctx, "", "--email", "Jane@example.com", "--yes", "--active", "--all")
			Expect(code).To(Equal(erasure.ExitOK), text)
			if !erases {
				Expect(text).To(And(ContainSubstring("Found nothing in namespace"), MatchRegexp(
					`besides their own.*: ScimUser %s, Person %s\n`, assistant.Name, person.Name)))
			}
			Expect(apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(user), user))).To(BeTrue())
			Expect(get(ctx, w, assistant, assistant.Name).DeletionTimestamp).To(BeNil())
			Expect(get(ctx, w, person, person.Name).Annotations).NotTo(HaveKey(v1alpha1.AnnotationErasing))
		}
		code, text := run(ctx, "", "--email", "ford@example.com", "--yes", "--active")
		Expect(code).To(Equal(erasure.ExitOK), text)
		Expect(w.stored(ctx)).NotTo(ContainSubstring("jane@example.com"))
	})

	It("says that somebody was pushed again, and who is protected or not clear", func(ctx SpecContext) {
		w.start(ctx)
		protected := newPerson("glass", "glass\x1b[2J@example.com")
		protected.Annotations = map[string]string{v1alpha1.AnnotationProtected: "true"}
		Expect(w.Create(ctx, protected)).To(Succeed())
		code, text := run(ctx, "", "--person", "glass", "--yes")
		Expect(code).To(Equal(erasure.ExitLeft))
		Expect(text).To(ContainSubstring("Person glass is protected."))
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		code, text = run(ctx, "", "--email", "jane@example.com", "--person", "glass", "--yes", "--active")
		Expect(code).To(Equal(erasure.ExitLeft))
		Expect(text).To(And(ContainSubstring("2 match."), Not(ContainSubstring("\x1b"))))
		code, text = run(ctx, "", "--yes")
		Expect(code).To(Equal(erasure.ExitError))
		Expect(text).To(ContainSubstring("say who is meant"))

		again := newUser("jane@example.com", "Jane Roe")
		e := &erasure.Eraser{Namespace: w.namespace, Client: &dying{Client: w.Client, left: never, before: func(object client.Object, verb string) {
			if object.GetName() == user.Name && verb == "delete" {
				Expect(w.Create(ctx, again)).To(Succeed())
			}
		}}}
		found, err := e.Find(ctx, erasure.Query{ID: user.Name})
		Expect(err).NotTo(HaveOccurred())
		Expect(e.Erase(ctx, found[0])).To(Succeed())
		eventually(ctx, w, again, isReady())
		// A reconcile of the new user that is under way may tell of the old one once more.
		Eventually(func() string {
			code, text := run(ctx, "", "--id", user.Name, "--yes")
			Expect(code).To(Equal(erasure.ExitOK), text)
			return w.stored(ctx)
		}).ShouldNot(ContainSubstring(user.Name))
		code, text = run(ctx, "", "--user-name", "jane@example.com", "--yes", "--active")
		Expect(code).To(Equal(erasure.ExitOK), text)
	})
})
