package store

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// countedLists counts the lists of users that a client reads.
type countedLists struct {
	client.Client
	users int
}

func (c *countedLists) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.ScimUserList); ok {
		c.users++
	}
	return c.Client.List(ctx, list, opts...)
}

var _ = It("finds groups by their members without reading all members of all groups", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	var users, groups []string
	for i := range 3 {
		created, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("user-%d", i)))
		Expect(err).NotTo(HaveOccurred())
		users = append(users, created.ID())
	}
	for i, members := range [][]string{users, users[:1], nil} {
		created, err := s.Create(within(ctx), tenant, scim.Group, group(fmt.Sprintf("group-%d", i), members...))
		Expect(err).NotTo(HaveOccurred())
		groups = append(groups, created.ID())
	}
	_, err := s.Update(within(ctx), tenant, scim.Group, groups[2], "", join(groups[1]))
	Expect(err).NotTo(HaveOccurred())
	Expect(s.waitForWrites(within(ctx))).To(Succeed())
	counted := &countedLists{Client: s.client}
	s.client = counted
	for text, want := range map[string][]string{
		`members.value eq %[1]q`:                                   {groups[0], groups[1]},
		`members eq %[2]q`:                                         {groups[0]},
		`members.value eq %[2]q or members.value eq %[3]q`:         {groups[0], groups[2]},
		`not (members.value eq %[2]q)`:                             {groups[1], groups[2]},
		`members[value eq %[1]q and type eq "User"]`:               {groups[0], groups[1]},
		`members[value eq %[1]q and display eq "USER-0"]`:          {groups[0], groups[1]},
		`members[type eq "User" and value eq %[3]q]`:               nil,
		`members.value eq %[1]q and members.value eq %[2]q`:        {groups[0]},
		`members.value eq "x" or displayName eq "group-1"`:         {groups[1]},
		`not (members.value eq %[1]q) and displayName sw "group-"`: {groups[2]},
	} {
		text = fmt.Sprintf(text+"%.0[1]s%.0[2]s%.0[3]s", users[0], users[1], groups[1])
		counted.users = 0
		page, err := s.List(within(ctx), tenant, scim.Group, filter(scim.Group, text))
		Expect(err).NotTo(HaveOccurred(), text)
		Expect(ids(page)).To(ConsistOf(want), text)
		Expect(counted.users).To(BeZero(), text)
		for _, r := range page.Resources {
			Expect(r).NotTo(HaveKey("members"), text)
		}
		q := filter(scim.Group, text)
		q.WithMembers = true
		page, err = s.List(within(ctx), tenant, scim.Group, q)
		Expect(err).NotTo(HaveOccurred(), text)
		Expect(ids(page)).To(ConsistOf(want), text)
		for _, r := range page.Resources {
			if r.ID() == groups[0] {
				Expect(r.MemberIDs()).To(Equal(users), text)
			}
		}
	}
})

var _ = It("does not find what was just deleted, although the indexes still have it", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	created, err := s.Create(within(ctx), tenant, scim.User, user("babs@example.com"))
	Expect(err).NotTo(HaveOccurred())
	guides, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", created.ID()))
	Expect(err).NotTo(HaveOccurred())
	Expect(s.waitForWrites(within(ctx))).To(Succeed())
	// As after the deletion, whose event takes its time.
	s.users.order.remove(tenant, created.ID())
	for _, text := range []string{`userName eq "babs@example.com"`, `emails.value eq "babs@example.com"`, `id eq "` + created.ID() + `"`, `userName sw "b"`} {
		page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, text))
		Expect(err).NotTo(HaveOccurred(), text)
		Expect(page).To(And(HaveField("Resources", BeEmpty()), HaveField("Total", 0)), text)
	}
	r, err := s.Get(within(ctx), tenant, scim.Group, guides.ID(), allMembers)
	Expect(err).NotTo(HaveOccurred())
	Expect(r.MemberIDs()).To(BeEmpty())
})

var _ = It("tells before it looks at many of those that an index has found", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	for _, name := range []string{"a", "b", "c"} {
		r := user(name)
		r["externalId"] = "same"
		_, err := s.Create(within(ctx), tenant, scim.User, r)
		Expect(err).NotTo(HaveOccurred())
	}
	told := 0
	q := filter(scim.User, `externalId eq "same"`)
	q.Long = func() error { told++; return nil }
	for quick, want := range map[int]int{3: 0, 2: 1} {
		told, q.Quick = 0, quick
		page, err := s.List(within(ctx), tenant, scim.User, q)
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Total).To(Equal(3))
		Expect(told).To(Equal(want))
	}
	q.Quick, q.Long = 2, func() error { return context.Canceled }
	_, err := s.List(within(ctx), tenant, scim.User, q)
	Expect(err).To(MatchError(context.Canceled))
})

var _ = It("tells before it looks which members of a large group are users", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	created, err := s.Create(within(ctx), tenant, scim.Group, group("All", createUsers(ctx, s, tenant, 3)...))
	Expect(err).NotTo(HaveOccurred())
	Expect(s.waitForWrites(within(ctx))).To(Succeed())
	counted := &lookUps{Reader: s.cached}
	s.cached = counted
	q := filter(scim.User, `groups.value eq "`+created.ID()+`"`)
	told := 0
	q.Quick, q.Long = 2, func() error {
		told++
		Expect(counted.users).To(BeZero())
		return nil
	}
	page, err := s.List(within(ctx), tenant, scim.User, q)
	Expect(err).NotTo(HaveOccurred())
	Expect(page.Total).To(Equal(3))
	Expect(told).To(Equal(1))
})
