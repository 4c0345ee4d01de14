package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("groups", func() {
	It("keep membership on the member, and tell it on both sides", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		users := createUsers(ctx, s, tenant, 3)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Engineering", users[:2]...))
		Expect(err).NotTo(HaveOccurred())
		Expect(created.MemberIDs()).To(Equal(users[:2]))
		nested, err := s.Create(within(ctx), tenant, scim.Group, group("Nested"))
		Expect(err).NotTo(HaveOccurred())
		updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[2], nested.ID()))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Members).To(Equal(4))
		read, err := s.Get(within(ctx), tenant, scim.Group, created.ID(), allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(read.MemberIDs()).To(ConsistOf(users[0], users[1], users[2], nested.ID()))
		Expect(read.Complex("meta")).To(Equal(updated.Resource.Complex("meta")))
		Expect(read.Values("members")).To(ContainElement(map[string]any{"value": nested.ID(), "display": "Nested", "type": "Group"}))

		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, users[2]), stored)).To(Succeed())
		Expect(stored.Spec.Groups).To(Equal([]string{created.ID()}))
		u, err := s.Get(within(ctx), tenant, scim.User, users[2], nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Values("groups")).To(Equal([]any{map[string]any{"value": created.ID(), "display": "Engineering", "type": "direct"}}))

		page, err := s.List(within(ctx), tenant, scim.Group, filter(scim.Group, fmt.Sprintf(`members.value eq %q`, users[0])))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(ConsistOf(created.ID()))
		page, err = s.List(within(ctx), tenant, scim.User, filter(scim.User, fmt.Sprintf(`groups.value eq %q and active eq true`, created.ID())))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(Equal(users))

		By("deleting a member and the group without leaving a mention")
		Expect(s.Delete(within(ctx), tenant, scim.User, users[0], "")).To(Succeed())
		Expect(membersOf(ctx, s, tenant, created.ID())).NotTo(ContainElement(users[0]))
		Expect(s.Delete(within(ctx), tenant, scim.Group, created.ID(), "")).To(Succeed())
		Expect(direct.Get(ctx, key(tenant, users[2]), stored)).To(Succeed())
		Expect(stored.Spec.Groups).To(BeEmpty())
		_, err = s.Create(within(ctx), tenant, scim.Group, group("ENGINEERING"))
		Expect(err).NotTo(HaveOccurred())
	})

	It("move the version with every change of membership, and only then", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		users := createUsers(ctx, s, tenant, 2)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Versions"))
		Expect(err).NotTo(HaveOccurred())
		seen := []any{created.Complex("meta")["version"]}
		for _, change := range []edit{join(users[0]), join(users[1]), leave(users[0])} {
			updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", change)
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			Expect(seen).NotTo(ContainElement(updated.Resource.Complex("meta")["version"]))
			seen = append(seen, updated.Resource.Complex("meta")["version"])
		}
		updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[1]))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
		before := len(writes(ctx, tenant))
		updated, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", leave(users[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
		Expect(writes(ctx, tenant)).To(HaveLen(before))
	})

	It("lose no member to 16 parallel requests through two replicas", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		replicas := []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		users := createUsers(ctx, replicas[0], tenant, 32)
		created, err := replicas[0].Create(within(ctx), tenant, scim.Group, group("Crowd", users[:16]...))
		Expect(err).NotTo(HaveOccurred())
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wg.Go(func() {
				var joined, left Updated
				joined, errs[i] = replicas[i%2].Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[16+i]))
				if errs[i] == nil {
					left, errs[i] = replicas[(i+1)%2].Update(within(ctx), tenant, scim.Group, created.ID(), "", leave(users[i]))
				}
				if errs[i] == nil && !(joined.Changed && left.Changed) {
					errs[i] = errors.New("a change of membership was taken for none")
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			Expect(err).NotTo(HaveOccurred())
		}
		for _, s := range replicas {
			_, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", set("externalId", fmt.Sprint(s == replicas[0])))
			Expect(err).NotTo(HaveOccurred())
			Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(users[16:]))
		}
	})

	It("remove through one replica who was just added through another", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		users := createUsers(ctx, a, tenant, 1)
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Pingpong"))
		Expect(err).NotTo(HaveOccurred())
		for range 50 {
			updated, err := a.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[0]))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			updated, err = b.Update(within(ctx), tenant, scim.Group, created.ID(), "", leave(users[0]))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
		}
		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, users[0]), stored)).To(Succeed())
		Expect(stored.Spec.Groups).To(BeEmpty())
	})

	It("are written with If-Match to the version that it names only, whoever changes the group meanwhile", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		users := createUsers(ctx, a, tenant, 1)
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Contended"))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		stored := &v1alpha1.ScimGroup{}
		write := func(meanwhile func(), change edit) (Updated, error) {
			Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
			return a.Update(within(ctx), tenant, scim.Group, id, version(stored), edit(func(current scim.Resource) (scim.Resource, error) {
				meanwhile()
				meanwhile = func() {}
				return change(current)
			}))
		}
		other := 0
		changed := func() {
			other++
			_, err := b.Update(within(ctx), tenant, scim.Group, id, "", set("externalId", fmt.Sprint(other)))
			Expect(err).NotTo(HaveOccurred())
		}
		classified := func() {
			if stored.Status.Classification == v1alpha1.ClassificationSite {
				stored.Status.Classification = v1alpha1.ClassificationOrganization
			} else {
				stored.Status.Classification = v1alpha1.ClassificationSite
			}
			Expect(direct.Status().Update(ctx, stored)).To(Succeed())
		}
		for _, change := range []edit{set("externalId", "mine"), set("displayName", "Renamed"), join(users...)} {
			_, err := write(changed, change)
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
			Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
			Expect(stored.Spec.ExternalID).To(Equal(fmt.Sprint(other)))
			Expect(stored.Spec.DisplayName).To(Equal("Contended"))
		}
		for _, change := range []edit{join(users...), set("displayName", "Renamed")} {
			updated, err := write(classified, change)
			Expect(err).NotTo(HaveOccurred(), "what the controllers write is no change for a client")
			Expect(updated.Changed).To(BeTrue())
		}
	})

	It("are compared with no members but all that another replica has acknowledged", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s, other := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		users := createUsers(ctx, other, tenant, 1)
		created, err := other.Create(within(ctx), tenant, scim.Group, group("Behind", users...))
		Expect(err).NotTo(HaveOccurred())
		for name, index := range map[string]*kindIndex{"users": &s.users, "nested groups": &s.groups} {
			complete := index.order
			index.order = newOrder() // no event ever comes
			impatient, cancel := context.WithTimeout(ctx, compareAfter/2)
			_, err = s.Update(impatient, tenant, scim.Group, created.ID(), "", edit(func(scim.Resource) (scim.Resource, error) {
				return nil, errors.New("members were read too early")
			}))
			cancel()
			Expect(err).To(MatchError(context.DeadlineExceeded), name)
			index.order = complete
		}
	})

	It("are renamed to a free name only", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		first, err := s.Create(within(ctx), tenant, scim.Group, group("First"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Create(within(ctx), tenant, scim.Group, group("Second"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(within(ctx), tenant, scim.Group, first.ID(), "", set("displayName", "SECOND"))
		Expect(err).To(haveStatus(http.StatusConflict))
		_, err = s.Update(within(ctx), tenant, scim.Group, first.ID(), "", set("displayName", "Third"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Create(within(ctx), tenant, scim.Group, group("first"))
		Expect(err).NotTo(HaveOccurred())
		page, err := s.List(within(ctx), tenant, scim.Group, filter(scim.Group, `displayName eq "third"`))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(ConsistOf(first.ID()))
	})

	It("complete when a request that broke off half-way is repeated", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		users := createUsers(ctx, s, tenant, 40)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Broken"))
		Expect(err).NotTo(HaveOccurred())
		breaking, breakOff := context.WithCancel(within(ctx))
		_, err = s.Update(breaking, tenant, scim.Group, created.ID(), "", edit(func(current scim.Resource) (scim.Resource, error) {
			// One member is written as by an earlier request, and this one is then cut off.
			if _, err := s.writeMember(breaking, tenant, created.ID(), member{id: users[7]}, true); err != nil {
				return nil, err
			}
			breakOff()
			return join(users...)(current)
		}))
		Expect(err).To(HaveOccurred())
		updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users...))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeTrue())
		Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(users))
	})

	It("that do not exist are taken out of their members by the sweeper", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		timing := patient
		timing.danglingAge = 0
		s := replica(ctx, tenant, timing)
		users := createUsers(ctx, s, tenant, 2)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Real", users...))
		Expect(err).NotTo(HaveOccurred())
		dead, err := newID()
		Expect(err).NotTo(HaveOccurred())
		_, err = s.writeMember(within(ctx), tenant, dead, member{id: users[1]}, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{MembershipsRemoved: 1}))
		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, users[1]), stored)).To(Succeed())
		Expect(stored.Spec.Groups).To(Equal([]string{created.ID()}))
		u, err := s.Get(within(ctx), tenant, scim.User, users[1], nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(slices.Collect(valuesOfAny(u.Values("groups")))).To(Equal([]string{created.ID()}))
	})
})

func valuesOfAny(list []any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range list {
			if m, ok := v.(map[string]any); ok && !yield(getString(m, "value")) {
				return
			}
		}
	}
}
