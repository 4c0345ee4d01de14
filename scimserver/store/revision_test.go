package store

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// outdated is a client whose cache has an old state of every user.
type outdated struct{ client.Client }

func (c outdated) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	err := c.Client.Get(ctx, key, obj, opts...)
	if user, ok := obj.(*v1alpha1.ScimUser); ok {
		user.ResourceVersion = "1"
	}
	return err
}

var _ = Describe("a revision that no event tells of", func() {
	// notedRevision makes a group whose newest change of membership is in no event, as that
	// of a user who was deleted while the replica started.
	notedRevision := func(ctx SpecContext, s *Store, tenant string) string {
		GinkgoHelper()
		member, err := s.Create(within(ctx), tenant, scim.User, user("babs@example.com"))
		Expect(err).NotTo(HaveOccurred())
		stored := legacyGroup(ctx, tenant, "Guides", member.ID())
		stored.Spec.MembersRevision = stored.ResourceVersion
		Expect(direct.Update(ctx, stored)).To(Succeed())
		Eventually(func() (string, error) {
			cached := &v1alpha1.ScimGroup{}
			err := s.client.Get(within(ctx), key(tenant, stored.Name), cached)
			return cached.Spec.MembersRevision, err
		}).Should(Equal(stored.Spec.MembersRevision))
		return stored.Name
	}

	It("does not keep a group from being read and changed", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		id := notedRevision(ctx, s, tenant)
		r, err := s.Get(within(ctx), tenant, scim.Group, id, allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.MemberIDs()).To(HaveLen(1))
		updated, err := s.Update(within(ctx), tenant, scim.Group, id, "", set("displayName", "Tour Guides"))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeTrue())
	})

	It("is waited for while the cache is behind the API server", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		id := notedRevision(ctx, s, tenant)
		s.client = outdated{s.client}
		impatient, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		_, err := s.Get(impatient, tenant, scim.Group, id, allMembers)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})

	It("ends a cursor if the API server does not know it either", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		for _, seen := range []Revision{{users: 1 << 60}, {groups: 1 << 60}, {pages: 1 << 60}} {
			q := all()
			q.From = &Position{Seen: seen}
			_, err := s.List(within(ctx), tenant, scim.User, q)
			Expect(err).To(MatchError(ContainSubstring(scim.TypeExpiredCursor)))
			Expect(err).To(haveStatus(400))
		}
	})
})
