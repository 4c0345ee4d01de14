package scimserver_test

import (
	"fmt"
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const noID = "0190a0b0-0000-7000-8000-0000000000ff"

var _ = Describe("Users", func() {
	for _, base := range []string{"/scim/v2", "/scim"} {
		It("can be created, read, replaced, patched and deleted below "+base, func(ctx SpecContext) {
			c, r, namespace := connect(ctx)
			c.base = r.url + base

			created := c.do(ctx, "POST", "/Users", user("Babs@Example.com"), "X-Request-ID", "create-1")
			Expect(created).To(haveStatus(201))
			location := c.base + "/Users/" + created.id()
			Expect(created.Header.Get("Location")).To(Equal(location))
			Expect(created.Header.Get("ETag")).To(Equal(`W/"1"`))
			Expect(created.Body).To(And(
				HaveKeyWithValue("userName", "Babs@Example.com"),
				HaveKeyWithValue("meta", And(HaveKeyWithValue("location", location), HaveKeyWithValue("version", `W/"1"`),
					HaveKeyWithValue("resourceType", "User")))))

			By("noting the request on the object")
			stored := &v1alpha1.ScimUser{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: created.id()}, stored)).To(Succeed())
			Expect(stored.Spec.LastRequest).To(Equal(v1alpha1.LastRequest{RequestID: "create-1", TokenID: v1alpha1.TokenID(c.token)}))

			read := c.do(ctx, "GET", "/Users/"+created.id(), nil)
			Expect(read).To(haveStatus(200))
			Expect(read.Body).To(Equal(created.Body))
			Expect(c.do(ctx, "GET", "/Users/"+created.id()+"?excludedAttributes=groups", nil, "If-None-Match", read.Header.Get("ETag"))).To(haveStatus(304))

			By("replacing: what is left out is cleared, read-only attributes are ignored")
			replaced := c.do(ctx, "PUT", "/Users/"+created.id(), map[string]any{
				"id": noID, "meta": map[string]any{"version": "x"}, "userName": "babs@example.com", "active": false, "password": "t0p-Secret!"})
			Expect(replaced).To(haveStatus(200))
			Expect(replaced.Body).To(And(HaveKeyWithValue("id", created.id()), HaveKeyWithValue("active", false),
				Not(HaveKey("emails")), Not(HaveKey("password"))))
			Expect(replaced.Header.Get("ETag")).To(Equal(`W/"2"`))

			patched := c.do(ctx, "PATCH", "/Users/"+created.id(), operations(map[string]any{"op": "replace", "value": map[string]any{"active": true}}))
			Expect(patched).To(haveStatus(200))
			Expect(patched.Body).To(HaveKeyWithValue("active", true))
			Expect(patched.Header.Get("Location")).To(Equal(location))

			deleted := c.do(ctx, "DELETE", "/Users/"+created.id(), nil)
			Expect(deleted).To(And(haveStatus(204), HaveField("Raw", "")))
			for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
				var body any
				switch method {
				case "PUT":
					body = user("babs@example.com")
				case "PATCH":
					body = operations()
				}
				Expect(c.do(ctx, method, "/Users/"+created.id(), body)).To(beError(404, ""), method)
			}
			Expect(r.logs.String()).NotTo(ContainSubstring("t0p-Secret!"))
		})
	}

	It("answer with the attributes that are asked for", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		id := c.create(ctx, "/Users", user("babs@example.com"))
		only := c.do(ctx, "GET", "/Users/"+id+"?attributes=userName,emails.value", nil)
		Expect(only.Body).To(And(HaveKey("id"), HaveKey("userName"), Not(HaveKey("name")), Not(HaveKey("meta")),
			HaveKeyWithValue("emails", []any{map[string]any{"value": "babs@example.com"}})))
		without := c.do(ctx, "GET", "/Users?excludedAttributes=emails&", nil)
		Expect(without.Body["Resources"]).To(HaveEach(And(HaveKey("userName"), Not(HaveKey("emails")))))
		Expect(c.do(ctx, "POST", "/Users?attributes=userName", user("other@example.com")).Body).To(Not(HaveKey("emails")))
		Expect(c.do(ctx, "PUT", "/Users/"+id+"?excludedAttributes=name", user("babs@example.com")).Body).To(Not(HaveKey("name")))
		Expect(c.do(ctx, "PATCH", "/Users/"+id+"?attributes=title",
			operations(map[string]any{"op": "add", "path": "title", "value": "Guide"})).Body).
			To(And(HaveKeyWithValue("title", "Guide"), Not(HaveKey("userName"))))
	})

	It("refuse null for what is required, like groups, and stay as they are", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		for _, kind := range []struct {
			endpoint, required string
			body               map[string]any
		}{{"/Users", "userName", user("babs@example.com")}, {"/Groups", "displayName", group("Guides")}} {
			path := kind.endpoint + "/" + c.create(ctx, kind.endpoint, kind.body)
			before := c.do(ctx, "GET", path, nil)
			without := map[string]any{kind.required: nil}
			for name, a := range map[string]answer{
				"POST":               c.do(ctx, "POST", kind.endpoint, without),
				"PUT":                c.do(ctx, "PUT", path, without),
				"PATCH":              c.do(ctx, "PATCH", path, operations(map[string]any{"op": "replace", "path": kind.required, "value": nil})),
				"PATCH without path": c.do(ctx, "PATCH", path, operations(map[string]any{"op": "replace", "value": without})),
			} {
				Expect(a).To(beError(400, "invalidValue"), name+" "+path)
				Expect(a.Body["detail"]).To(ContainSubstring(kind.required), name+" "+path)
			}
			Expect(c.do(ctx, "GET", path, nil).Body).To(Equal(before.Body))
		}
	})

	It("are listed in pages of a stable order", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		var ids []string
		for i := range 7 {
			ids = append(ids, c.create(ctx, "/Users", user(fmt.Sprintf("user-%d@example.com", i))))
		}
		all := c.do(ctx, "GET", "/Users", nil)
		Expect(all.ids()).To(Equal(ids))
		Expect(all.Body).To(And(HaveKeyWithValue("totalResults", 7.0), HaveKeyWithValue("startIndex", 1.0), HaveKeyWithValue("itemsPerPage", 7.0)))
		page := c.do(ctx, "GET", "/Users?startIndex=3&count=2", nil)
		Expect(page.ids()).To(Equal(ids[2:4]))
		Expect(page.Body).To(And(HaveKeyWithValue("totalResults", 7.0), HaveKeyWithValue("startIndex", 3.0), HaveKeyWithValue("itemsPerPage", 2.0)))
		total := c.do(ctx, "GET", "/Users?count=0", nil)
		Expect(total.Body).To(And(HaveKeyWithValue("totalResults", 7.0), HaveKeyWithValue("Resources", BeEmpty())))
		Expect(c.do(ctx, "GET", "/Users?startIndex=100", nil).Body).To(And(HaveKeyWithValue("totalResults", 7.0), HaveKeyWithValue("Resources", BeEmpty())))
		Expect(c.do(ctx, "GET", "/Users?startIndex=-5&count=99999", nil).ids()).To(Equal(ids))
		filtered := c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`userName co "user-"`)+"&startIndex=7&count=5", nil)
		Expect(filtered.ids()).To(Equal(ids[6:]))
		Expect(filtered.Body).To(HaveKeyWithValue("totalResults", 7.0))
	})

	It("are found by filter in another case, with + for a blank and a trailing &", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		id := c.create(ctx, "/Users", user("Straße@Example.com"))
		c.create(ctx, "/Users", user("other@example.com"))
		Expect(c.do(ctx, "GET", "/Users?filter=userName+eq+%22STRASSE@EXAMPLE.COM%22&", nil).ids()).To(Equal([]string{id}))
		none := c.do(ctx, "GET", "/Users?filter=userName+eq+%22nobody%22&startIndex=1&count=100", nil)
		Expect(none.Body).To(And(HaveKeyWithValue("totalResults", 0.0), HaveKeyWithValue("Resources", BeEmpty())))
		Expect(c.do(ctx, "GET", "/Users?filter=", nil).ids()).To(HaveLen(2))
	})

	It("conflict when a userName is taken, in any case", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		first := c.create(ctx, "/Users", user("babs@example.com"))
		Expect(c.do(ctx, "POST", "/Users", user("BABS@example.com"))).To(beError(409, "uniqueness"))
		second := c.create(ctx, "/Users", user("other@example.com"))
		Expect(c.do(ctx, "PUT", "/Users/"+second, user("Babs@Example.com"))).To(beError(409, "uniqueness"))
		Expect(c.do(ctx, "PATCH", "/Users/"+second, operations(map[string]any{"op": "replace", "path": "userName", "value": "babs@example.com"}))).
			To(beError(409, "uniqueness"))
		Expect(c.do(ctx, "DELETE", "/Users/"+first, nil)).To(haveStatus(204))
		c.create(ctx, "/Users", user("babs@example.com"))
	})

	It("are changed only in the version that the client knows", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		id := c.create(ctx, "/Users", user("babs@example.com"))
		change := user("babs@example.com")
		change["title"] = "Guide"
		Expect(c.do(ctx, "PUT", "/Users/"+id, change, "If-Match", `W/"7"`)).To(beError(412, ""))
		Expect(c.do(ctx, "PATCH", "/Users/"+id, operations(), "If-Match", `W/"7"`)).To(beError(412, ""))
		Expect(c.do(ctx, "DELETE", "/Users/"+id, nil, "If-Match", `W/"7"`)).To(beError(412, ""))
		changed := c.do(ctx, "PUT", "/Users/"+id, change, "If-Match", `W/"1"`)
		Expect(changed).To(haveStatus(200))
		Expect(changed.Header.Get("ETag")).To(Equal(`W/"2"`))
		Expect(c.do(ctx, "PUT", "/Users/"+id, change, "If-Match", "*")).To(haveStatus(200))
		Expect(c.do(ctx, "DELETE", "/Users/"+id, nil, "If-Match", `W/"1", W/"2"`)).To(haveStatus(204))
	})

	It("leave an audit trail without personal data", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		id := c.create(ctx, "/Users", user("babs@example.com"))
		c.do(ctx, "POST", "/Users", user("babs@example.com"))
		c.do(ctx, "PUT", "/Users/"+id, user("babs@example.com"))
		c.do(ctx, "PATCH", "/Users/"+id, "{")
		c.do(ctx, "GET", "/Users/"+id, nil)
		c.do(ctx, "DELETE", "/Users/babs@example.com", nil)
		c.do(ctx, "DELETE", "/Users/"+id, nil)
		var trail []string
		for _, line := range r.logs.lines("Audit") {
			trail = append(trail, fmt.Sprintf("%v %v %v %v %v", line["action"], line["resourceType"], line["id"], line["outcome"], line["status"]))
			Expect(line).To(And(HaveKeyWithValue("tokenID", v1alpha1.TokenID(c.token)), HaveKeyWithValue("tenant", namespace),
				HaveKeyWithValue("requestID", Not(BeEmpty()))))
		}
		Expect(trail).To(Equal([]string{
			"create User " + id + " done 201",
			"create User  refused 409",
			"replace User " + id + " unchanged 200",
			"patch User " + id + " refused 400",
			"delete User  refused 404",
			"delete User " + id + " done 204",
		}))
		Expect(r.logs.String()).NotTo(Or(ContainSubstring("babs"), ContainSubstring("Jensen"), ContainSubstring(c.token)))
	})

	It("have addresses below the endpoint's public URL, if it has one", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		newEndpoint(ctx, namespace, "okta", tokenFor(namespace), withPublicURL("https://scim.example.com/acme/scim/v2"))
		c := scimClient{base: startReplica(ctx, namespace).url + "/scim", token: tokenFor(namespace)}
		created := c.do(ctx, http.MethodPost, "/Users", user("babs@example.com"))
		Expect(created.Header.Get("Location")).To(Equal("https://scim.example.com/acme/scim/v2/Users/" + created.id()))
		Expect(c.do(ctx, "GET", "/Schemas", nil).Raw).To(ContainSubstring(`"https://scim.example.com/acme/scim/v2/Schemas/`))
	})
})
