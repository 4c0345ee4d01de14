package scimserver_test

import (
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// What becomes of extensions whose schema the server does not know, in a request's whole way to the store and back.
var _ = Describe("Extensions without a schema", func() {
	const (
		badges = "urn:example:params:scim:schemas:2.0:User"
		fields = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields"
	)
	for name, urn := range map[string]string{"of any name": badges, "of custom fields": fields} {
		It("are changed, projected, found and sorted like all others: "+name, func(ctx SpecContext) {
			c, _, _ := connect(ctx)
			body := user("babs@example.com")
			body[urn] = map[string]any{"tags": []any{"a", "b", "c"}, "color": "red", "level": 2,
				"cars": []any{map[string]any{"value": "c1", "type": "small"}, map[string]any{"value": "c2", "type": "large"}}}
			id := c.create(ctx, "/Users", body)
			other := user("anna@example.com")
			other[urn] = map[string]any{"level": 1}
			first := c.create(ctx, "/Users", other)
			path := "/Users/" + id
			extension := func(a answer) any {
				Expect(a).To(haveStatus(200))
				return a.Body[urn]
			}
			patch := func(ops ...map[string]any) any { return extension(c.do(ctx, "PATCH", path, operations(ops...))) }

			By("removing no more than what is named")
			Expect(patch(op("remove", urn+":tags", []any{"b", "none"}))).To(HaveKeyWithValue("tags", []any{"a", "c"}))
			Expect(patch(op("remove", urn, map[string]any{"color": "red"}))).To(And(Not(HaveKey("color")), HaveKey("tags"), HaveKey("cars")))
			Expect(patch(op("replace", urn+`:cars[value eq "C1"].type`, "tiny"))).To(HaveKeyWithValue("cars",
				[]any{map[string]any{"value": "c1", "type": "tiny"}, map[string]any{"value": "c2", "type": "large"}}))
			Expect(patch(op("remove", urn+`:cars[type eq "large"]`, nil))).To(HaveKeyWithValue("cars", []any{map[string]any{"value": "c1", "type": "tiny"}}))
			unchanged := c.do(ctx, "GET", path, nil)
			Expect(c.do(ctx, "PATCH", path, operations(op("remove", urn+":tags", []any{"none"}))).Header.Get("ETag")).To(Equal(unchanged.Header.Get("ETag")))

			By("leaving out what is not asked for")
			Expect(extension(c.do(ctx, "GET", path+"?attributes="+urn+":TAGS", nil))).To(Equal(map[string]any{"tags": []any{"a", "c"}}))
			Expect(extension(c.do(ctx, "GET", path+"?attributes="+urn+":cars.value", nil))).To(Equal(map[string]any{"cars": []any{map[string]any{"value": "c1"}}}))
			Expect(extension(c.do(ctx, "GET", path+"?excludedAttributes="+urn+":tags,"+urn+":cars.type", nil))).
				To(Equal(map[string]any{"level": 2.0, "cars": []any{map[string]any{"value": "c1"}}}))
			Expect(extension(c.do(ctx, "GET", path+"?attributes=userName", nil))).To(BeNil())

			By("finding and sorting by what is in them")
			for filter, ids := range map[string][]string{
				urn + `:tags eq "A"`: {id}, urn + `:cars[value eq "c1" and type eq "tiny"]`: {id}, urn + `:level lt 2`: {first}, urn + `:color pr`: {},
			} {
				Expect(c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(filter), nil).ids()).To(Equal(ids), filter)
			}
			Expect(c.do(ctx, "GET", "/Users?sortBy="+urn+":level", nil).ids()).To(Equal([]string{first, id}))
		})
	}

	It("lose only what is named where the schema is known", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		body := user("babs@example.com")
		body[enterprise] = map[string]any{"department": "Tours", "manager": map[string]any{"value": "m1"}}
		id := c.create(ctx, "/Users", body)
		Expect(c.do(ctx, "PATCH", "/Users/"+id, operations(op("remove", enterprise, map[string]any{"department": "Tours"}))).Body).
			To(HaveKeyWithValue(enterprise, Equal(map[string]any{"manager": map[string]any{"value": "m1"}})))
	})

	It("are kept for groups as well, whatever their URN means for users", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		for _, urn := range []string{badges, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"} {
			body := group("Guides of " + urn)
			body[urn] = map[string]any{"department": "Tours"}
			created := c.do(ctx, "POST", "/Groups", body)
			Expect(created.Body).To(HaveKeyWithValue(urn, map[string]any{"department": "Tours"}))
			Expect(created.Body["schemas"]).To(ContainElement(urn))
		}
	})
})
