package store

import (
	"context"
	"strconv"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// lookUps counts what is read from the cache: the users by id, and whose groups.
type lookUps struct {
	client.Reader
	users, groupsOf int
}

func (l *lookUps) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, ok := obj.(*v1alpha1.ScimUser); ok {
		l.users++
	}
	return l.Reader.Get(ctx, key, obj, opts...)
}

func (l *lookUps) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.ScimGroupList); ok {
		l.groupsOf++
	}
	return l.Reader.List(ctx, list, opts...)
}

var _ = It("looks up nothing that is not answered", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	s.room = 2
	users := createUsers(ctx, s, tenant, 8)
	created, err := s.Create(within(ctx), tenant, scim.Group, group("All", users[:7]...))
	Expect(err).NotTo(HaveOccurred())
	Expect(s.waitForWrites(within(ctx))).To(Succeed())
	counted := &lookUps{Reader: s.cached}
	s.cached = counted
	order, err := scim.ParseSort(scim.User, "userName", "descending")
	Expect(err).NotTo(HaveOccurred())
	byGroup, err := scim.ParseSort(scim.User, "groups.display", "descending")
	Expect(err).NotTo(HaveOccurred())
	page := scim.NewPage(1, 2)
	for name, test := range map[string]struct {
		q                 Query
		resources, groups int
	}{
		"the first":                               {Query{Page: page, WithGroups: true}, 2, 2},
		"the first, without groups":               {Query{Page: page}, 2, 0},
		"an order":                                {Query{Sort: order, Page: page, WithGroups: true}, 2, 2},
		"an order, without groups":                {Query{Sort: order, Page: page}, 2, 0},
		"an order by groups, of whom one is kept": {Query{Sort: byGroup, Page: page}, 2, 8 + 1},
		"a filter that nobody meets":              {Query{Filter: filter(scim.User, "title pr").Filter, Page: page, WithGroups: true}, 0, 0},
		"a filter that all meet":                  {Query{Filter: filter(scim.User, "userName pr").Filter, Page: page, WithGroups: true}, 2, 2},
		"a filter by groups":                      {Query{Filter: filter(scim.User, `groups.display eq "All"`).Filter, Page: page, WithGroups: true}, 2, 8},
		"a filter by groups, one at the time":     {Query{Filter: filter(scim.User, "groups pr").Filter, Page: page, Each: func(*scim.ResourceType, scim.Resource) error { return nil }}, 2, 8},
	} {
		counted.groupsOf = 0
		answer, err := s.List(within(ctx), tenant, scim.User, test.q)
		Expect(err).NotTo(HaveOccurred(), name)
		Expect(counted.groupsOf).To(Equal(test.groups), name)
		if test.q.Each == nil {
			Expect(answer.Resources).To(HaveLen(test.resources), name)
		}
		for _, r := range answer.Resources {
			if test.q.WithGroups && r.ID() != users[7] {
				Expect(r.Values("groups")).To(HaveLen(1), name)
			}
		}
	}

	By("changing single members without a look at the others")
	counted.users = 0
	for i, change := range []Change{join(users[7]), join(users[7]), leave(users[0]), set("externalId", strconv.Itoa(1))} {
		updated, err := s.Update(within(ctx), tenant, scim.Group, created.ID(), "", change)
		Expect(err).NotTo(HaveOccurred())
		Expect(counted.users).To(BeZero(), "change %d", i)
		Expect(updated.Changed).To(Equal(i != 1), "change %d", i)
		if i == 3 {
			r, err := updated.WithMembers(within(ctx))
			Expect(err).NotTo(HaveOccurred())
			Expect(r.MemberIDs()).To(Equal(sorted(users[1:])))
			Expect(counted.users).To(Equal(7))
		}
	}
})

// reads counts what is read from the API server.
type reads struct {
	client.Reader
	count atomic.Int32
}

func (r *reads) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.count.Add(1)
	return r.Reader.Get(ctx, key, obj, opts...)
}

var _ = It("does not look for users among the groups in a group", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	members := createUsers(ctx, s, tenant, 2)
	for i := range 3 {
		nested, err := s.Create(within(ctx), tenant, scim.Group, group("Nested "+strconv.Itoa(i)))
		Expect(err).NotTo(HaveOccurred())
		members = append(members, nested.ID())
	}
	outer, err := s.Create(within(ctx), tenant, scim.Group, group("All", members...))
	Expect(err).NotTo(HaveOccurred())
	Expect(s.waitForWrites(within(ctx))).To(Succeed())
	counted := &reads{Reader: s.live}
	s.live = counted
	page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, `groups.value eq "`+outer.ID()+`"`))
	Expect(err).NotTo(HaveOccurred())
	Expect(ids(page)).To(Equal(sorted(members[:2])))
	Expect(counted.count.Load()).To(BeZero())
})
