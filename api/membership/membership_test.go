package membership_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var (
	env    *testenv.Env
	direct client.Client
)

func TestMembership(t *testing.T) { suite.Run(t, "Membership") }

var _ = BeforeSuite(func() {
	env = testenv.StartFor(GinkgoT())
	direct = suite.Client(env.Config)
})

const (
	user  = "0193f5c0-0000-7000-8000-000000000001"
	other = "0193f5c0-0000-7000-8000-000000000002"
	first = "0193f5c0-0000-7000-8000-00000000000a"
	next  = "0193f5c0-0000-7000-8000-00000000000b"
	old   = "0193f5c0-0000-7000-8000-00000000000c"
)

var provisioned = v1alpha1.NewTimestamp(time.Unix(1_700_000_000, 0))

func member(id string, joined int64) v1alpha1.GroupMember {
	return v1alpha1.GroupMember{ID: id, Joined: joined}
}

func groupOf(id string, members []v1alpha1.GroupMember, pages ...int32) *v1alpha1.ScimGroup {
	g := &v1alpha1.ScimGroup{Spec: v1alpha1.ScimGroupSpec{DisplayName: id, LastModified: provisioned, Members: members, Pages: pages}}
	g.Name = id
	return g
}

func pageOf(group string, number int32, members ...v1alpha1.GroupMember) *v1alpha1.ScimGroupPage {
	p := &v1alpha1.ScimGroupPage{Spec: v1alpha1.ScimGroupPageSpec{Group: group, LastModified: provisioned, Members: append([]v1alpha1.GroupMember{}, members...)}}
	p.Name = membership.PageName(group, number)
	return p
}

func userOf(id string, groups ...string) *v1alpha1.ScimUser {
	u := &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: id, ProvisionedAt: provisioned, LastModified: provisioned, Groups: groups}}
	u.Name = id
	return u
}

// read makes the objects, and returns a cache that has them.
func read(ctx context.Context, objects ...client.Object) (client.Reader, string) {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	for _, obj := range objects {
		obj.SetNamespace(namespace)
		Expect(direct.Create(ctx, obj)).To(Succeed())
	}
	mgr := suite.NewManager(env.Config, []string{namespace})
	suite.Start(ctx, mgr)
	for _, obj := range objects {
		Eventually(func() error { return mgr.GetCache().Get(ctx, client.ObjectKeyFromObject(obj), obj) }).Should(Succeed())
	}
	return mgr.GetCache(), namespace
}

func groupsOf(ctx context.Context, reader client.Reader, m client.Object) []string {
	GinkgoHelper()
	memberships, err := membership.GroupsOf(ctx, reader, m)
	Expect(err).NotTo(HaveOccurred())
	ids := []string{}
	for _, m := range memberships {
		ids = append(ids, m.Group.Name)
	}
	return ids
}

func membersOf(ctx context.Context, reader client.Reader, g *v1alpha1.ScimGroup) []v1alpha1.GroupMember {
	GinkgoHelper()
	members, err := membership.Of(ctx, reader, g)
	Expect(err).NotTo(HaveOccurred())
	return members
}

var _ = It("a member is in the groups that hold it, or list a page that does, in the order of joining", func(ctx SpecContext) {
	babs, ann := userOf(user), userOf(other)
	small, large := groupOf(first, []v1alpha1.GroupMember{member(user, 20)}), groupOf(next, []v1alpha1.GroupMember{member(other, 5)}, 1, 3)
	reader, _ := read(ctx, babs, ann, small, large,
		pageOf(next, 1, member(user, 10), member(other, 3)), pageOf(next, 2, member(other, 1)), pageOf(next, 3), pageOf(old, 1, member(other, 1)))

	Expect(groupsOf(ctx, reader, babs)).To(Equal([]string{next, first}))
	Expect(groupsOf(ctx, reader, ann)).To(Equal([]string{next}), "a page that no group lists means nothing")
	Expect(membersOf(ctx, reader, large)).To(Equal([]v1alpha1.GroupMember{member(user, 10), member(other, 3)}), "each once, joined the earliest")
	Expect(membersOf(ctx, reader, small)).To(Equal([]v1alpha1.GroupMember{member(user, 20)}))
})

