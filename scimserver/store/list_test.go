package store

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// noID is an id that nothing has.
const noID = "0190a0b0-0000-7000-8000-0000000000ff"

// newStoreIn starts a replica in a namespace of its own, which is the tenant.
func newStoreIn(ctx context.Context) (s *Store, tenant string) {
	GinkgoHelper()
	tenant = namespaceOf(ctx)
	return replica(ctx, tenant, patient), tenant
}

func sorting(rt *scim.ResourceType, by, order string) *scim.Sort {
	GinkgoHelper()
	var s *scim.Sort
	var err error
	if rt == nil {
		s, err = scim.ParseRootSort(by, order)
	} else {
		s, err = scim.ParseSort(rt, by, order)
	}
	Expect(err).NotTo(HaveOccurred())
	return s
}

var _ = Describe("Lists", func() {
	It("are in the order asked for, users with equal values in the order of creation", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		var created []string
		for i, name := range []string{"dora", "Anna", "carl", "Bert", "emil"} {
			r := user(name)
			if i != 2 {
				r["title"] = []string{"Guide", "guide"}[i%2]
			}
			res, err := s.Create(within(ctx), tenant, scim.User, r)
			Expect(err).NotTo(HaveOccurred())
			created = append(created, res.ID())
		}
		at := func(indexes ...int) []string {
			list := []string{}
			for _, i := range indexes {
				list = append(list, created[i])
			}
			return list
		}
		for _, test := range []struct {
			by, order string
			want      []string
		}{
			{"userName", "", at(1, 3, 2, 0, 4)},
			{"userName", "descending", at(4, 0, 2, 3, 1)},
			{"title", "ascending", at(0, 1, 3, 4, 2)},
			{"title", "descending", at(2, 0, 1, 3, 4)},
			{"meta.created", "ascending", at(0, 1, 2, 3, 4)},
		} {
			order := sorting(scim.User, test.by, test.order)
			page, err := s.List(within(ctx), tenant, scim.User, Query{Sort: order, Page: scim.NewPage(1, 100)})
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(Equal(test.want), "%s %s", test.by, test.order)
			var byOne []string
			for i := range created {
				page, err := s.List(within(ctx), tenant, scim.User, Query{Sort: order, Page: scim.NewPage(i+1, 1)})
				Expect(err).NotTo(HaveOccurred())
				Expect(page).To(And(HaveField("Total", 5), HaveField("Before", i > 0), HaveField("After", i < 4)))
				byOne = append(byOne, ids(page)...)
			}
			Expect(byOne).To(Equal(test.want), "%s %s, one by one", test.by, test.order)
		}
	})

	It("go on from a position in both directions, in any order", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		var created []string
		for i := range 7 {
			res, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("user-%d", (i*3)%7)))
			Expect(err).NotTo(HaveOccurred())
			created = append(created, res.ID())
		}
		for name, q := range map[string]Query{
			"the order of creation":   {},
			"the order of names":      {Sort: sorting(scim.User, "userName", "descending")},
			"the matches of a filter": {Filter: filter(scim.User, `userName sw "user"`).Filter},
		} {
			q.Page = scim.NewPage(1, 3)
			q.Page.ByCursor = true
			var forward []string
			var pages []Page
			for {
				page, err := s.List(within(ctx), tenant, scim.User, q)
				Expect(err).NotTo(HaveOccurred(), name)
				forward, pages = append(forward, ids(page)...), append(pages, page)
				if !page.After {
					break
				}
				q.From = &Position{Key: page.Last, Seen: page.Seen}
			}
			Expect(pages).To(HaveLen(3), name)
			Expect(forward).To(ConsistOf(created), name)
			Expect(slices.Compact(slices.Clone(forward))).To(HaveLen(7), name)
			q.From = &Position{Key: pages[2].First, Seen: pages[2].Seen, Backward: true}
			page, err := s.List(within(ctx), tenant, scim.User, q)
			Expect(err).NotTo(HaveOccurred(), name)
			Expect(ids(page)).To(Equal(forward[3:6]), name)
			Expect(page).To(And(HaveField("Before", true), HaveField("After", true)), name)
		}
	})

	It("of all types have users and groups, as far as the filter lets them", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		babs, err := s.Create(within(ctx), tenant, scim.User, user("babs"))
		Expect(err).NotTo(HaveOccurred())
		guides, err := s.Create(within(ctx), tenant, scim.Group, group("Guides", babs.ID()))
		Expect(err).NotTo(HaveOccurred())
		anna, err := s.Create(within(ctx), tenant, scim.User, user("anna"))
		Expect(err).NotTo(HaveOccurred())
		for text, want := range map[string][]string{
			"":                               {babs.ID(), guides.ID(), anna.ID()},
			`userName eq "BABS"`:             {babs.ID()},
			`displayName eq "guides"`:        {guides.ID()},
			`meta.resourceType eq "User"`:    {babs.ID(), anna.ID()},
			`members.value pr`:               {guides.ID()},
			`userName pr or displayName pr`:  {babs.ID(), guides.ID(), anna.ID()},
			`id eq "` + guides.ID() + `"`:    {guides.ID()},
			`groups.value eq "` + noID + `"`: {},
		} {
			q := all()
			q.WithMembers = true
			if text != "" {
				q.Filter, err = scim.ParseRootFilter(text)
				Expect(err).NotTo(HaveOccurred(), text)
			}
			page, err := s.List(within(ctx), tenant, nil, q)
			Expect(err).NotTo(HaveOccurred(), text)
			Expect(ids(page)).To(Equal(want), text)
			Expect(page.Total).To(Equal(len(want)), text)
			for i, r := range page.Resources {
				Expect(r.Complex("meta")).To(HaveKeyWithValue("resourceType", page.Types[i].Name), text)
				if r.ID() == guides.ID() {
					Expect(r.MemberIDs()).To(Equal([]string{babs.ID()}), text)
				}
			}
		}
	})
})

