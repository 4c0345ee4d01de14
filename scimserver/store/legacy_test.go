package store

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// legacyGroup makes a group as an operator from before there were pages wrote it, with the claim on its name: its members, which are
// users, name it, and it is written after them.
func legacyGroup(ctx context.Context, tenant, name string, members ...string) *v1alpha1.ScimGroup {
	GinkgoHelper()
	id, err := newID()
	Expect(err).NotTo(HaveOccurred())
	group := &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: id},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: name, ProvisionedAt: v1alpha1.NewTimestamp(time.Now()), LastModified: v1alpha1.NewTimestamp(time.Now())},
	}
	for _, member := range members {
		user := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, member), user)).To(Succeed())
		user.Spec.Groups = append(user.Spec.Groups, id)
		Expect(direct.Update(ctx, user)).To(Succeed())
		group.Spec.MembersRevision = user.ResourceVersion
	}
	Expect(direct.Create(ctx, group)).To(Succeed())
	return group
}

var _ = Describe("a group that an older operator has written", func() {
	var tenant string
	var s *Store
	var users []string
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		s = replica(ctx, tenant, patient)
		s.room = 2
		users = createUsers(ctx, s, tenant, 6)
	})

	It("has the members who name it, and keeps them, their order of joining and its times when it moves to pages", func(ctx SpecContext) {
		later, first := legacyGroup(ctx, tenant, "Later"), legacyGroup(ctx, tenant, "First", users[:5]...)
		for _, id := range users[:3] { // they joined it after the other, which is younger
			user := &v1alpha1.ScimUser{}
			Expect(direct.Get(ctx, key(tenant, id), user)).To(Succeed())
			user.Spec.Groups = append(user.Spec.Groups, later.Name)
			Expect(direct.Update(ctx, user)).To(Succeed())
			later.Spec.MembersRevision = user.ResourceVersion
		}
		Expect(direct.Update(ctx, later)).To(Succeed())
		groupsOf := func() any {
			r, err := s.Get(within(ctx), tenant, scim.User, users[0], nil)
			Expect(err).NotTo(HaveOccurred())
			return r.Values("groups")
		}
		order := []any{
			map[string]any{"value": first.Name, "display": "First", "type": "direct"}, map[string]any{"value": later.Name, "display": "Later", "type": "direct"},
		}
		Eventually(groupsOf).Should(Equal(order))
		before, err := s.Get(within(ctx), tenant, scim.Group, first.Name, allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(before.MemberIDs()).To(Equal(users[:5]))

		By("moving one of them by a change that comes to nothing else")
		updated, err := s.Update(within(ctx), tenant, scim.Group, first.Name, "", join(users[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
		Expect(storedMembers(ctx, s, tenant, first.Name)).To(Equal(users[:5]))
		Expect(storedGroupOf(ctx, s, tenant, first.Name).pages).To(HaveLen(2))
		Expect(membersOf(ctx, s, tenant, first.Name)).To(Equal(users[:5]))
		Expect(groupsOf()).To(Equal(order))
		after, err := s.Get(within(ctx), tenant, scim.Group, first.Name, allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Complex("meta")["created"]).To(Equal(before.Complex("meta")["created"]))

		By("moving the other, and then taking the ids out of the users")
		m := NewMigrator(s, tenant)
		m.pause, m.stripAfter = 0, 0
		Eventually(func() (bool, error) { return m.Migrate(within(ctx)) }).Should(BeTrue())
		Expect(groupsOf()).To(Equal(order))
		var list v1alpha1.ScimUserList
		Expect(direct.List(ctx, &list)).To(Succeed())
		for i := range list.Items {
			if list.Items[i].Namespace == tenant {
				Expect(list.Items[i].Spec.Groups).To(BeEmpty())
			}
		}
		count := len(writes(ctx, tenant))
		Expect(m.Migrate(within(ctx))).To(BeTrue())
		Expect(writes(ctx, tenant)).To(HaveLen(count), "there is nothing to write any more")
	})

	It("leaves its ids in the members until an older replica cannot lead any more", func(ctx SpecContext) {
		old := legacyGroup(ctx, tenant, "Early", users[0])
		naming := func(id string) []string {
			member := &v1alpha1.ScimUser{}
			Expect(direct.Get(ctx, key(tenant, id), member)).To(Succeed())
			return member.Spec.Groups
		}
		m := NewMigrator(s, tenant)
		m.pause, m.stripAfter = 0, 2
		moved := func() bool {
			group := &v1alpha1.ScimGroup{}
			Expect(direct.Get(ctx, key(tenant, old.Name), group)).To(Succeed())
			return membership.InPages(group)
		}
		Eventually(func() (bool, error) { _, err := m.Migrate(within(ctx)); return moved(), err }).Should(BeTrue())
		Expect(m.Migrate(within(ctx))).To(BeFalse())
		Expect(naming(users[0])).To(Equal([]string{old.Name}))

		By("moving another one, which an older replica has made meanwhile")
		first := old.Name
		old = legacyGroup(ctx, tenant, "Late", users[1])
		Eventually(func() (bool, error) { return s.peek(ctx, tenant, old.Name, &v1alpha1.ScimGroup{}, false) }).Should(BeTrue())
		Eventually(func() (bool, error) { _, err := m.Migrate(within(ctx)); return moved(), err }).Should(BeTrue())
		for range m.stripAfter {
			Expect(naming(users[0])).To(Equal([]string{first}))
			Expect(naming(users[1])).To(Equal([]string{old.Name}))
			Expect(m.Migrate(within(ctx))).To(BeFalse())
		}
		Eventually(func() (bool, error) { return m.Migrate(within(ctx)) }).Should(BeTrue())
		Expect(naming(users[0])).To(BeEmpty())
		Expect(naming(users[1])).To(BeEmpty())
	})

	It("moves with its nested groups, and is deleted like others", func(ctx SpecContext) {
		outer, inner := legacyGroup(ctx, tenant, "Outer", users[0]), legacyGroup(ctx, tenant, "Inner", users[1])
		inner.Spec.Groups = []string{outer.Name}
		Expect(direct.Update(ctx, inner)).To(Succeed())
		Eventually(func() []string { return membersOf(ctx, s, tenant, outer.Name) }).Should(ConsistOf(users[0], inner.Name))
		updated, err := s.Update(within(ctx), tenant, scim.Group, outer.Name, "", leave(users[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeTrue())
		Expect(membersOf(ctx, s, tenant, outer.Name)).To(Equal([]string{inner.Name}))
		Expect(s.Delete(within(ctx), tenant, scim.Group, inner.Name, "")).To(Succeed())
		Expect(storedMembers(ctx, s, tenant, outer.Name)).To(BeEmpty())
		Expect(s.Delete(within(ctx), tenant, scim.Group, outer.Name, "")).To(Succeed())
		m := NewMigrator(s, tenant)
		m.pause, m.stripAfter = 0, 0
		s.timing.danglingAge = 0
		Eventually(func() (bool, error) { return m.Migrate(within(ctx)) }).Should(BeTrue())
	})

	It("is changed with If-Match by one of several, also when it moves by that", func(ctx SpecContext) {
		other := replica(ctx, tenant, patient)
		other.room = 2
		old := legacyGroup(ctx, tenant, "Contended", users[:3]...)
		outcomes := make([]error, 8)
		var racing sync.WaitGroup
		for i := range outcomes {
			racing.Go(func() {
				_, outcomes[i] = []*Store{s, other}[i%2].Update(within(ctx), tenant, scim.Group, old.Name, version(old), set("externalId", fmt.Sprint(i)))
			})
		}
		racing.Wait()
		won := 0
		for _, err := range outcomes {
			if err == nil {
				won++
				continue
			}
			Expect(err).To(haveStatus(http.StatusPreconditionFailed))
		}
		Expect(won).To(Equal(1))
		Expect(storedMembers(ctx, s, tenant, old.Name)).To(Equal(users[:3]))
	})

	// The writes are: two pages, and the group.
	for crash := range 3 {
		It(fmt.Sprintf("is as it was if the move breaks off after %d writes", crash), func(ctx SpecContext) {
			old := legacyGroup(ctx, tenant, "Broken", users...)
			dead := replica(ctx, tenant, patient)
			dead.room = 2
			crashAfter(dead, crash)
			_, err := dead.Update(within(ctx), tenant, scim.Group, old.Name, "", set("externalId", "1"))
			Expect(err).To(MatchError(errCrashed))
			Eventually(func() []string { return membersOf(ctx, s, tenant, old.Name) }).Should(Equal(users))
			_, err = s.Update(within(ctx), tenant, scim.Group, old.Name, "", leave(users[0]))
			Expect(err).NotTo(HaveOccurred())
			Expect(membersOf(ctx, s, tenant, old.Name)).To(Equal(users[1:]))
			s.timing, s.claims.timing = forgetful, forgetful
			Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(HaveField("PagesRemoved", crash))
			Expect(membersOf(ctx, s, tenant, old.Name)).To(Equal(users[1:]))
		})
	}

	It("loses and regains nobody to requests while it moves", func(ctx SpecContext) {
		other := replica(ctx, tenant, patient)
		other.room = 2
		for round := range 5 {
			old := legacyGroup(ctx, tenant, fmt.Sprintf("Moving %d", round), users[:5]...)
			m := NewMigrator(s, tenant)
			m.pause, m.stripAfter = 0, 0
			errs := make([]error, 3)
			var racing sync.WaitGroup
			racing.Go(func() { _, errs[0] = m.Migrate(within(ctx)) })
			racing.Go(func() {
				_, errs[1] = other.Update(within(ctx), tenant, scim.Group, old.Name, "", leave(users[0]))
			})
			racing.Go(func() {
				_, errs[2] = other.Update(within(ctx), tenant, scim.Group, old.Name, "", join(users[5]))
			})
			racing.Wait()
			for _, err := range errs {
				Expect(err).NotTo(HaveOccurred())
			}
			Eventually(func() (bool, error) { return m.Migrate(within(ctx)) }).Should(BeTrue())
			Expect(storedMembers(ctx, s, tenant, old.Name)).To(Equal(users[1:]))
		}
	})

	It("is not changed by an older operator once it has moved", func(ctx SpecContext) {
		old := legacyGroup(ctx, tenant, "Moved", users[0])
		_, err := s.Update(within(ctx), tenant, scim.Group, old.Name, "", set("externalId", "1"))
		Expect(err).NotTo(HaveOccurred())
		Expect(direct.Get(ctx, key(tenant, old.Name), old)).To(Succeed())
		Expect(membership.InPages(old)).To(BeTrue())
		old.Spec.Members = nil // which its type does not have
		old.Spec.DisplayName = "Renamed"
		Expect(direct.Update(ctx, old)).To(MatchError(ContainSubstring("members cannot be taken away")))
	})

	It("tells of no revision that is newer than itself, as one that was brought from another API server", func(ctx SpecContext) {
		old := legacyGroup(ctx, tenant, "Brought", users[0])
		old.Spec.MembersRevision = strconv.FormatInt(1<<60, 10)
		Expect(direct.Update(ctx, old)).To(Succeed())
		Eventually(func() []string { return membersOf(ctx, s, tenant, old.Name) }).Should(Equal(users[:1]))
		_, err := s.Update(within(ctx), tenant, scim.Group, old.Name, "", leave(users[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(membersOf(ctx, s, tenant, old.Name)).To(BeEmpty())
	})
})
