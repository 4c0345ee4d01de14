package scimserver_test

import (
	"fmt"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// quirk is something that clients do and the RFC does not ask for. Its name
// begins with where it was seen: a repository's thread, or a vendor's page.
type quirk struct {
	name string
	try  func(ctx SpecContext, c scimClient)
}

// tested makes a test of each quirk, with an endpoint of that profile.
func tested(client string, profile v1alpha1.ClientProfile, quirks []quirk) {
	Describe(client, Ordered, func() {
		var r replica
		BeforeAll(func(ctx SpecContext) { r = startReplica(ctx, "") })
		for _, q := range quirks {
			It(q.name, func(ctx SpecContext) {
				namespace := env.Namespace(ctx, GinkgoT())
				newEndpoint(ctx, namespace, "client", tokenFor(namespace), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
					e.Spec.ClientProfile = profile
				})
				c := scimClient{base: r.url + "/scim/v2", token: tokenFor(namespace)}
				Eventually(func() int { return c.do(ctx, "GET", "/Users", nil).Status }).Should(Equal(200))
				q.try(ctx, c)
			})
		}
	})
}

// op is one operation of a PATCH; "" leaves the path out.
func op(name, path string, value any) map[string]any {
	o := map[string]any{"op": name}
	if path != "" {
		o["path"] = path
	}
	if value != nil {
		o["value"] = value
	}
	return o
}

// member values as clients send them.
func values(ids ...string) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, map[string]any{"value": id})
	}
	return list
}

// patchUser changes a new user and returns it as it is read afterwards.
func (c scimClient) patchUser(ctx SpecContext, ops ...map[string]any) map[string]any {
	GinkgoHelper()
	path := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
	patched := c.do(ctx, "PATCH", path, operations(ops...))
	Expect(patched).To(haveStatus(200), patched.Raw)
	return c.do(ctx, "GET", path, nil).Body
}

// twoMembers makes a group of two and returns its path and them.
func (c scimClient) twoMembers(ctx SpecContext) (path, one, other string) {
	GinkgoHelper()
	one, other = c.create(ctx, "/Users", user("one@example.com")), c.create(ctx, "/Users", user("other@example.com"))
	return "/Groups/" + c.create(ctx, "/Groups", group("Guides", one, other)), one, other
}

// membersAfter are the members of a group after a PATCH.
func (c scimClient) membersAfter(ctx SpecContext, path string, ops ...map[string]any) []string {
	GinkgoHelper()
	patched := c.do(ctx, "PATCH", path, operations(ops...))
	Expect(patched.Status).To(BeElementOf(200, 204), patched.Raw)
	return c.do(ctx, "GET", path, nil).members()
}

