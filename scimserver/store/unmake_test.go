package store

import (
	"context"
	"fmt"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// ownConflict is a client that meets its own first write of such an object, as client-go does that repeats a write whose
// answer was lost, and a reader that fails after that a few times.
type ownConflict struct {
	client.Client
	such  func(client.Object) bool
	after int64
	done  atomic.Bool
	fails atomic.Int64
}

// Update implements client.Client.
func (c *ownConflict) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if !c.such(obj) || !c.done.CompareAndSwap(false, true) {
		return c.Client.Update(ctx, obj, opts...)
	}
	written, _ := obj.DeepCopyObject().(client.Object)
	if err := c.Client.Update(ctx, written, opts...); err != nil {
		return err
	}
	c.fails.Store(c.after)
	return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("scimgroups").GroupResource(), obj.GetName(), errCrashed)
}

// listsPages is true of a group that lists pages.
func listsPages(obj client.Object) bool {
	group, isGroup := obj.(*v1alpha1.ScimGroup)
	return isGroup && len(group.Spec.Pages) > 0
}

// failingReads is the reader of an ownConflict.
type failingReads struct {
	client.Reader
	conflict *ownConflict
}

// Get implements client.Reader.
func (r *failingReads) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if r.conflict.fails.Add(-1) >= 0 {
		return apierrors.NewInternalError(errCrashed)
	}
	return r.Reader.Get(ctx, key, obj, opts...)
}

// deletedFirst is a client before whose first write of a group that lists pages somebody else deletes the group.
type deletedFirst struct {
	client.Client
	done atomic.Bool
}

// Update implements client.Client.
func (c *deletedFirst) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if group, ok := obj.(*v1alpha1.ScimGroup); ok && len(group.Spec.Pages) > 0 && c.done.CompareAndSwap(false, true) {
		if err := direct.Delete(ctx, group.DeepCopy()); err != nil {
			return err
		}
	}
	return c.Client.Update(ctx, obj, opts...)
}

var _ = It("pages of a group that is deleted before it can list them are not left behind", func(ctx SpecContext) {
	tenant := namespaceOf(ctx)
	s := replica(ctx, tenant, patient)
	s.room = 2
	users := createUsers(ctx, s, tenant, 6)
	created, err := s.Create(within(ctx), tenant, scim.Group, group("Group", users[:2]...))
	Expect(err).NotTo(HaveOccurred())
	s.client = &deletedFirst{Client: s.client}
	_, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[2:]...))
	Expect(isNotFound(err)).To(BeTrue(), "%v", err)
	Expect(storedPages(ctx, tenant)).To(BeEmpty())
})

var _ = DescribeTable("a name that is written although it does not seem so stays claimed",
	func(ctx SpecContext, rt *scim.ResourceType, kind claimKind, attribute string, named func(name string) scim.Resource) {
		tenant := namespaceOf(ctx)
		s, other := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		created, err := s.Create(within(ctx), tenant, rt, named("old@example.com"))
		Expect(err).NotTo(HaveOccurred())
		always := func(client.Object) bool { return true }
		conflict := &ownConflict{Client: s.client, such: always, after: 1000} // longer than the request tries
		s.client, s.live = conflict, &failingReads{Reader: s.live, conflict: conflict}
		_, err = s.Update(within(ctx), tenant, rt, created.ID(), "", set(attribute, "new@example.com"))
		Expect(err).To(HaveOccurred())
		claim, err := other.claims.heldBy(within(ctx), uniqueName{kind, tenant, "new@example.com"}, created.ID())
		Expect(err).NotTo(HaveOccurred())
		Expect(claim).NotTo(BeNil())
	},
	Entry("by a user", scim.User, claimUserName, "userName", user),
	Entry("by a group", scim.Group, claimDisplayName, "displayName", func(name string) scim.Resource { return group(name) }),
)

var _ = Describe("pages whose group is written although it does not seem so", func() {
	var tenant string
	var s *Store
	var users []string
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		s = replica(ctx, tenant, patient)
		s.room = 2
		users = createUsers(ctx, s, tenant, 6)
	})
	for name, one := range map[string]struct {
		make    func(ctx context.Context) string
		joining func() []string
	}{
		"moves": {
			func(ctx context.Context) string { return legacyGroup(ctx, tenant, "Group", users[:5]...).Name },
			func() []string { return users[5:] },
		},
		"grows": {func(ctx context.Context) string {
			created, err := s.Create(within(ctx), tenant, scim.Group, group("Group", users[:2]...))
			Expect(err).NotTo(HaveOccurred())
			return created.ID()
		}, func() []string { return users[2:] }},
	} {
		for reads := range 3 {
			It(fmt.Sprintf("stay when it %s and %d reads fail", name, reads), func(ctx SpecContext) {
				id := one.make(ctx)
				conflict := &ownConflict{Client: s.client, such: listsPages, after: int64(reads)}
				s.client, s.live = conflict, &failingReads{Reader: s.live, conflict: conflict}
				_, err := s.Update(within(ctx), tenant, scim.Group, id, "", join(one.joining()...))
				if reads > 1 { // then the client sends it again
					Expect(err).To(MatchError(apierrors.IsInternalError, "an API server that cannot be read"))
					_, err = s.Update(within(ctx), tenant, scim.Group, id, "", join(one.joining()...))
				}
				Expect(err).NotTo(HaveOccurred())
				Expect(conflict.done.Load()).To(BeTrue())
				Expect(storedMembers(ctx, s, tenant, id)).To(Equal(users))
				Expect(storedGroupOf(ctx, s, tenant, id).Spec.Pages).To(Equal([]int32{1, 2}))
				Expect(storedPages(ctx, tenant)).To(HaveLen(2))
			})
		}
	}

	It("are listed no more, once the group is written, if they do not exist", func(ctx SpecContext) {
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Lost", users[:5]...))
		Expect(err).NotTo(HaveOccurred())
		pages := storedPages(ctx, tenant)
		Expect(pages).To(HaveLen(2))
		Expect(direct.Delete(ctx, &pages[0])).To(Succeed())
		updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", set("externalId", "1"))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeTrue())
		stored := storedGroupOf(ctx, s, tenant, created.ID())
		Expect(stored.Spec.Pages).To(Equal([]int32{2}))
		Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal([]string{users[0], users[1], users[4]}))
	})
})
