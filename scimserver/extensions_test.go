package scimserver_test

import (
	"encoding/json"
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

	It("have numbers that stay what they are", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		send := func(n string) string {
			return `{"userName":"n@example.com","` + badges + `":{"n":` + n + `},"` + fields + `":{"list":[` + n + `]}}`
		}
		Expect(c.do(ctx, "POST", "/Users", send("9223372036854775808"))).To(beError(400, "invalidValue"))
		created := c.do(ctx, "POST", "/Users", send("1"))
		Expect(created).To(haveStatus(201))
		path := "/Users/" + created.id()
		Expect(c.do(ctx, "PATCH", path, operations(map[string]any{"op": "add", "path": badges + ":n", "value": json.Number("1e19")}))).To(beError(400, "invalidValue"))
		for sent, kept := range map[string]string{
			"1.0": "1", "-0.0": "0", "1e3": "1000", "9223372036854775807": "9223372036854775807", "9007199254740993.0": "9007199254740993",
			"2.50": "2.5", "1e-7": "1e-7", "123456789012345.678": "123456789012345.67", "0.000001": "0.000001",
		} {
			replaced := c.do(ctx, "PUT", path, send(sent))
			Expect(replaced.Raw).To(And(ContainSubstring(`{"n":`+kept+`}`), ContainSubstring(`[`+kept+`]`)), sent)
			read := c.do(ctx, "GET", path, nil)
			Expect(read.Raw).To(Equal(replaced.Raw), "%s is answered as it is stored", sent)
			for _, again := range []string{send(sent), read.Raw} {
				Expect(c.do(ctx, "PUT", path, again).Header.Get("ETag")).To(Equal(read.Header.Get("ETag")), "%s again is no change", sent)
			}
			Expect(c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(badges+":n eq "+sent), nil).Body).To(HaveKeyWithValue("totalResults", 1.0), sent)
		}
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
