package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

var errCrashed = errors.New("the process is dead")

// crashing is a client that writes so many times, and then never again.
type crashing struct {
	client.Client
	left atomic.Int64
	// fails is what a write that does not come about returns.
	fails error
}

func (c *crashing) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return c.ifAlive(func() error { return c.Client.Create(ctx, obj, opts...) })
}

func (c *crashing) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return c.ifAlive(func() error { return c.Client.Update(ctx, obj, opts...) })
}

func (c *crashing) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	return c.ifAlive(func() error { return c.Client.Delete(ctx, obj, opts...) })
}

func (c *crashing) ifAlive(write func() error) error {
	if c.left.Add(-1) < 0 {
		return c.fails
	}
	return write()
}

// crashAfter lets a store crash after so many writes.
func crashAfter(s *Store, writes int) {
	c := &crashing{Client: s.client, fails: errCrashed}
	c.left.Store(int64(writes))
	s.client, s.claims.client = c, c
}

var _ = Describe("the creation of a group that breaks off", func() {
	const members, pages = 3, 2
	var tenant string
	var users []string
	var s *Store
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		s = replica(ctx, tenant, quick)
		s.room = 1
		users = nil
		for i := range members {
			created, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("user-%d", i)))
			Expect(err).NotTo(HaveOccurred())
			users = append(users, created.ID())
		}
	})
	// written has how many members there are in pages, by group.
	written := func(ctx SpecContext) map[string]int {
		GinkgoHelper()
		count := map[string]int{}
		for _, page := range storedPages(ctx, tenant) {
			count[page.Spec.Group] += len(page.Spec.Members)
		}
		return count
	}
	begunID := func(ctx SpecContext, name string) string {
		GinkgoHelper()
		lease := &coordinationv1.Lease{}
		Expect(client.IgnoreNotFound(direct.Get(ctx, key(tenant, leaseName(ctx, tenant, claimDisplayName, name)), lease))).To(Succeed())
		return holderOf(lease)
	}

	// The writes are: the claim, the pages, the claim again, the group.
	for writes := range pages + 3 {
		It(fmt.Sprintf("is completed by a repeated request after %d writes", writes), func(ctx SpecContext) {
			dead := replica(ctx, tenant, patient)
			dead.room = 1
			crashAfter(dead, writes)
			_, err := dead.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
			Expect(err).To(MatchError(errCrashed))
			begun := begunID(ctx, "Guides")
			created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[2], users[0], users[1]))
			Expect(err).NotTo(HaveOccurred())
			goesOn := Equal(begun)
			if writes == 0 || writes > 1+pages {
				goesOn = Not(goesOn)
			}
			Expect(created.ID()).To(goesOn)
			r, err := s.Get(within(ctx), tenant, scim.Group, created.ID(), allMembers)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.MemberIDs()).To(Equal(users))

			By("leaving nothing behind after the sweep")
			s.timing, s.claims.timing = forgetful, forgetful
			_, err = NewSweeper(s, tenant).Sweep(within(ctx))
			Expect(err).NotTo(HaveOccurred())
			Expect(written(ctx)).To(Equal(map[string]int{created.ID(): pages}))
			Expect(begunID(ctx, "Guides")).To(Equal(created.ID()))
		})
	}

	It("is not waited for if the request has ended", func(ctx SpecContext) {
		// Every write fails for a time, as in an outage; the process lives.
		s.timing, s.claims.timing = patient, patient
		cached := s.client
		s.client = &crashing{Client: cached, fails: context.DeadlineExceeded}
		_, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		s.client = cached
		begun := begunID(ctx, "Guides")
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).NotTo(HaveOccurred())
		Expect(created.ID()).To(Equal(begun))
	})

	It("is no use for a group with other members, nor for another request of that name", func(ctx SpecContext) {
		dead := replica(ctx, tenant, patient)
		dead.room = 1
		crashAfter(dead, 1+pages)
		_, err := dead.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).To(MatchError(errCrashed))
		begun := begunID(ctx, "Guides")
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(created.ID()).NotTo(Equal(begun))
		r, err := s.Get(within(ctx), tenant, scim.Group, created.ID(), allMembers)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.MemberIDs()).To(Equal(users[:1]))
		_, err = s.Create(within(ctx), tenant, scim.Group, group("guides", users...))
		Expect(err).To(haveStatus(http.StatusConflict))
	})

	It("never gives an id again that a group has had", func(ctx SpecContext) {
		created, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).NotTo(HaveOccurred())
		// A crash between the deletion of the group and the release of its claim.
		stored := &v1alpha1.ScimGroup{}
		Expect(direct.Get(ctx, key(tenant, created.ID()), stored)).To(Succeed())
		Expect(direct.Delete(ctx, stored)).To(Succeed())
		stored.Finalizers = nil
		Expect(client.IgnoreNotFound(direct.Update(ctx, stored))).To(Succeed())
		again, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.ID()).NotTo(Equal(created.ID()))
	})

	It("is cleaned up when no request goes on with it, and not while one may", func(ctx SpecContext) {
		dead := replica(ctx, tenant, patient)
		dead.room = 1
		crashAfter(dead, 1+pages)
		_, err := dead.Create(within(ctx), tenant, scim.Group, group("Guides", users...))
		Expect(err).To(MatchError(errCrashed))
		Expect(written(ctx)).To(HaveLen(1))
		Eventually(func() []string { return s.pages.order.all(tenant) }).Should(HaveLen(pages))

		begun := forgetful
		begun.danglingAge = time.Hour
		s.timing, s.claims.timing = begun, begun
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{}))
		// The id may be old while the claim is in use: only the claim counts.
		fresh := forgetful
		fresh.claimForgotten = time.Hour
		s.timing, s.claims.timing = fresh, fresh
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{}))
		Expect(written(ctx)).To(HaveLen(1))

		s.timing, s.claims.timing = forgetful, forgetful
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{ClaimsRemoved: 1, PagesRemoved: pages}))
		Expect(written(ctx)).To(BeEmpty())
		Expect(begunID(ctx, "Guides")).To(BeEmpty())
	})
})