var _ = Describe("Quirks", func() {
	tested("Okta", v1alpha1.ClientProfileOkta, []quirk{
		{"Microsoft's validator: sends no operations, which is nothing to do", func(ctx SpecContext, c scimClient) {
			created := c.do(ctx, "POST", "/Users", user("babs@example.com"))
			patched := c.do(ctx, "PATCH", "/Users/"+created.id(), operations())
			Expect(patched).To(haveStatus(200))
			Expect(patched.Body).To(Equal(created.Body))
			path, _, _ := c.twoMembers(ctx)
			before := c.do(ctx, "GET", path, nil)
			Expect(c.do(ctx, "PATCH", path, operations()).Header.Get("ETag")).To(Equal(before.Header.Get("ETag")))
		}},
		{"imulab/go-scim#57: renames a group by id and displayName without a path, which touches no member", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			id := strings.TrimPrefix(path, "/Groups/")
			Expect(c.membersAfter(ctx, path, op("replace", "", map[string]any{"id": id, "displayName": "Tour Guides"}))).To(ConsistOf(one, other))
			Expect(c.do(ctx, "GET", path, nil).Body).To(HaveKeyWithValue("displayName", "Tour Guides"))
		}},
		{"langwatch#7131: an operation that names no members never removes any", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			for _, o := range []map[string]any{
				op("replace", "displayName", "A"), op("replace", "", map[string]any{"displayName": "B"}),
				op("add", "externalId", "x"), op("remove", "externalId", nil),
			} {
				Expect(c.membersAfter(ctx, path, o)).To(ConsistOf(one, other), fmt.Sprint(o))
			}
		}},
		{"Captain-P-Goldfish/SCIM-SDK#757: Push Now replaces all members, also by none", func(ctx SpecContext, c scimClient) {
			path, one, _ := c.twoMembers(ctx)
			Expect(c.membersAfter(ctx, path, op("replace", "members", values(one)))).To(Equal([]string{one}))
			Expect(c.membersAfter(ctx, path, op("replace", "members", []any{}))).To(BeEmpty())
		}},
		{"Metatavu/keycloak-scim-server#101, jelhub/scimgateway#113: replaces members without a path", func(ctx SpecContext, c scimClient) {
			path, one, _ := c.twoMembers(ctx)
			Expect(c.membersAfter(ctx, path, op("replace", "", map[string]any{"members": values(one)}))).To(Equal([]string{one}))
			Expect(c.membersAfter(ctx, path, op("replace", "", map[string]any{"members": []any{}, "id": "x", "displayName": "Guides"}))).To(BeEmpty())
		}},
		{"Okta's reference: removes and adds members in one PATCH", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			third := c.create(ctx, "/Users", user("third@example.com"))
			Expect(c.membersAfter(ctx, path, op("remove", `members[value eq "`+one+`"]`, nil),
				op("add", "members", []any{map[string]any{"value": third, "display": "third@example.com"}}))).To(ConsistOf(other, third))
		}},
		{"Okta's reference: deactivates without a path, and the user stays", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("replace", "", map[string]any{"active": false}))).To(HaveKeyWithValue("active", false))
		}},
		{"Okta's reference: creates with a password, empty groups and an external id, and echoes what it reads", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body["password"], body["groups"], body["externalId"], body["locale"] = "8chars!!", []any{}, "00u1", "en-US"
			created := c.do(ctx, "POST", "/Users", body)
			Expect(created).To(haveStatus(201))
			Expect(created.Body).NotTo(HaveKey("password"))
			Expect(c.do(ctx, "PUT", "/Users/"+created.id(), created.Raw).Body).To(Equal(created.Body))
		}},
		{"lightdash#28062, okta-developer-docs#800: pushes a group with a schema of its own", func(ctx SpecContext, c scimClient) {
			a := c.do(ctx, "POST", "/Groups", map[string]any{
				"schemas":     []string{"urn:ietf:params:scim:schemas:core:2.0:Group", "urn:okta:custom:group:1.0"},
				"displayName": "Guides", "urn:okta:custom:group:1.0": map[string]any{"description": "All guides"}})
			Expect(a).To(haveStatus(201))
			Expect(c.do(ctx, "GET", "/Groups/"+a.id(), nil).Raw).To(ContainSubstring("All guides"))
		}},
		{"better-auth#11111: an external id that an inactive user has locks nobody out", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body["externalId"], body["active"] = "00u1", false
			c.create(ctx, "/Users", body)
			body = user("barbara@example.com")
			body["externalId"] = "00u1"
			c.create(ctx, "/Users", body)
		}},
	})

	tested("OneLogin", v1alpha1.ClientProfileStandard, []quirk{
		{"goauthentik/authentik#11249: ends queries with & and addresses with ?, and writes + for a blank", func(ctx SpecContext, c scimClient) {
			id := c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "GET", "/Users?filter=userName+eq+%22babs@example.com%22&", nil).ids()).To(Equal([]string{id}))
			Expect(c.do(ctx, "PUT", "/Users/"+id+"?", user("babs@example.com"), "User-Agent", "")).To(haveStatus(200))
			Expect(c.do(ctx, "PATCH", "/Users/"+id+"?", operations(op("replace", "active", false)))).To(haveStatus(200))
		}},
		{"goauthentik/authentik#11249: names the schemas of SCIM 1", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			body["schemas"] = []string{"urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"}
			body["urn:scim:schemas:extension:enterprise:2.0"] = map[string]any{"department": "Tours"}
			a := c.do(ctx, "POST", "/Users", body)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(a.Body).To(HaveKeyWithValue(enterprise, HaveKeyWithValue("department", "Tours")))
		}},
	})

	tested("Others", v1alpha1.ClientProfileStandard, []quirk{
		{"JumpCloud, Infisical#2138: adds members who are members, which changes nothing", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			before := c.do(ctx, "GET", path, nil)
			Expect(c.membersAfter(ctx, path, op("add", "members", values(one, other)))).To(ConsistOf(one, other))
			Expect(c.do(ctx, "GET", path, nil).Body).To(Equal(before.Body))
		}},
		{"authentik, Infisical#6860: leaves out schemas", func(ctx SpecContext, c scimClient) {
			body := user("babs@example.com")
			delete(body, "schemas")
			id := c.create(ctx, "/Users", body)
			Expect(c.do(ctx, "PUT", "/Users/"+id, body)).To(haveStatus(200))
			Expect(c.do(ctx, "PATCH", "/Users/"+id, map[string]any{"Operations": []any{op("replace", "active", false)}})).To(haveStatus(200))
		}},
		{"authentik#12321: changes several attributes in one operation without a path", func(ctx SpecContext, c scimClient) {
			Expect(c.patchUser(ctx, op("replace", "", map[string]any{"title": "Guide", "nickName": "Babs"}))).To(
				And(HaveKeyWithValue("title", "Guide"), HaveKeyWithValue("nickName", "Babs")))
		}},
		{"Keycloak, scim-for-keycloak#134: sends all members again to add one", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			third := c.create(ctx, "/Users", user("third@example.com"))
			Expect(c.membersAfter(ctx, path, op("replace", "members", values(one, other, third)))).To(ConsistOf(one, other, third))
		}},
		{"SailPoint, third-party guide: reads pages of 200", func(ctx SpecContext, c scimClient) {
			c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "GET", "/Users?startIndex=1&count=200", nil).ids()).To(HaveLen(1))
		}},
		{"FusionAuth#2869: removing who is no member any more is no error", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			remove := op("remove", `members[value eq "`+one+`"]`, nil)
			Expect(c.membersAfter(ctx, path, remove)).To(Equal([]string{other}))
			Expect(c.do(ctx, "PATCH", path, operations(remove)).Status).To(Equal(200))
			Expect(c.do(ctx, "GET", path, nil).members()).To(Equal([]string{other}))
		}},
		{"google/go-github v89: asks for application/vnd.github.v3+json, also when it deletes", func(ctx SpecContext, c scimClient) {
			const accept = "application/vnd.github.v3+json"
			a := c.do(ctx, "POST", "/Users", user("babs.com"), "Accept", accept)
			Expect(a).To(haveStatus(201), a.Raw)
			Expect(c.do(ctx, "DELETE", "/Users/"+a.id(), nil, "Accept", accept)).To(haveStatus(204))
			Expect(c.do(ctx, "GET", "/Users/"+a.id(), nil, "Accept", accept)).To(beError(404, ""))
		}},
		{"oracle/oci-go-sdk v65, ctreminiom/go-atlassian: read the group from the answer to a PATCH", func(ctx SpecContext, c scimClient) {
			path, one, other := c.twoMembers(ctx)
			a := c.do(ctx, "PATCH", path, operations(op("replace", "displayName", "Tour Guides")))
			Expect(a).To(haveStatus(200), a.Raw)
			Expect(a.Body).To(HaveKeyWithValue("displayName", "Tour Guides"))
			Expect(a.members()).To(ConsistOf(one, other))
		}},
		{"zitadel#9257: userName in another case is the same name", func(ctx SpecContext, c scimClient) {
			id := c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`USERNAME EQ "BABS@EXAMPLE.COM"`), nil).ids()).To(Equal([]string{id}))
		}},
		{"rancher#54024: a user who is renamed stays the same user", func(ctx SpecContext, c scimClient) {
			id := c.create(ctx, "/Users", user("babs@example.com"))
			Expect(c.do(ctx, "PUT", "/Users/"+id, user("barbara@example.com"))).To(haveStatus(200))
			Expect(c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`userName eq "barbara@example.com"`), nil).ids()).To(Equal([]string{id}))
		}},
	})
})