var _ = It("spec.groups counts for groups that have not moved to pages, and the order stays when they move", func(ctx SpecContext) {
	babs := userOf(user, next, first, old)
	unmoved, alsoUnmoved, moved := groupOf(next, nil), groupOf(old, nil), groupOf(first, []v1alpha1.GroupMember{})
	reader, _ := read(ctx, babs, unmoved, alsoUnmoved, moved, pageOf(next, 1, member(other, 1)))

	Expect(groupsOf(ctx, reader, babs)).To(Equal([]string{next, old}))
	Expect(membersOf(ctx, reader, moved)).To(BeEmpty())
	Expect(membersOf(ctx, reader, unmoved)).To(HaveLen(1))

	By("moving the group in the middle")
	alsoUnmoved.Spec.Members = membersOf(ctx, reader, alsoUnmoved)
	Expect(alsoUnmoved.Spec.Members).To(HaveExactElements(HaveField("Joined", BeNumerically("<", provisioned.Unix()))))
	Expect(direct.Update(ctx, alsoUnmoved)).To(Succeed())
	Eventually(func() *v1alpha1.ScimGroup {
		g := &v1alpha1.ScimGroup{}
		Expect(reader.Get(ctx, client.ObjectKeyFromObject(alsoUnmoved), g)).To(Succeed())
		return g
	}).Should(WithTransform(membership.InPages, BeTrue()))
	Expect(groupsOf(ctx, reader, babs)).To(Equal([]string{next, old}))
})

var _ = It("a change affects who has come or gone, and who is in a page that is listed anew or no longer", func(ctx SpecContext) {
	before := groupOf(first, []v1alpha1.GroupMember{member("stays", 1), member("goes", 1), member("rejoins", 1)}, 1)
	after := groupOf(first, []v1alpha1.GroupMember{member("stays", 1), member("comes", 1), member("rejoins", 2)}, 1, 2)
	reader, namespace := read(ctx, pageOf(first, 1, member("unchanged", 1)), pageOf(first, 2, member("listed", 1)))
	before.Namespace, after.Namespace = namespace, namespace

	Expect(membership.Affected(ctx, reader, before, after)).To(ConsistOf("goes", "comes", "rejoins", "listed"))
	Expect(membership.Affected(ctx, reader, nil, after)).To(ConsistOf("stays", "comes", "rejoins", "unchanged", "listed"))
	Expect(membership.Affected(ctx, reader, before, nil)).To(ConsistOf("stays", "goes", "rejoins", "unchanged"))
	Expect(membership.Changed(nil, nil)).To(BeEmpty())
})

var _ = It("a group that moves to pages affects only who has come or gone with that", func(ctx SpecContext) {
	babs, ann := userOf(user, next, old), userOf(other, old)
	before := groupOf(old, nil)
	reader, _ := read(ctx, babs, ann, before)
	members := membersOf(ctx, reader, before)
	Expect(members).To(HaveExactElements(HaveField("ID", user), HaveField("ID", other)))

	moved := groupOf(old, members)
	moved.Namespace = before.Namespace
	Expect(membership.Affected(ctx, reader, before, moved)).To(BeEmpty())
	moved.Spec.Members = append(members[:1:1], member(first, 7))
	Expect(membership.Affected(ctx, reader, before, moved)).To(ConsistOf(other, first))
})

var _ = It("who names a group that has moved stays a member until its pages are there, and then is one if a page says so", func(ctx SpecContext) {
	babs, ann := userOf(user, first), userOf(other, first)
	reader, namespace := read(ctx, babs, ann, groupOf(first, []v1alpha1.GroupMember{}, 1))
	Expect(groupsOf(ctx, reader, babs)).To(Equal([]string{first}))
	page := pageOf(first, 1, member(user, 7))
	page.Namespace = namespace
	Expect(direct.Create(ctx, page)).To(Succeed())
	Eventually(func() []string { return groupsOf(ctx, reader, ann) }).Should(BeEmpty())
	Expect(groupsOf(ctx, reader, babs)).To(Equal([]string{first}))
})

var _ = It("a page counts when its group is there and lists it", func(ctx SpecContext) {
	listed, unlisted, alone := pageOf(first, 1), pageOf(first, 2), pageOf(next, 1)
	reader, _ := read(ctx, groupOf(first, []v1alpha1.GroupMember{}, 1), listed, unlisted, alone)
	Expect(membership.Counts(ctx, reader, listed)).To(BeTrue())
	Expect(membership.Counts(ctx, reader, unlisted)).To(BeFalse())
	Expect(membership.Counts(ctx, reader, alone)).To(BeFalse())
})