var _ = It("does not wait for writes to users that were gone before it started", func(ctx SpecContext) {
	first, tenant := newStoreIn(ctx)
	babs, err := first.Create(within(ctx), tenant, scim.User, user("babs"))
	Expect(err).NotTo(HaveOccurred())
	guides, err := first.Create(within(ctx), tenant, scim.Group, group("Guides"))
	Expect(err).NotTo(HaveOccurred())
	_, err = first.Update(within(ctx), tenant, scim.Group, guides.ID(), "", join(babs.ID()))
	Expect(err).NotTo(HaveOccurred())
	Expect(first.Delete(within(ctx), tenant, scim.User, babs.ID(), "")).To(Succeed())
	gone := &v1alpha1.ScimUser{}
	Expect(direct.Get(ctx, key(tenant, babs.ID()), gone)).To(Succeed())
	gone.Finalizers = nil
	Expect(direct.Update(ctx, gone)).To(Succeed())

	second := replica(ctx, tenant, patient)
	updated, err := second.Update(within(ctx), tenant, scim.Group, guides.ID(), "", set("displayName", "Tour Guides"))
	Expect(err).NotTo(HaveOccurred())
	Expect(updated.Changed).To(BeTrue())
})

var _ = It("is on no page older than on the page before it, whichever replica cuts it", func(ctx SpecContext) {
	first, tenant := newStoreIn(ctx)
	second := replica(ctx, tenant, patient)
	for i := range 10 {
		babs, err := first.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("user-%d", i)))
		Expect(err).NotTo(HaveOccurred())
		page, err := first.List(within(ctx), tenant, scim.User, all())
		Expect(err).NotTo(HaveOccurred())
		seen, err := ParseRevision(page.Seen.String())
		Expect(err).NotTo(HaveOccurred())
		q := all()
		q.From = &Position{Seen: seen}
		page, err = second.List(within(ctx), tenant, scim.User, q)
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(ContainElement(babs.ID()))
	}
})
