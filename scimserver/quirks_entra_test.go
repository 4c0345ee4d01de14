package scimserver_test

import (
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("Quirks", func() {
	tested("Entra ID", v1alpha1.ClientProfileEntra, []quirk{
		{"elimity-com/scim#79, imulab/go-scim#54: capitalises the names of operations", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Add", "title", "Guide"), op("Replace", "title", "Chief"), op("Remove", "nickName", nil))).To(
				HaveKeyWithValue("title", "Chief"))
		}},
		{"AzureAD/SCIMReferenceCode#21, bytebase#19073: sends active as text", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			for _, step := range []struct {
				value any
				want  bool
			}{{"False", false}, {"True", true}, {"false", false}} {
				Expect(c.do(ctx, "PATCH", path, operations(op("Replace", "active", step.value))).Body).To(HaveKeyWithValue("active", step.want))
			}
		}},
		{"rancher#54025: deactivates by Add", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Add", "active", "False"))).To(HaveKeyWithValue("active", false))
		}},
		{"scim-for-keycloak#26: names dotted and extension attributes in one value", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Replace", "", map[string]any{
				"name.givenName": "Anna", enterprise + ":employeeNumber": "42", "active": "False"}))).To(And(
				HaveKeyWithValue("name", And(HaveKeyWithValue("givenName", "Anna"), HaveKeyWithValue("familyName", "Jensen"))),
				HaveKeyWithValue(enterprise, HaveKeyWithValue("employeeNumber", "42")), HaveKeyWithValue("active", false)))
		}},
		{"SCIM-SDK#416, ssoready#228, zitadel#9690: a value path that matches nothing creates the value", func(ctx SpecContext, c scimClient) {
			for name, operation := range map[string]string{"add": "Add", "replace": "Replace"} {
				body := user(name + "@example.com")
				delete(body, "emails")
				path := "/Users/" + c.create(ctx, "/Users", body)
				Expect(c.do(ctx, "PATCH", path, operations(op(operation, `emails[type eq "work"].value`, "new@example.com"))).Body).To(
					HaveKeyWithValue("emails", ConsistOf(And(HaveKeyWithValue("type", "work"), HaveKeyWithValue("value", "new@example.com")))), name)
			}
		}},
		{"scimmyjs#77: changes an extension that the user does not have yet", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Add", enterprise+":organization", "Tours"))).To(
				HaveKeyWithValue(enterprise, HaveKeyWithValue("organization", "Tours")))
		}},
		{"wso2/product-is#11678: names the manager's value below the extension", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Replace", enterprise+":manager.value", "42"))).To(
				HaveKeyWithValue(enterprise, HaveKeyWithValue("manager", HaveKeyWithValue("value", "42"))))
		}},
		{"Microsoft's tutorial: sends the manager as text", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body[enterprise] = map[string]any{"manager": "42"}
			a := c.do(ctx, "POST", "/Users", body)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(a.Body).To(HaveKeyWithValue(enterprise, HaveKeyWithValue("manager", HaveKeyWithValue("value", "42"))))
		}},
		{"Microsoft's tutorial: sends the manager as a list without the extension's name", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("Add", "manager", []any{map[string]any{"$ref": "http://x/Users/42", "value": "42"}}))).To(
				HaveKeyWithValue(enterprise, HaveKeyWithValue("manager", HaveKeyWithValue("value", "42"))))
		}},
		{"Microsoft's tutorial: creates with nulls and a mistyped schema", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body["schemas"] = []string{"urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"}
			body["addresses"], body["title"] = nil, nil
			c.create(ctx, "/Users", body)
		}},
		{"Microsoft's tutorial: creates a group of another schema without members", func(ctx SpecContext, c scimClient) {
			c.create(ctx, "/Groups", map[string]any{"displayName": "Guides", "externalId": "8aa1", "meta": map[string]any{"resourceType": "Group"},
				"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"}})
		}},
		{"Microsoft's tutorial: adds members with $ref null", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			third := c.create(ctx, "/Users", user("third@example.com"))
			Expect(c.membersAfter(ctx, path, op("Add", "members", []any{map[string]any{"$ref": nil, "value": third}}))).To(ConsistOf(one, other, third))
		}},
		{"AzureAD/SCIMReferenceCode#10: removes the members in a list of values, and no others", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			Expect(c.membersAfter(ctx, path, op("Remove", "members", values(one)))).To(Equal([]string{other}))
		}},
		{"aadOptscim062020: removes a member by a value path", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			Expect(c.membersAfter(ctx, path, op("Remove", `members[value eq "`+other+`"]`, nil))).To(Equal([]string{one}))
		}},
		{"vouch-sh/vouch#1415: removing members without values empties the group", func(ctx SpecContext, c scimClient) {
			path, _, _ := c.twoMembers(ctx)
			Expect(c.membersAfter(ctx, path, op("Remove", "members", nil))).To(BeEmpty())
		}},
		{"scimmyjs#59: a PATCH without operations changes nothing", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "PATCH", path, operations())).To(haveStatus(200))
			Expect(c.do(ctx, "GET", path, nil).Header.Get("ETag")).To(Equal(`W/"1"`))
		}},
		{"MS Q&A 2123904: sends primary as text, and gets a boolean", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body["roles"] = []any{map[string]any{"value": "guide", "primary": "true"}}
			a := c.do(ctx, "POST", "/Users", body)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(a.Body).To(HaveKeyWithValue("roles", ConsistOf(HaveKeyWithValue("primary", true))))
		}},
		{"Microsoft's tutorial: filters by a sub-attribute behind a value path, and tests with a name that nobody has", func(ctx SpecContext, c scimClient) {
			id := c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`emails[type eq "work"].value eq "babs@example.com"`), nil).ids()).To(Equal([]string{id}))
			none := c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`userName eq "5d48a0a8-e40d-4e3a-8b5e-1a2d3c4b5a69"`), nil)
			Expect(none).To(haveStatus(200))
			Expect(none.Body).To(And(HaveKeyWithValue("totalResults", 0.0), HaveKeyWithValue("Resources", BeEmpty())))
		}},
		{"MSVAL D5: a user deleted for good is gone, and deleting again is 404", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "DELETE", path, nil)).To(haveStatus(204))
			Expect(c.do(ctx, "DELETE", path, nil)).To(beError(404, ""))
		}},
	})

	tested("Entra ID's way with a standard endpoint", v1alpha1.ClientProfileStandard, []quirk{
		{"RFC 7644 section 3.5.2.3: a replace through a value path that matches nothing is noTarget", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "PATCH", path, operations(op("replace", `emails[type eq "home"].value`, "x@example.com")))).To(beError(400, "noTarget"))
		}},
		{"RFC 7644 section 3.10: an attribute of an extension needs its URN", func(ctx SpecContext, c scimClient) {
			path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "PATCH", path, operations(op("add", "manager", map[string]any{"value": "42"})))).To(beError(400, "invalidPath"))
		}},
	})
})
