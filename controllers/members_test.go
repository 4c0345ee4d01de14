package controllers_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers"
)

// newPage is a page of a group as the SCIM server makes it.
func newPage(group *v1alpha1.ScimGroup, number int32, users ...*v1alpha1.ScimUser) *v1alpha1.ScimGroupPage {
	return &v1alpha1.ScimGroupPage{
		ObjectMeta: metav1.ObjectMeta{Name: membership.PageName(group.Name, number)},
		Spec:       v1alpha1.ScimGroupPageSpec{Group: group.Name, Members: membersOf(users...), LastModified: v1alpha1.NewTimestamp(time.Now())},
	}
}

func membersOf(users ...*v1alpha1.ScimUser) []v1alpha1.GroupMember {
	members := []v1alpha1.GroupMember{}
	for _, user := range users {
		members = append(members, v1alpha1.GroupMember{ID: user.Name, Joined: time.Now().Unix()})
	}
	return members
}

// lists makes pages effective.
func lists(pages ...int32) func(*v1alpha1.ScimGroup) {
	return func(g *v1alpha1.ScimGroup) { g.Spec.Pages = pages }
}

// hasMembers matches a group whose status tells of its spec, and of so many members.
func hasMembers(count int32) gomegatypes.GomegaMatcher {
	return WithTransform(func(g *v1alpha1.ScimGroup) *int32 {
		if g.Status.ObservedGeneration != g.Generation {
			return nil
		}
		return g.Status.Members
	}, HaveValue(Equal(count)))
}

// leavesItsGroups takes everybody out of all groups, and waits until that was looked at.
func leavesItsGroups(ctx context.Context, w *world) {
	GinkgoHelper()
	done := countReconciles("scimuser")
	groups := &v1alpha1.ScimGroupList{}
	Expect(w.List(ctx, groups)).To(Succeed())
	for i := range groups.Items {
		update(ctx, w, &groups.Items[i], func(g *v1alpha1.ScimGroup) { g.Spec.Members = []v1alpha1.GroupMember{} })
	}
	done.waitFor("scimuser", 1)
}

