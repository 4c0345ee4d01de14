package scimserver_test

import (
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Addresses", func() {
	It("can be searched for, sorted by, and select members", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs, anna := c.create(ctx, "/Users", user("babs@example.com")), c.create(ctx, "/Users", user("anna@example.com"))
		nested := c.create(ctx, "/Groups", group("Nested"))
		guides := c.create(ctx, "/Groups", group("Guides", babs, nested))
		for _, test := range []struct {
			path, query string
			want        []string
		}{
			{"/Users", `meta.location eq "` + c.base + "/Users/" + babs + `"`, []string{babs}},
			{"/Users", `meta.location sw "` + c.base + `/Groups"`, []string{}},
			{"/Users", `groups.$ref eq "` + c.base + "/Groups/" + guides + `"`, []string{babs}},
			{"/Users", `groups[value eq "` + guides + `" and $ref ew "/Groups/` + guides + `"]`, []string{babs}},
			{"/Groups", `members.$ref eq "` + c.base + "/Users/" + babs + `"`, []string{guides}},
			{"/Groups", `members[value eq "` + babs + `" and $ref co "/Users/"]`, []string{guides}},
			{"/Groups", `members[value eq "` + babs + `" and $ref co "/Groups/"]`, []string{}},
			{"/", `meta.location ew "/Groups/` + nested + `"`, []string{nested}},
		} {
			Expect(c.do(ctx, "GET", test.path+"?filter="+url.QueryEscape(test.query), nil).ids()).To(Equal(test.want), test.query)
		}
		Expect(c.do(ctx, "GET", "/Users?sortBy=meta.location&sortOrder=descending", nil).ids()).To(Equal([]string{anna, babs}))
		Expect(c.do(ctx, "PATCH", "/Groups/"+guides, operations(map[string]any{
			"op": "remove", "path": `members[$ref eq "` + c.base + "/Users/" + babs + `"]`}))).To(haveStatus(200))
		Expect(c.do(ctx, "GET", "/Groups/"+guides, nil).members()).To(Equal([]string{nested}))
		Expect(c.do(ctx, "PATCH", "/Groups/"+guides, operations(map[string]any{
			"op": "remove", "path": "members", "value": []any{map[string]any{"$ref": c.base + "/Groups/" + nested}}}))).To(beError(400, "invalidValue"))
	})
})
