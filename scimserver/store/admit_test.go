package store

import (
	"errors"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/scimserver/scim"
)

var _ = It("asks before it looks up the members of a page, and hands out one group after the other", func(ctx SpecContext) {
	s, tenant := newStoreIn(ctx)
	var users []string
	for _, name := range []string{"a", "b", "c"} {
		created, err := s.Create(within(ctx), tenant, scim.User, user(name))
		Expect(err).NotTo(HaveOccurred())
		users = append(users, created.ID())
	}
	for name, members := range map[string][]string{"All": users, "One": users[:1], "None": nil} {
		_, err := s.Create(within(ctx), tenant, scim.Group, group(name, members...))
		Expect(err).NotTo(HaveOccurred())
	}
	counted := &countedLists{Client: s.client}
	s.client = counted
	order, err := scim.ParseSort(scim.Group, "members.display", "")
	Expect(err).NotTo(HaveOccurred())
	for name, test := range map[string]struct {
		rt *scim.ResourceType
		q  Query
		// members are those of the page; -1 says that nobody is asked.
		members, resources int
	}{
		"all groups":              {scim.Group, all(), 4, 3},
		"a filter by name":        {scim.Group, filter(scim.Group, `displayName eq "All"`), 3, 1},
		"a filter by members":     {scim.Group, filter(scim.Group, `members.display eq "a"`), 4, 2},
		"an order by members":     {scim.Group, Query{Sort: order, Page: scim.NewPage(1, 10)}, 4, 3},
		"everything":              {nil, all(), 4, 6},
		"users, who have none":    {scim.User, all(), -1, 3},
		"nothing but their count": {scim.Group, Query{Page: scim.NewPage(1, 0)}, 0, 0},
	} {
		asked, taken := -1, 0
		q := test.q
		q.WithMembers = true
		q.Admit = func(members int) error { asked += 1 + members; return nil }
		q.Each = func(_ *scim.ResourceType, r scim.Resource) error {
			if members, has := r["members"]; has {
				Expect(members).To(BeAssignableToTypeOf(scim.Stream(nil)), "%s: all members are held while they are written", name)
			}
			taken++
			return nil
		}
		page, err := s.List(within(ctx), tenant, test.rt, q)
		Expect(err).NotTo(HaveOccurred(), name)
		Expect([]int{max(asked, 0), taken}).To(Equal([]int{max(test.members, 0), test.resources}), name)
		Expect(page.Resources).To(BeEmpty(), name)

		By("looking up nothing after a refusal: " + name)
		if test.members < 1 {
			continue
		}
		q.Admit = func(int) error { return scim.NewError(http.StatusTooManyRequests, "not now") }
		q.Each = func(*scim.ResourceType, scim.Resource) error { return errors.New("a resource was handed out") }
		_, err = s.List(within(ctx), tenant, test.rt, q)
		Expect(err).To(haveStatus(http.StatusTooManyRequests), name)
	}
})