var _ = Describe("The members of a group", func() {
	var (
		w     *world
		group *v1alpha1.ScimGroup
		jane  *v1alpha1.ScimUser
	)
	// begin makes a group that is linked to an Organization, and a user who is in none.
	begin := func(ctx SpecContext, options ...func(*controllers.Options)) {
		GinkgoHelper()
		w = newWorldWithRules(ctx)
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx, append(options, exclusive)...)
		group = newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, And(isReady(), hasMembers(0)))
		jane = w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		eventually(ctx, w, w.personOf(ctx, jane), organizationName(""))
	}
	isInSales := func(ctx SpecContext) {
		GinkgoHelper()
		eventually(ctx, w, w.personOf(ctx, jane), organizationName("sales"))
	}

	It("belong to its Organization, whether the group lists a page first or the page is there first", func(ctx SpecContext) {
		begin(ctx)
		Expect(w.Create(ctx, newPage(group, 1, jane))).To(Succeed())
		update(ctx, w, group, lists(1))
		isInSales(ctx)
		eventually(ctx, w, group, hasMembers(1))

		By("listing a page that is not there yet")
		joe := w.createReady(ctx, newUser("joe@example.com", "Joe Roe"))
		update(ctx, w, group, lists(1, 2))
		eventually(ctx, w, group, hasMembers(1))
		Expect(w.Create(ctx, newPage(group, 2, joe))).To(Succeed())
		eventually(ctx, w, w.personOf(ctx, joe), organizationName("sales"))
		eventually(ctx, w, group, hasMembers(2))

		By("changing a page")
		ann := w.createReady(ctx, newUser("ann@example.com", "Ann Roe"))
		update(ctx, w, newPage(group, 2), func(p *v1alpha1.ScimGroupPage) { p.Spec.Members = append(p.Spec.Members, membersOf(ann, jane)...) })
		eventually(ctx, w, w.personOf(ctx, ann), organizationName("sales"))
		eventually(ctx, w, group, hasMembers(3))

		By("deleting the group, and then its pages")
		Expect(w.Delete(ctx, group)).To(Succeed())
		Expect(w.DeleteAllOf(ctx, &v1alpha1.ScimGroupPage{}, client.InNamespace(w.namespace))).To(Succeed())
		support := newGroup("Support")
		Expect(w.Create(ctx, newOrganization("support", "Support"))).To(Succeed())
		w.join(ctx, ann, createGroup(ctx, w, support))
		eventually(ctx, w, w.personOf(ctx, ann), organizationName("support"))
	})

	It("are looked at again when it is linked to an Organization", func(ctx SpecContext) {
		begin(ctx)
		support := newGroup("Support")
		support.Spec.Pages = []int32{1}
		Expect(w.Create(ctx, newPage(support, 1, jane))).To(Succeed())
		Expect(w.Create(ctx, support)).To(Succeed())
		eventually(ctx, w, support, And(isFalse(v1alpha1.ReasonOrganizationNotFound), hasMembers(1)))
		Expect(w.Create(ctx, newOrganization("support", "Support"))).To(Succeed())
		eventually(ctx, w, w.personOf(ctx, jane), organizationName("support"))
	})

	It("are who names it in spec.groups until it has members of its own, and nothing is written when it gets them", func(ctx SpecContext) {
		w = newWorldWithRules(ctx)
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx, exclusive, func(o *controllers.Options) { o.CountInterval = time.Hour })
		group = newGroup("Sales")
		group.Spec.Members = nil
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		for _, rule := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}
		done := countReconciles("scimuser", "person")
		jane = w.createReady(ctx, newUser("jane@example.com", "Jane Roe", func(u *v1alpha1.ScimUser) {
			u.Spec.Groups = []string{group.Name}
			u.Spec.ProvisionedAt = v1alpha1.NewTimestamp(time.Now())
		}))
		isInSales(ctx)
		done.waitFor("scimuser", 2)
		done.waitFor("person", 1)
		eventually(ctx, w, w.personOf(ctx, jane), isReady())

		before := len(w.writes(ctx))
		page := newPage(group, 1, jane)
		page.Spec.Members[0].Joined = jane.Spec.ProvisionedAt.Unix() - 5000
		Expect(w.Create(ctx, page)).To(Succeed())
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members, g.Spec.Pages = []v1alpha1.GroupMember{}, []int32{1} })
		eventually(ctx, w, group, hasMembers(1))
		done = countReconciles("scimuser")
		update(ctx, w, jane, func(u *v1alpha1.ScimUser) { u.Spec.Groups = nil })
		done.waitFor("scimuser", 1)
		eventually(ctx, w, jane, observed())
		Expect(w.personOf(ctx, jane)).To(organizationName("sales"))
		written := slices.Compact(kinds(w.writes(ctx)[before:]))
		Expect(written).To(HaveEach(BeElementOf("patch scimgroups/status", "patch scimusers/status", "update automationruleexecutions")),
			"the last two for the new generation of the user")
	})

	It("cost no write but those of the group's status, when their Persons stay what they are", func(ctx SpecContext) {
		const pages, perPage = 3, 20
		begin(ctx, func(o *controllers.Options) { o.CountInterval = time.Hour })
		for _, rule := range []string{"default-user-mapping", "default-organization-mapping", "default-site-mapping"} {
			eventually(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, rule), isReady())
		}
		users := w.createMany(ctx, (pages+1)*perPage, inOrganization("Sales"))
		for _, user := range users {
			eventually(ctx, w, w.personOf(ctx, user), isReady())
		}

		before := len(w.writes(ctx))
		done := countReconciles("scimuser")
		numbers := []int32{}
		for number := range int32(pages) {
			rest := users[(number+1)*perPage:]
			Expect(w.Create(ctx, newPage(group, number+1, rest[:perPage]...))).To(Succeed())
			numbers = append(numbers, number+1)
		}
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.Members, g.Spec.Pages = membersOf(users[:perPage]...), numbers })
		done.waitFor("scimuser", len(users))
		eventually(ctx, w, group, hasMembers(int32(len(users))))
		written := w.writes(ctx)[before:]
		Expect(kinds(written)).To(HaveEach("patch scimgroups/status"))
		Expect(len(written)).To(BeNumerically("<=", pages+2), "one for each page, should all come late on a slow machine")
		GinkgoWriter.Printf("%d members: %v\n", len(users), kinds(written))
	})

	It("are left by a user who is deleted before that is gone, again and again where it fails", func(ctx SpecContext) {
		var failures atomic.Int32
		var left sync.Map
		begin(ctx, func(o *controllers.Options) {
			o.Leave = func(ctx context.Context, namespace, id string) error {
				if failures.Add(1) == 1 {
					return errors.New("the API server is away")
				}
				left.Store(namespace+"/"+id, w.Get(ctx, client.ObjectKey{Name: id}, &v1alpha1.ScimUser{}) == nil)
				return nil
			}
		})
		person := w.personOf(ctx, jane)
		Expect(w.Delete(ctx, jane)).To(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(w.Get(ctx, client.ObjectKeyFromObject(jane), jane)) }).Should(BeTrue())
		there, called := left.Load(w.namespace + "/" + jane.Name)
		Expect(called).To(BeTrue())
		Expect(there).To(BeTrue(), "the user is there while its groups are left")
		eventually(ctx, w, person, disabled(true))
	})
})

func createGroup(ctx context.Context, w *world, group *v1alpha1.ScimGroup) *v1alpha1.ScimGroup {
	GinkgoHelper()
	Expect(w.Create(ctx, group)).To(Succeed())
	return eventually(ctx, w, group, isReady())
}

// createMany makes users and waits until all are Ready.
func (w *world) createMany(ctx context.Context, count int, options ...func(*v1alpha1.ScimUser)) []*v1alpha1.ScimUser {
	GinkgoHelper()
	var users []*v1alpha1.ScimUser
	for range count {
		user := newUser("", "Jane Roe", options...)
		user.Spec.UserName = user.Name + "@example.com"
		Expect(w.Create(ctx, user)).To(Succeed())
		users = append(users, user)
	}
	for _, user := range users {
		eventually(ctx, w, user, isReady())
	}
	return users
}
