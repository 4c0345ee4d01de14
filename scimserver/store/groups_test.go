package store

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = Describe("groups", func() {
	It("keep their members, and tell of it on both sides", func(ctx SpecContext) {
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

		Expect(storedMembers(ctx, s, tenant, created.ID())).To(ConsistOf(users[0], users[1], users[2], nested.ID()))
		u, err := s.Get(within(ctx), tenant, scim.User, users[2], nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Values("groups")).To(Equal([]any{map[string]any{"value": created.ID(), "display": "Engineering", "type": "direct"}}))

		page, err := s.List(within(ctx), tenant, scim.Group, filter(scim.Group, fmt.Sprintf(`members.value eq %q`, users[0])))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(ConsistOf(created.ID()))
		page, err = s.List(within(ctx), tenant, scim.User, filter(scim.User, fmt.Sprintf(`groups.value eq %q and active eq true`, created.ID())))
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(Equal(users))

		By("deleting a member and the group without leaving anything")
		Expect(s.Delete(within(ctx), tenant, scim.User, users[0], "")).To(Succeed())
		Expect(membersOf(ctx, s, tenant, created.ID())).NotTo(ContainElement(users[0]))
		Expect(storedMembers(ctx, s, tenant, created.ID())).NotTo(ContainElement(users[0]))
		Expect(s.Delete(within(ctx), tenant, scim.Group, created.ID(), "")).To(Succeed())
		Expect(storedPages(ctx, tenant)).To(BeEmpty())
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
		for _, change := range []Change{join(users[0]), join(users[1]), leave(users[0])} {
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

	DescribeTable("lose no member to 16 parallel requests through two replicas", func(ctx SpecContext, room int) {
		tenant := namespaceOf(ctx)
		replicas := []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		replicas[0].room, replicas[1].room = room, room
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
	}, Entry("one object", 500), Entry("pages", 3))

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
		Expect(storedMembers(ctx, a, tenant, created.ID())).To(BeEmpty())
	})

	It("are written with If-Match to the version that it names only, whoever changes the group meanwhile", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		users := createUsers(ctx, a, tenant, 1)
		created, err := a.Create(within(ctx), tenant, scim.Group, group("Contended"))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		stored := &v1alpha1.ScimGroup{}
		write := func(meanwhile func(), change Change) (Updated, error) {
			Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
			return a.Update(within(ctx), tenant, scim.Group, id, version(stored), edit(func(current scim.Resource) (scim.Resource, error) {
				meanwhile()
				meanwhile = func() {}
				return change.Apply(ctx, current)
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
		for _, change := range []Change{set("externalId", "mine"), set("displayName", "Renamed"), join(users...)} {
			_, err := write(changed, change)
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
			Expect(direct.Get(ctx, key(tenant, id), stored)).To(Succeed())
			Expect(stored.Spec.ExternalID).To(Equal(fmt.Sprint(other)))
			Expect(stored.Spec.DisplayName).To(Equal("Contended"))
		}
		for _, change := range []Change{join(users...), set("displayName", "Renamed")} {
			updated, err := write(classified, change)
			Expect(err).NotTo(HaveOccurred(), "what the controllers write is no change for a client")
			Expect(updated.Changed).To(BeTrue())
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

	// The writes are: three new pages, and the group.
	for crash := range 4 {
		It(fmt.Sprintf("complete when a request that broke off after %d writes is repeated", crash), func(ctx SpecContext) {
			tenant := namespaceOf(ctx)
			s := replica(ctx, tenant, patient)
			s.room = 2
			users := createUsers(ctx, s, tenant, 8)
			created, err := s.Create(within(ctx), tenant, scim.Group, group("Broken", users[0]))
			Expect(err).NotTo(HaveOccurred())
			alive, claims := s.client, s.claims
			crashAfter(s, crash)
			_, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users...))
			Expect(err).To(MatchError(errCrashed))
			s.client, s.claims = alive, claims
			updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users...))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(users))

			By("sweeping the pages that came to nothing")
			s.timing, s.claims.timing = forgetful, forgetful
			listed := len(storedGroupOf(ctx, s, tenant, created.ID()).Spec.Pages)
			left := len(storedPages(ctx, tenant)) - listed
			Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{PagesRemoved: left}))
			Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(users))
		})
	}

	It("lose members that do not exist to the sweeper", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		timing := patient
		s := replica(ctx, tenant, timing)
		s.room = 2
		users := createUsers(ctx, s, tenant, 4)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Real", users...))
		Expect(err).NotTo(HaveOccurred())
		strangers := newIDs(2)
		stored := storedGroupOf(ctx, s, tenant, created.ID())
		stored.Spec.Members = append(stored.Spec.Members[:1], entriesOf(strangers[0])...)
		Expect(direct.Update(ctx, stored.ScimGroup)).To(Succeed())
		page := stored.pages[0].DeepCopy()
		page.Spec.Members = append(page.Spec.Members[:1], entriesOf(strangers[1])...)
		Expect(direct.Update(ctx, page)).To(Succeed())
		left := []string{users[0], users[2]}
		Eventually(func() []string { return membersOf(ctx, s, tenant, created.ID()) }).Should(Equal(left))
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{}), "they have joined just now")
		Expect(storedMembers(ctx, s, tenant, created.ID())).To(HaveLen(4))
		s.timing.danglingAge = 0
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{MembershipsRemoved: 2}))
		Expect(storedMembers(ctx, s, tenant, created.ID())).To(Equal(left))
	})

	It("keep a member who is there again when the sweeper takes out another", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		users := createUsers(ctx, s, tenant, 2)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Restored", users...))
		Expect(err).NotTo(HaveOccurred())
		stored := storedGroupOf(ctx, s, tenant, created.ID())
		stored.Spec.Members = append(stored.Spec.Members, entriesOf(newIDs(1)...)...)
		Expect(direct.Update(ctx, stored.ScimGroup)).To(Succeed())
		s.gone.add(tenant, users[0]) // before the restore came to it
		s.timing.danglingAge = 0
		Eventually(func() (SweepResult, error) { return NewSweeper(s, tenant).Sweep(within(ctx)) }).Should(Equal(SweepResult{MembershipsRemoved: 1}))
		Expect(storedMembers(ctx, s, tenant, created.ID())).To(Equal(users))
	})
})
