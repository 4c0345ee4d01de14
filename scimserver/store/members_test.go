package store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// countedReads counts the objects that are read from the API server.
type countedReads struct {
	client.Reader
	reads atomic.Int64
}

func (c *countedReads) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	c.reads.Add(1)
	return c.Reader.Get(ctx, key, obj, opts...)
}

// newIDs returns ids that nothing has.
func newIDs(n int) []string {
	GinkgoHelper()
	ids := make([]string, n)
	for i := range ids {
		var err error
		ids[i], err = newID()
		Expect(err).NotTo(HaveOccurred())
	}
	return ids
}

func createUsers(ctx SpecContext, s *Store, tenant string, n int) []string {
	GinkgoHelper()
	var list []string
	for i := range n {
		created, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("member%d@example.com", i)))
		Expect(err).NotTo(HaveOccurred())
		list = append(list, created.ID())
	}
	return list
}

func membersOf(ctx SpecContext, s *Store, tenant, id string) []string {
	GinkgoHelper()
	r, err := s.Get(within(ctx), tenant, scim.Group, id, allMembers)
	Expect(err).NotTo(HaveOccurred())
	return r.MemberIDs()
}

var _ = Describe("members", func() {
	It("that do not exist are refused, and nothing is changed", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		users := createUsers(ctx, s, tenant, 1)
		unknown := newIDs(1)[0]
		_, err := s.Create(within(ctx), tenant, scim.Group, group("Strangers", users[0], unknown))
		Expect(err).To(haveStatus(http.StatusBadRequest))
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Strangers"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(users[0], unknown, "no-id"))
		Expect(err).To(MatchError(And(ContainSubstring(unknown), ContainSubstring("1 of the values"), Not(ContainSubstring("no-id")))))
		_, err = s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(created.ID()))
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(storedMembers(ctx, s, tenant, created.ID())).To(BeEmpty())
	})

	It("of any number that are unknown are refused after five of them were asked about", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		known := createUsers(ctx, s, tenant, 1)
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Strangers", known...))
		Expect(err).NotTo(HaveOccurred())
		asked := &countedReads{Reader: s.live}
		s.live = asked
		unknown, malformed := newIDs(10_000), make([]string, 10_000)
		for i := range malformed {
			malformed[i] = fmt.Sprintf("babs%d.com", i)
		}
		mixed := slices.Concat(malformed[:3], unknown[:1], known, unknown[1:], malformed[3:])
		for name, test := range map[string]struct {
			ids          []string
			reads, named int
		}{
			"ids that were never given":      {unknown, 2 * maxUnknown, maxUnknown},
			"what cannot be an id":           {malformed, 0, 0},
			"both":                           {mixed, 4, 2},
			"one unknown among the others":   {slices.Concat(known, unknown[:1]), 2, 1},
			"four, of which none decides":    {unknown[:maxUnknown-1], 2 * (maxUnknown - 1), maxUnknown - 1},
			"some, and what cannot be an id": {slices.Concat(unknown[:3], malformed[:5]), 6, 3},
		} {
			for method, act := range map[string]func() error{
				"create": func() error {
					_, err := s.Create(within(ctx), tenant, scim.Group, group("Others", test.ids...))
					return err
				},
				"update": func() error {
					_, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", join(test.ids...))
					return err
				},
			} {
				asked.reads.Store(0)
				err := act()
				Expect(err).To(haveStatus(http.StatusBadRequest), name)
				named := 0
				for _, id := range unknown {
					named += strings.Count(err.Error(), id)
				}
				Expect(named).To(Equal(test.named), "%s, %s: %v", name, method, err)
				Expect(err.Error()).NotTo(ContainSubstring("babs"), name)
				reads := int(asked.reads.Load())
				if method == "update" {
					reads-- // of the group itself
				}
				Expect(reads).To(Equal(test.reads), "%s, %s: reads of the API server", name, method)
			}
		}
		Expect(membersOf(ctx, s, tenant, created.ID())).To(Equal(known))
	})
})

var _ = Describe("large groups", func() {
	It("are looked up a few at the same time, and do not hold up others", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		member, err := s.Create(within(ctx), tenant, scim.User, user("babs@example.com"))
		Expect(err).NotTo(HaveOccurred())
		var ids []string
		for _, name := range []string{"Large", "Small"} {
			created, err := s.Create(within(ctx), tenant, scim.Group, group(name, member.ID()))
			Expect(err).NotTo(HaveOccurred())
			ids = append(ids, created.ID())
		}
		// So many that do not exist any more are cheap to make, and known not to.
		large := storedGroupOf(ctx, s, tenant, ids[0])
		for number := range int32(largeGroup/v1alpha1.MaxGroupMembers + 1) {
			strangers := newIDs(v1alpha1.MaxGroupMembers)
			for _, id := range strangers {
				s.gone.add(tenant, id)
			}
			page := newGroupPage(ctx, tenant, ids[0], number+1, entriesOf(strangers...), large.Spec.LastModified)
			Expect(direct.Create(ctx, page)).To(Succeed())
			large.Spec.Pages = append(large.Spec.Pages, number+1)
		}
		Expect(direct.Update(ctx, large.ScimGroup)).To(Succeed())
		count := 0
		admit := func(members int) error {
			count = members
			return nil
		}
		Eventually(func() int {
			_, err := s.Get(within(ctx), tenant, scim.Group, ids[0], admit)
			Expect(err).NotTo(HaveOccurred())
			return count
		}).Should(Equal(1 + (largeGroup/v1alpha1.MaxGroupMembers+1)*v1alpha1.MaxGroupMembers))

		Expect(s.largeLookups.TryAcquire(maxLargeLookups)).To(BeTrue())
		impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err = s.Get(impatient, tenant, scim.Group, ids[0], admit)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		small, err := s.Get(within(ctx), tenant, scim.Group, ids[1], admit)
		Expect(err).NotTo(HaveOccurred())
		Expect(small.MemberIDs()).To(Equal([]string{member.ID()}))
		s.largeLookups.Release(maxLargeLookups)
		found, err := s.Get(within(ctx), tenant, scim.Group, ids[0], admit)
		Expect(err).NotTo(HaveOccurred())
		Expect(found.MemberIDs()).To(Equal([]string{member.ID()}))
	})
})
