package store

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

const everyAttribute = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
	"userName": "Babs@Example.com", "externalId": "00u1", "active": false, "displayName": "Babs", "nickName": "B",
	"profileUrl": "https://example.com/babs", "title": "Guide", "userType": "VIP", "preferredLanguage": "en-GB",
	"locale": "en-US", "timezone": "Europe/Amsterdam",
	"name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara", "middleName": "J",
		"honorificPrefix": "Ms.", "honorificSuffix": "III"},
	"emails": [{"value": "babs@example.com", "type": "work", "primary": true, "display": "Work"}, {"value": "b@home.org", "type": "home", "primary": false}],
	"phoneNumbers": [{"value": "+1 555", "type": "mobile"}], "ims": [{"value": "babs", "type": "xmpp"}],
	"photos": [{"value": "https://example.com/p.png", "type": "photo"}],
	"addresses": [{"formatted": "a\nb", "streetAddress": "100 Plaza", "locality": "Hollywood", "region": "CA", "postalCode": "91608",
		"country": "US", "type": "work", "primary": true}],
	"entitlements": [{"value": "e1"}], "roles": [{"value": "r1", "display": "Role"}], "x509Certificates": [{"value": "MIIDQzCC"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "1", "costCenter": "2", "organization": "3", "division": "4",
		"department": "5", "site": "6", "location": "7", "supportID": "8", "manager": {"value": "m1", "$ref": "../Users/m1"}},
	"urn:example:custom": {"n": 12345678901234567, "f": 1.5, "list": [1, "two", null, {"deep": true}]}
}`

var _ = Describe("users", func() {
	It("returns every attribute as it was stored", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		wanted, err := scim.DecodeResource(scim.User, []byte(everyAttribute))
		Expect(err).NotTo(HaveOccurred())
		created, err := s.Create(within(ctx), tenant, scim.User, wanted)
		Expect(err).NotTo(HaveOccurred())
		Expect(scim.Equal(created, wanted)).To(BeTrue(), "created: %v", created)
		read, err := s.Get(within(ctx), tenant, scim.User, created.ID(), nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(scim.Equal(read, wanted)).To(BeTrue(), "read: %v", read)
		Expect(read.Complex("meta")).To(HaveKeyWithValue("version", `W/"1"`))

		By("writing nothing when the same is put again")
		updated, err := s.Update(within(ctx), tenant, scim.User, created.ID(), "", edit(func(scim.Resource) (scim.Resource, error) {
			return scim.DecodeResource(scim.User, []byte(everyAttribute))
		}))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
		Expect(updated.Resource.Complex("meta")).To(Equal(read.Complex("meta")))
	})

	It("works out once what it refuses, and what changes nothing", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		created, err := s.Create(within(ctx), tenant, scim.User, user("babs@example.com"))
		Expect(err).NotTo(HaveOccurred())
		calls := 0
		counted := func(change edit) edit {
			return func(current scim.Resource) (scim.Resource, error) {
				calls++
				return change(current)
			}
		}
		_, err = s.Update(within(ctx), tenant, scim.User, created.ID(), "", counted(func(scim.Resource) (scim.Resource, error) {
			return nil, scim.BadRequest(scim.TypeTooMany, "too much")
		}))
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(calls).To(Equal(1))
		updated, err := s.Update(within(ctx), tenant, scim.User, created.ID(), "", counted(set("userName", "babs@example.com")))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Changed).To(BeFalse())
		Expect(updated.Resource.ID()).To(Equal(created.ID()))
		Expect(calls).To(Equal(2))

		By("working it out again where the cache is behind")
		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, created.ID()), stored)).To(Succeed())
		_, err = s.Update(within(ctx), tenant, scim.User, created.ID(), "", counted(func(current scim.Resource) (scim.Resource, error) {
			if stored.Spec.Title == "" {
				stored.Spec.Title = "Guide"
				Expect(direct.Update(ctx, stored)).To(Succeed())
			}
			return nil, scim.BadRequest(scim.TypeInvalidValue, "title is %v", current["title"])
		}))
		Expect(err).To(MatchError(ContainSubstring("Guide")))
		Expect(calls).To(Equal(4))
	})

	It("keeps what a user was called when it was last active, and tells no client", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		sent := func(name string, active bool) scim.Resource {
			return scim.Resource{
				"userName": name, "displayName": "Display " + name, "name": map[string]any{"familyName": name},
				"emails": []any{map[string]any{"value": name + "@example.com"}}, "active": active,
			}
		}
		early, err := s.Create(within(ctx), tenant, scim.User, sent("typo", false))
		Expect(err).NotTo(HaveOccurred())
		user := &v1alpha1.ScimUser{}
		for _, step := range []struct {
			name   string
			active bool
			want   string
		}{
			{"babs", false, ""}, // who was never active is called as was sent last
			{"babs", true, ""},
			{"jensen", true, ""},
			{"zz_jensen", false, "jensen"},
			{"tombstone", false, "jensen"},
			{"jensen-roe", true, ""},
			{"jensen-roe", false, "jensen-roe"},
		} {
			updated, err := s.Update(within(ctx), tenant, scim.User, early.ID(), "", edit(func(scim.Resource) (scim.Resource, error) {
				return sent(step.name, step.active), nil
			}))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			Expect(updated.Resource).NotTo(HaveKey("lastActive"))
			Expect(s.live.Get(ctx, key(tenant, early.ID()), user)).To(Succeed())
			if step.want == "" {
				Expect(user.Spec.LastActive).To(BeNil(), "%s, active %t", step.name, step.active)
				continue
			}
			Expect(user.Spec.LastActive).To(Equal(&v1alpha1.ScimIdentity{
				UserName: step.want, DisplayName: "Display " + step.want, Name: &v1alpha1.ScimName{FamilyName: step.want},
				Emails: []v1alpha1.ScimValue{{Value: step.want + "@example.com"}},
			}))
		}
		again, err := s.Update(within(ctx), tenant, scim.User, early.ID(), "", edit(func(scim.Resource) (scim.Resource, error) {
			return sent("jensen-roe", false), nil
		}))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Changed).To(BeFalse())
	})

	It("were last changed when they were created, until they are changed", func(ctx SpecContext) {
		s, tenant := newStoreIn(ctx)
		for rt, r := range map[*scim.ResourceType]scim.Resource{scim.User: user("babs@example.com"), scim.Group: group("Guides")} {
			created, err := s.Create(within(ctx), tenant, rt, r)
			Expect(err).NotTo(HaveOccurred())
			Expect(created.Complex("meta")["lastModified"]).To(Equal(created.Complex("meta")["created"]))
			read, err := s.Get(within(ctx), tenant, rt, created.ID(), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(read.Complex("meta")).To(Equal(created.Complex("meta")))
			updated, err := s.Update(within(ctx), tenant, rt, created.ID(), "", set("externalId", "x"))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Resource.Complex("meta")["created"]).To(Equal(created.Complex("meta")["created"]))
			Expect(updated.Resource.Complex("meta")["lastModified"]).NotTo(Equal(created.Complex("meta")["lastModified"]))
		}
	})

	It("gives a userName to exactly one of 16 racing requests on two replicas", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		replicas := []*Store{replica(ctx, tenant, patient), replica(ctx, tenant, patient)}
		for round := range 50 {
			var wg sync.WaitGroup
			outcomes := make([]error, 16)
			for i := range outcomes {
				name := fmt.Sprintf("Racer%d@example.com", round)
				if i%2 == 0 {
					name = strings.ToUpper(name)
				}
				wg.Go(func() {
					_, outcomes[i] = replicas[i%2].Create(within(ctx), tenant, scim.User, user(name))
				})
			}
			wg.Wait()
			won := 0
			for _, err := range outcomes {
				if err == nil {
					won++
				} else {
					Expect(err).To(haveStatus(http.StatusConflict))
				}
			}
			Expect(won).To(Equal(1), "round %d", round)
		}
	})

	It("finds by userName what another replica has just created", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		for i := range 50 {
			created, err := a.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("straße%d@example.com", i)))
			Expect(err).NotTo(HaveOccurred())
			page, err := b.List(within(ctx), tenant, scim.User, filter(scim.User, fmt.Sprintf(`userName eq "STRASSE%d@example.com"`, i)))
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(ConsistOf(created.ID()))
			read, err := b.Get(within(ctx), tenant, scim.User, created.ID(), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(read.ID()).To(Equal(created.ID()))
		}
	})

	It("never takes a change for none because a replica's cache is behind", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		a, b := replica(ctx, tenant, patient), replica(ctx, tenant, patient)
		created, err := a.Create(within(ctx), tenant, scim.User, user("flip@example.com"))
		Expect(err).NotTo(HaveOccurred())
		for range 50 {
			updated, err := a.Update(within(ctx), tenant, scim.User, created.ID(), "", set("active", false))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
			updated, err = b.Update(within(ctx), tenant, scim.User, created.ID(), "", set("active", true))
			Expect(err).NotTo(HaveOccurred())
			Expect(updated.Changed).To(BeTrue())
		}
	})

	It("lists in the order of creation, including the request before", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		var wanted []string
		for i := range 25 {
			created, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("u%d@example.com", i)))
			Expect(err).NotTo(HaveOccurred())
			wanted = append(wanted, created.ID())
			page, err := s.List(within(ctx), tenant, scim.User, all())
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(Equal(wanted))
		}
		page, err := s.List(within(ctx), tenant, scim.User, Query{Page: scim.NewPage(21, 10)})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(Equal(wanted[20:]))
		Expect(page.Total).To(Equal(25))

		By("leaving out the deleted one at once")
		Expect(s.Delete(within(ctx), tenant, scim.User, wanted[3], "")).To(Succeed())
		page, err = s.List(within(ctx), tenant, scim.User, all())
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(page)).To(Equal(append(append([]string{}, wanted[:3]...), wanted[4:]...)))
		Expect(page.Total).To(Equal(24))
	})

	It("does not find a user who has just been deleted", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		for i := range 50 {
			created, err := s.Create(within(ctx), tenant, scim.User, user(fmt.Sprintf("gone%d@example.com", i)))
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Delete(within(ctx), tenant, scim.User, created.ID(), "")).To(Succeed())
			page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, fmt.Sprintf(`userName eq "gone%d@example.com"`, i)))
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(BeEmpty())
		}
	})

	It("finds an address whether it is the userName or not, in whatever case", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		same, err := s.Create(within(ctx), tenant, scim.User, user("Same@example.com"))
		Expect(err).NotTo(HaveOccurred())
		other := user("other")
		other["emails"] = []any{map[string]any{"value": "Other@Example.com"}, map[string]any{"value": "same@EXAMPLE.com"}}
		second, err := s.Create(within(ctx), tenant, scim.User, other)
		Expect(err).NotTo(HaveOccurred())
		named := user("named@example.com")
		named["emails"] = nil
		_, err = s.Create(within(ctx), tenant, scim.User, named)
		Expect(err).NotTo(HaveOccurred())
		for address, wanted := range map[string][]string{
			"SAME@example.com": {same.ID(), second.ID()}, "other@example.com": {second.ID()}, "named@example.com": {},
		} {
			page, err := s.List(within(ctx), tenant, scim.User, filter(scim.User, fmt.Sprintf(`emails.value eq %q`, address)))
			Expect(err).NotTo(HaveOccurred())
			Expect(ids(page)).To(Equal(wanted), address)
		}
	})

	It("refuses a change of another version", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		created, err := s.Create(within(ctx), tenant, scim.User, user("v@example.com"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(within(ctx), tenant, scim.User, created.ID(), `W/"7"`, set("title", "x"))
		Expect(err).To(haveStatus(http.StatusPreconditionFailed))
		updated, err := s.Update(within(ctx), tenant, scim.User, created.ID(), `W/"1"`, set("title", "x"))
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Resource.Complex("meta")).To(HaveKeyWithValue("version", `W/"2"`))
		Expect(s.Delete(within(ctx), tenant, scim.User, created.ID(), `W/"1"`)).To(haveStatus(http.StatusPreconditionFailed))
		Expect(s.Delete(within(ctx), tenant, scim.User, created.ID(), `W/"1", W/"2"`)).To(Succeed())
		_, err = s.Get(within(ctx), tenant, scim.User, created.ID(), nil)
		Expect(err).To(haveStatus(http.StatusNotFound))
	})

	It("frees a name by rename and by delete, and keeps the others", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		first, err := s.Create(within(ctx), tenant, scim.User, user("one@example.com"))
		Expect(err).NotTo(HaveOccurred())
		second, err := s.Create(within(ctx), tenant, scim.User, user("two@example.com"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(within(ctx), tenant, scim.User, first.ID(), "", set("userName", "TWO@example.com"))
		Expect(err).To(haveStatus(http.StatusConflict))
		_, err = s.Update(within(ctx), tenant, scim.User, first.ID(), "", set("userName", "ONE@example.com"))
		Expect(err).NotTo(HaveOccurred(), "another spelling of its own name")
		_, err = s.Update(within(ctx), tenant, scim.User, first.ID(), "", set("userName", "three@example.com"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Create(within(ctx), tenant, scim.User, user("one@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Delete(within(ctx), tenant, scim.User, second.ID(), "")).To(Succeed())
		_, err = s.Create(within(ctx), tenant, scim.User, user("two@example.com"))
		Expect(err).NotTo(HaveOccurred(), "the finalizer of the deleted user does not hold its name")
	})

	It("notes the request, and makes two writes for a new user, one for a change, none for no change", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		request := WithRequestInfo(within(ctx), RequestInfo{RequestID: "r1", TokenID: "t1"})
		_, err := s.Create(request, tenant, scim.User, user("first@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(writes(ctx, tenant)).To(Equal([]string{"create secrets", "create leases", "create scimusers"}), "the salt is made once")
		created, err := s.Create(request, tenant, scim.User, user("count@example.com"))
		Expect(err).NotTo(HaveOccurred())
		Expect(writes(ctx, tenant)[3:]).To(Equal([]string{"create leases", "create scimusers"}))
		_, err = s.Update(request, tenant, scim.User, created.ID(), "", set("title", "x"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Update(request, tenant, scim.User, created.ID(), "", set("title", "x"))
		Expect(err).NotTo(HaveOccurred())
		Expect(writes(ctx, tenant)[3:]).To(Equal([]string{"create leases", "create scimusers", "update scimusers"}))
		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, key(tenant, created.ID()), stored)).To(Succeed())
		Expect(stored.Spec.LastRequest).To(Equal(v1alpha1.LastRequest{RequestID: "r1", TokenID: "t1"}))
	})

	It("gives the API server's refusal to the client without the value", func(ctx SpecContext) {
		tenant := namespaceOf(ctx)
		s := replica(ctx, tenant, patient)
		long := user("long@example.com")
		long["title"] = strings.Repeat("secret", 300)
		_, err := s.Create(within(ctx), tenant, scim.User, long)
		Expect(err).To(haveStatus(http.StatusBadRequest))
		Expect(err).To(MatchError(And(ContainSubstring("spec.title"), Not(ContainSubstring("secret")))))
		By("leaving no claim behind")
		var leases coordinationv1.LeaseList
		Expect(direct.List(ctx, &leases, client.InNamespace(tenant))).To(Succeed())
		Expect(leases.Items).To(BeEmpty())
	})
})
