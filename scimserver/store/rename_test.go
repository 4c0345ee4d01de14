package store

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/scimserver/scim"
)

// between is a client that does something before or after an update of a kind, once:
// what another request does between two writes of this one.
type between struct {
	client.Client
	before, after func(ctx context.Context)
}

func (b *between) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if _, isLease := obj.(*coordinationv1.Lease); isLease {
		return b.Client.Update(ctx, obj, opts...)
	}
	before, after := b.before, b.after
	b.before, b.after = nil, nil
	if before != nil {
		before(ctx)
	}
	err := b.Client.Update(ctx, obj, opts...)
	if after != nil {
		after(ctx)
	}
	return err
}

// holders are the claims of a tenant: who holds the name.
func holders(ctx context.Context, tenant string) map[string]string {
	GinkgoHelper()
	var leases coordinationv1.LeaseList
	Expect(direct.List(ctx, &leases, client.InNamespace(tenant))).To(Succeed())
	held := map[string]string{}
	for _, lease := range leases.Items {
		held[lease.Name] = ptr.Deref(lease.Spec.HolderIdentity, "")
	}
	return held
}

var _ = Describe("the claim on the name that a user has", func() {
	var tenant, id string
	var s, other *Store
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		s, other = replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		created, err := s.Create(within(ctx), tenant, scim.User, user("a@example.com"))
		Expect(err).NotTo(HaveOccurred())
		id = created.ID()
	})
	rename := func(ctx context.Context, s *Store, name string) error {
		_, err := s.Update(ctx, tenant, scim.User, id, "", set("userName", name))
		return err
	}

	It("survives that two requests rename the user to it at the same time", func(ctx SpecContext) {
		s.client = &between{Client: s.client, before: func(ctx context.Context) {
			Expect(rename(ctx, other, "b@example.com")).To(Succeed())
		}}
		s.claims.client = s.client
		Expect(rename(within(ctx), s, "b@example.com")).To(Succeed())
		Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, claimUserName, "b@example.com"), id))
	})

	It("survives that another request renames the user back before the old name is released", func(ctx SpecContext) {
		s.client = &between{Client: s.client, after: func(ctx context.Context) {
			Expect(rename(ctx, other, "a@example.com")).To(Succeed())
		}}
		Expect(rename(within(ctx), s, "b@example.com")).To(Succeed())
		Expect(holders(ctx, tenant)).To(Equal(map[string]string{leaseName(ctx, tenant, claimUserName, "a@example.com"): id}))
	})

	It("survives that one of two renames to it is refused", func(ctx SpecContext) {
		refused := user("b@example.com")
		refused["title"] = string(make([]byte, 2000))
		s.client = &between{Client: s.client, before: func(ctx context.Context) {
			Expect(rename(ctx, other, "b@example.com")).To(Succeed())
		}}
		_, err := s.Update(within(ctx), tenant, scim.User, id, "", edit(func(scim.Resource) (scim.Resource, error) { return refused, nil }))
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, claimUserName, "b@example.com"), id))
	})

	It("of a group survives the same", func(ctx SpecContext) {
		created, err := s.Create(within(ctx), tenant, scim.Group, group("A"))
		Expect(err).NotTo(HaveOccurred())
		id := created.ID()
		rename := func(ctx context.Context, s *Store, name string) error {
			_, err := s.Update(ctx, tenant, scim.Group, id, "", set("displayName", name))
			return err
		}
		s.client = &between{Client: s.client, after: func(ctx context.Context) { Expect(rename(ctx, other, "A")).To(Succeed()) }}
		Expect(rename(within(ctx), s, "B")).To(Succeed())
		s.client = &between{Client: s.client, before: func(ctx context.Context) { Expect(rename(ctx, other, "C")).To(Succeed()) }}
		Expect(rename(within(ctx), s, "C")).To(Succeed())
		Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, claimDisplayName, "C"), id))
		Expect(holders(ctx, tenant)).To(HaveLen(2))
	})

	It("is given up with the name", func(ctx SpecContext) {
		Expect(rename(within(ctx), s, "b@example.com")).To(Succeed())
		Expect(holders(ctx, tenant)).To(Equal(map[string]string{leaseName(ctx, tenant, claimUserName, "b@example.com"): id}))
	})
})

var _ = Describe("the sweeper", func() {
	It("asks the API server only about claims that the cache cannot explain", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, forgetful)
		for _, name := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			_, err := s.Create(within(ctx), tenant, scim.User, user(name))
			Expect(err).NotTo(HaveOccurred())
		}
		_, err := s.Create(within(ctx), tenant, scim.Group, group("Sales"))
		Expect(err).NotTo(HaveOccurred())
		later := s.claims.newLease(claimUserName, tenant, "scim-v2-username-of-a-later-version", "holder")
		later.Spec.RenewTime = nil
		Expect(direct.Create(ctx, later)).To(Succeed())
		Expect(s.waitForWrites(within(ctx))).To(Succeed())
		counted := &countedReader{Reader: s.live}
		s.live, s.claims.live = counted, counted
		Expect(NewSweeper(s, tenant).Sweep(within(ctx))).To(Equal(SweepResult{}))
		Expect(counted.gets).To(BeZero())
		Expect(holders(ctx, tenant)).To(HaveKey(later.Name))
	})
})

// countedReader counts reads of single objects.
type countedReader struct {
	client.Reader
	gets int
}

func (r *countedReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.gets++
	return r.Reader.Get(ctx, key, obj, opts...)
}
