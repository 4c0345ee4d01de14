package scimserver_test

import (
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Clients whose requests were read; hack/clients runs those of GitHub and Oracle themselves.
var _ = Describe("Quirks of clients", func() {
	tested("idp-scim-sync a375c40", v1alpha1.ClientProfileStandard, []quirk{
		{"creates groups with an empty id and meta, and without schemas", func(ctx SpecContext, c scimClient) {
			body := `{"id":"","meta":{},"displayName":"Guides"}`
			a := c.do(ctx, "POST", "/Groups", body)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(a.id()).NotTo(BeEmpty())
			Expect(a.Body).To(HaveKeyWithValue("meta", HaveKeyWithValue("resourceType", "Group")))
			body = strings.Replace(body, "Guides", "Tour Guides", 1)
			replaced := c.do(ctx, "PUT", "/Groups/"+a.id(), body)
			Expect(replaced).To(haveStatus(200), replaced.Raw)
			Expect(replaced.id()).To(Equal(a.id()))
		}},
		{"asks for a user's groups with a bare cursor", func(ctx SpecContext, c scimClient) {
			path, one, _ := c.twoMembers(ctx)
			c.create(ctx, "/Groups", group("Cooks"))
			for _, query := range []string{"cursor&filter=", "cursor=&filter="} {
				a := c.do(ctx, "GET", "/Groups?"+query+url.QueryEscape(`members.value eq "`+one+`"`), nil)
				Expect(a).To(haveStatus(200), a.Raw)
				Expect(a.ids()).To(Equal([]string{strings.TrimPrefix(path, "/Groups/")}))
			}
		}},
		{"removes a user from groups after the user was deleted", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			Expect(c.do(ctx, "DELETE", "/Users/"+one, nil)).To(haveStatus(204))
			Expect(c.membersAfter(ctx, path, op("remove", "members", values(one)))).To(Equal([]string{other}))
			Expect(c.membersAfter(ctx, path, op("remove", `members[value eq "`+one+`"]`, nil))).To(Equal([]string{other}))
		}},
		{"renames a group by its id and name without a path", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			value := map[string]any{"id": strings.TrimPrefix(path, "/Groups/"), "displayName": "Tour Guides"}
			Expect(c.membersAfter(ctx, path, op("replace", "", value))).To(ConsistOf(one, other))
			Expect(c.do(ctx, "GET", path, nil).Body).To(HaveKeyWithValue("displayName", "Tour Guides"))
		}},
	})

	tested("go-atlassian v2", v1alpha1.ClientProfileStandard, []quirk{
		{"reads from startIndex 0, which is the first", func(ctx SpecContext, c scimClient) {
			id := c.create(ctx, "/Users", user("babs@example.com"))
			a := c.do(ctx, "GET", "/Users?count=50&startIndex=0", nil)
			Expect(a).To(haveStatus(200), a.Raw)
			Expect(a.ids()).To(Equal([]string{id}))
			Expect(a.Body).To(HaveKeyWithValue("startIndex", BeEquivalentTo(1)))
		}},
		{"creates users with an empty id and external id", func(ctx SpecContext, c scimClient) {
			a := c.do(ctx, "POST", "/Users", `{"id":"","externalId":"","userName":"babs@example.com"}`)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(a.id()).NotTo(BeEmpty())
		}},
		{"renames a group by a PUT without members, who stay", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			Expect(c.do(ctx, "PUT", path, map[string]any{"displayName": "Tour Guides"})).To(haveStatus(200))
			Expect(c.do(ctx, "GET", path, nil).members()).To(ConsistOf(one, other))
		}},
	})

	tested("databricks-sdk-go 0.175.0", v1alpha1.ClientProfileStandard, []quirk{
		{"asks for 10,000 a page, and for more until a page is empty", func(ctx SpecContext, c scimClient) {
			ids := []string{c.create(ctx, "/Users", user("anna@example.com")), c.create(ctx, "/Users", user("babs@example.com"))}
			a := c.do(ctx, "GET", "/Users?startIndex=1&count=10000", nil)
			Expect(a).To(haveStatus(200), a.Raw)
			Expect(a.ids()).To(Equal(ids))
			Expect(a.Body).To(HaveKeyWithValue("itemsPerPage", BeEquivalentTo(2)))
			last := c.do(ctx, "GET", "/Users?startIndex=3&count=10000", nil)
			Expect(last).To(haveStatus(200), last.Raw)
			Expect(last.ids()).To(BeEmpty())
		}},
	})

	tested("oci-go-sdk v65.130.0", v1alpha1.ClientProfileStandard, []quirk{
		{"writes operations and orders in capitals", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("REPLACE", "title", "Guide"), op("ADD", "nickName", "Babs"), op("REMOVE", "title", nil))).To(
				And(HaveKeyWithValue("nickName", "Babs"), Not(HaveKey("title"))))
			other := c.create(ctx, "/Users", user("carl@example.com"))
			Expect(c.do(ctx, "GET", "/Users?sortBy=userName&sortOrder=DESCENDING&attributeSets=default", nil).ids()[0]).To(Equal(other))
		}},
	})

	tested("scimgateway 6.1.18", v1alpha1.ClientProfileStandard, []quirk{
		{"writes nulls for what it does not know, and asks for no attributes by name", func(ctx SpecContext, c scimClient) {
			a := c.do(ctx, "POST", "/Users", `{"userName":"babs@example.com","active":true,"password":null,"title":"",
				"name":{"givenName":"Barbara","familyName":null,"formatted":null},"emails":null,"phoneNumbers":null,"entitlements":null}`)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(c.do(ctx, "GET", "/Users/"+a.id()+"?attributes=", nil).Body).To(HaveKeyWithValue("userName", "babs@example.com"))
		}},
		{"marks values to be removed with operation delete, without a path", func(ctx SpecContext, c scimClient) {
			emails := func(entries ...map[string]any) map[string]any { return map[string]any{"emails": entries} }
			work, home := map[string]any{"type": "work", "value": "w@example.com"}, map[string]any{"type": "home", "value": "h@example.com"}
			for _, marked := range []map[string]any{
				{"type": "work", "value": "w@example.com", "operation": "delete"}, {"type": "work", "value": "", "operation": "delete"},
				{"type": "work", "Operation": "Delete"},
			} {
				path := "/Users/" + c.create(ctx, "/Users", map[string]any{"userName": "babs@example.com", "emails": []any{work, home}})
				Expect(c.do(ctx, "PATCH", path, operations(op("replace", "", emails(marked))))).To(haveStatus(200))
				Expect(c.do(ctx, "GET", path, nil).Body["emails"]).To(Equal([]any{home}))
				other := map[string]any{"type": "other", "value": "o@example.com"}
				Expect(c.do(ctx, "PATCH", path, operations(op("add", "emails", []any{map[string]any{"type": "home", "operation": "delete"}, other})))).To(haveStatus(200))
				Expect(c.do(ctx, "GET", path, nil).Body["emails"]).To(Equal([]any{other}))
				Expect(c.do(ctx, "DELETE", path, nil)).To(haveStatus(204))
			}
		}},
		{"marks members so, as R-Service's own clients do", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			third := c.create(ctx, "/Users", user("third@example.com"))
			Expect(c.membersAfter(ctx, path, op("add", "members", []any{
				map[string]any{"value": one, "operation": "delete"}, map[string]any{"value": third},
			}))).To(ConsistOf(other, third))
		}},
	})

	tested("Clients in languages with small letters", v1alpha1.ClientProfileStandard, []quirk{
		{"write operations and what is in them in any case", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			a := c.do(ctx, "PATCH", path, `{"operations":[{"OP":"Replace","Path":"title","VALUE":"Guide"}]}`)
			Expect(a).To(haveStatus(200), a.Raw)
			Expect(a.Body).To(HaveKeyWithValue("title", "Guide"))
		}},
	})
})
