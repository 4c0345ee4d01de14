package scimserver_test

import (
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var _ = Describe("Groups", func() {
	It("can be created, read, replaced, patched and deleted with their members", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs, anna := c.create(ctx, "/Users", user("babs@example.com")), c.create(ctx, "/Users", user("anna@example.com"))

		created := c.do(ctx, "POST", "/Groups", group("Guides", babs))
		Expect(created).To(haveStatus(201))
		location := c.base + "/Groups/" + created.id()
		Expect(created.Header.Get("Location")).To(Equal(location))
		member := map[string]any{"value": babs, "display": "babs@example.com", "type": "User", "$ref": c.base + "/Users/" + babs}
		Expect(created.Body).To(HaveKeyWithValue("members", []any{member}))
		read := c.do(ctx, "GET", "/Groups/"+created.id(), nil)
		Expect(read).To(haveStatus(200))
		Expect(read.Body).To(Equal(created.Body))
		Expect(c.do(ctx, "GET", "/Users/"+babs, nil).Body).To(HaveKeyWithValue("groups",
			[]any{map[string]any{"value": created.id(), "display": "Guides", "type": "direct", "$ref": location}}))

		By("answering a PATCH with the group, or with what is asked for of it")
		add := func(id string) map[string]any {
			return operations(map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": id}}})
		}
		patched := c.do(ctx, "PATCH", "/Groups/"+created.id(), add(anna))
		Expect(patched).To(haveStatus(200))
		Expect(patched.Body).To(Equal(c.do(ctx, "GET", "/Groups/"+created.id(), nil).Body))
		Expect(patched.Header.Get("Location")).To(Equal(location))
		Expect(patched.Header.Get("ETag")).NotTo(Or(BeEmpty(), Equal(created.Header.Get("ETag"))))
		Expect(c.do(ctx, "GET", "/Groups/"+created.id(), nil).members()).To(ConsistOf(babs, anna))
		asked := c.do(ctx, "PATCH", "/Groups/"+created.id()+"?attributes=members", operations(
			map[string]any{"op": "remove", "path": `members[value eq "` + babs + `"]`},
			map[string]any{"op": "replace", "value": map[string]any{"id": created.id(), "displayName": "Tour Guides"}}))
		Expect(asked).To(haveStatus(200))
		Expect(asked.members()).To(Equal([]string{anna}))
		for _, body := range []any{add(babs), add(babs)} { // the second one changes nothing
			silent := c.do(ctx, "PATCH", "/Groups/"+created.id()+"?excludedAttributes=members", body)
			Expect(silent).To(And(haveStatus(204), HaveField("Raw", "")))
			Expect(silent.Header.Get("ETag")).To(Equal(c.do(ctx, "GET", "/Groups/"+created.id(), nil).Header.Get("ETag")))
		}
		named := c.do(ctx, "PATCH", "/Groups/"+created.id()+"?excludedAttributes=members&attributes=displayName", add(babs))
		Expect(named).To(haveStatus(200))
		Expect(named.Body).To(And(HaveKeyWithValue("displayName", "Tour Guides"), Not(HaveKey("members"))))

		By("putting back what was read, which changes nothing")
		read = c.do(ctx, "GET", "/Groups/"+created.id(), nil)
		again := c.do(ctx, "PUT", "/Groups/"+created.id(), read.Raw)
		Expect(again).To(haveStatus(200))
		Expect(again.Body).To(Equal(read.Body))

		By("replacing")
		replaced := c.do(ctx, "PUT", "/Groups/"+created.id(), group("Guides", babs))
		Expect(replaced).To(haveStatus(200))
		Expect(replaced.members()).To(Equal([]string{babs}))
		Expect(c.do(ctx, "PUT", "/Groups/"+created.id(), map[string]any{"displayName": "Guides", "members": []any{}}).members()).To(BeEmpty())

		Expect(c.do(ctx, "DELETE", "/Groups/"+created.id(), nil)).To(haveStatus(204))
		Expect(c.do(ctx, "GET", "/Groups/"+created.id(), nil)).To(beError(404, ""))
		Expect(c.do(ctx, "GET", "/Users/"+babs, nil)).To(haveStatus(200))
	})

	It("are listed with members, unless those are not wanted", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		id := c.create(ctx, "/Groups", group("Guides", babs))
		c.create(ctx, "/Groups", group("Empty"))
		listed := c.do(ctx, "GET", "/Groups?startIndex=1&count=100", nil)
		Expect(listed.Body).To(HaveKeyWithValue("totalResults", 2.0))
		Expect(listed.Raw).To(ContainSubstring(babs))
		for _, query := range []string{"excludedAttributes=members", "attributes=displayName"} {
			Expect(c.do(ctx, "GET", "/Groups?"+query, nil).Raw).NotTo(ContainSubstring(babs), query)
			Expect(c.do(ctx, "GET", "/Groups/"+id+"?"+query, nil).Raw).To(And(ContainSubstring("Guides"), Not(ContainSubstring(babs))), query)
		}
		by := func(filter string) []string {
			return c.do(ctx, "GET", "/Groups?filter="+url.QueryEscape(filter), nil).ids()
		}
		Expect(by(`displayName eq "GUIDES"`)).To(Equal([]string{id}))
		Expect(by(`members.value eq "` + babs + `"`)).To(Equal([]string{id}))
		Expect(by(`displayName eq "nothing"`)).To(BeEmpty())
	})

	It("are listed without members if the endpoint says so and nobody asks for them", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "sync", tokenFor(namespace), func(e *v1alpha1.ScimEndpoint, _ *corev1.Secret) {
			e.Spec.ListMembers = v1alpha1.ListMembersOmit
		})
		c := scimClient{base: startReplica(ctx, namespace).url + "/scim/v2", token: tokenFor(namespace)}
		babs := c.create(ctx, "/Users", user("babs.com"))
		guides := c.create(ctx, "/Groups", group("Guides", babs))
		filter := "filter=" + url.QueryEscape(`members.value eq "`+babs+`"`)
		search := func(attributes ...string) map[string]any {
			return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, "attributes": attributes}
		}
		for name, listed := range map[string]answer{
			"a list":                  c.do(ctx, "GET", "/Groups", nil),
			"a filter by members":     c.do(ctx, "GET", "/Groups?"+filter, nil),
			"no attributes":           c.do(ctx, "GET", "/Groups?attributes=,", nil),
			"others":                  c.do(ctx, "GET", "/Groups?attributes=displayName", nil),
			"others that are not":     c.do(ctx, "GET", "/Groups?excludedAttributes=externalId", nil),
			"an order by members":     c.do(ctx, "GET", "/Groups?sortBy=members.display", nil),
			"by cursor":               c.do(ctx, "GET", "/Groups?cursor", nil),
			"a search":                c.do(ctx, "POST", "/Groups/.search", search()),
			"a search over all types": c.do(ctx, "POST", "/.search", search()),
			"a list of all types":     c.do(ctx, "GET", "/", nil),
		} {
			Expect(listed).To(haveStatus(200), name)
			Expect(listed.ids()).To(ContainElement(guides), name)
			Expect(listed.Raw).NotTo(ContainSubstring(`"members"`), name)
		}
		for name, listed := range map[string]answer{
			"by name":                 c.do(ctx, "GET", "/Groups?attributes=displayName,members&"+filter, nil),
			"by the full name":        c.do(ctx, "GET", "/Groups?attributes=urn:ietf:params:scim:schemas:core:2.0:Group:members", nil),
			"a part of them":          c.do(ctx, "GET", "/Groups?attributes=MEMBERS.value", nil),
			"in a search":             c.do(ctx, "POST", "/Groups/.search", search("members")),
			"in a search of all":      c.do(ctx, "POST", "/.search", search("userName", "members")),
			"a group, not in a list":  c.do(ctx, "GET", "/Groups/"+guides, nil),
			"the answer to a change":  c.do(ctx, "PATCH", "/Groups/"+guides, operations(op("replace", "displayName", "Tour Guides"))),
			"the answer to a replace": c.do(ctx, "PUT", "/Groups/"+guides, group("Guides", babs)),
		} {
			Expect(listed).To(haveStatus(200), name)
			Expect(listed.Raw).To(And(ContainSubstring(`"members"`), ContainSubstring(babs)), name)
		}
	})

	It("refuse members that do not exist, and then change nothing", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		Expect(c.do(ctx, "POST", "/Groups", group("Guides", babs, noID))).To(beError(400, "invalidValue"))
		Expect(c.do(ctx, "GET", "/Groups", nil).ids()).To(BeEmpty())
		id := c.create(ctx, "/Groups", group("Guides"))
		Expect(c.do(ctx, "PATCH", "/Groups/"+id, operations(
			map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": babs}, map[string]any{"value": noID}}}))).
			To(beError(400, "invalidValue"))
		Expect(c.do(ctx, "GET", "/Groups/"+id, nil).members()).To(BeEmpty())
	})

	It("conflict when a displayName is taken, in any case", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		c.create(ctx, "/Groups", group("Guides"))
		Expect(c.do(ctx, "POST", "/Groups", group("GUIDES"))).To(beError(409, "uniqueness"))
	})

	It("are changed only in the version that the client knows", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		created := c.do(ctx, "POST", "/Groups", group("Guides"))
		join := operations(map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": babs}}})
		Expect(c.do(ctx, "PATCH", "/Groups/"+created.id(), join, "If-Match", created.Header.Get("ETag"))).To(haveStatus(200))
		Expect(c.do(ctx, "PUT", "/Groups/"+created.id(), group("Guides"), "If-Match", created.Header.Get("ETag"))).To(beError(412, ""))
		Expect(c.do(ctx, "GET", "/Groups/"+created.id(), nil).members()).To(Equal([]string{babs}))
	})
})
