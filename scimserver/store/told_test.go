package store

import (
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("a group's version", func() {
	create := func(ctx SpecContext, s *Store, tenant string, rt *scim.ResourceType, r scim.Resource) string {
		GinkgoHelper()
		created, err := s.Create(within(ctx), tenant, rt, r)
		Expect(err).NotTo(HaveOccurred())
		return created.ID()
	}
	stored := func(ctx SpecContext, tenant, id string, obj client.Object) {
		GinkgoHelper()
		Expect(direct.Get(ctx, key(tenant, id), obj)).To(Succeed())
	}

	It("tells of a change that broke off before the group was written when the request is repeated", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		babs := create(ctx, s, tenant, scim.User, user("babs@example.com"))
		anna := create(ctx, s, tenant, scim.User, user("anna@example.com"))
		id := create(ctx, s, tenant, scim.Group, group("Guides", babs))
		for name, step := range map[string]edit{"a user joins": join(anna), "a user leaves": leave(babs)} {
			before := &v1alpha1.ScimGroup{}
			stored(ctx, tenant, id, before)
			alive, claims := s.client, s.claims
			crashAfter(s, 1)
			_, err := s.Update(within(ctx), tenant, scim.Group, id, "", step)
			Expect(err).To(MatchError(errCrashed), name)
			s.client, s.claims = alive, claims
			updated, err := s.Update(within(ctx), tenant, scim.Group, id, "", step)
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(updated.Changed).To(BeTrue(), name)
			after := &v1alpha1.ScimGroup{}
			stored(ctx, tenant, id, after)
			Expect(version(after)).NotTo(Equal(version(before)), name)
			Expect(after.Spec.LastModified.After(before.Spec.LastModified.Time)).To(BeTrue(), name)
			updated, err = s.Update(within(ctx), tenant, scim.Group, id, "", step)
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(updated.Changed).To(BeFalse(), name)
		}
	})

	It("tells once of members who are deleted, and of the revision that says so", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		babs := create(ctx, s, tenant, scim.User, user("babs@example.com"))
		nested := create(ctx, s, tenant, scim.Group, group("Nested"))
		id := create(ctx, s, tenant, scim.Group, group("Guides", babs, nested))
		Expect(s.Delete(within(ctx), tenant, scim.User, babs, "")).To(Succeed())
		// No controller runs, so the user is still there, as it was written by the deletion.
		gone, told := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
		stored(ctx, tenant, babs, gone)
		Expect(gone.DeletionTimestamp).NotTo(BeNil())
		stored(ctx, tenant, id, told)
		Expect(strconv.ParseInt(told.Spec.MembersRevision, 10, 64)).To(BeNumerically(">=", revisionOf(gone)))
		Expect(s.Delete(within(ctx), tenant, scim.Group, nested, "")).To(Succeed())
		updated, err := s.Update(within(ctx), tenant, scim.Group, id, "", set("members", nil))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
	})

	It("means nothing if it comes from another API server with greater revisions", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		babs := create(ctx, s, tenant, scim.User, user("babs@example.com"))
		id := create(ctx, s, tenant, scim.Group, group("Guides", babs))
		moved := &v1alpha1.ScimGroup{}
		stored(ctx, tenant, id, moved)
		moved.Spec.MembersRevision = strconv.FormatInt(1<<60, 10)
		Expect(direct.Update(ctx, moved)).To(Succeed())
		Eventually(func() (string, error) {
			cached := &v1alpha1.ScimGroup{}
			err := s.client.Get(within(ctx), key(tenant, id), cached)
			return cached.ResourceVersion, err
		}).Should(Equal(moved.ResourceVersion))
		r, err := s.Get(within(ctx), tenant, scim.Group, id, allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.MemberIDs()).To(Equal([]string{babs}))
		_, err = s.Update(within(ctx), tenant, scim.Group, id, "", leave(babs))
		Expect(err).NotTo(HaveOccurred())
		stored(ctx, tenant, id, moved)
		Expect(strconv.ParseInt(moved.Spec.MembersRevision, 10, 64)).To(BeNumerically("<", revisionOf(moved)))
	})
})
