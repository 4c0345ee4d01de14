package scimserver_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Versions", func() {
	It("of a group move with every change of its membership, on every replica with the members", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		other := scimClient{base: startReplica(ctx, namespace).url + "/scim/v2", token: c.token}
		babs, anna := c.create(ctx, "/Users", user("babs@example.com")), c.create(ctx, "/Users", user("anna@example.com"))
		nested := c.create(ctx, "/Groups", group("Nested"))
		path := "/Groups/" + c.create(ctx, "/Groups", group("Guides"))
		version := c.do(ctx, "GET", path, nil).Header.Get("ETag")
		member := func(id string) map[string]any { return map[string]any{"value": id} }
		for _, step := range []struct {
			name, method, path string
			body               any
			want               []string
		}{
			{"a user joins", "PATCH", path, operations(map[string]any{"op": "add", "path": "members", "value": []any{member(babs)}}), []string{babs}},
			{"a group joins", "PATCH", path, operations(map[string]any{"op": "add", "path": "members", "value": []any{member(nested)}}), []string{babs, nested}},
			{"another user joins", "PUT", path, group("Guides", babs, nested, anna), []string{babs, nested, anna}},
			{"a user leaves", "PATCH", path, operations(map[string]any{"op": "remove", "path": `members[value eq "` + anna + `"]`}), []string{babs, nested}},
			{"a user is deleted", "DELETE", "/Users/" + babs, nil, []string{nested}},
			{"a group is deleted", "DELETE", "/Groups/" + nested, nil, []string{}},
		} {
			Expect(c.do(ctx, step.method, step.path, step.body).Status).To(BeElementOf(200, 204), step.name)
			read := c.do(ctx, "GET", path, nil, "If-None-Match", version)
			Expect(read).To(haveStatus(200), step.name)
			Expect(read.members()).To(ConsistOf(step.want), step.name)
			version = read.Header.Get("ETag")
			Expect(c.do(ctx, "GET", path, nil, "If-None-Match", version)).To(haveStatus(304), step.name)
			Eventually(func() answer { return other.do(ctx, "GET", path, nil) }).Should(
				And(haveStatus(200), WithTransform(func(a answer) string { return a.Header.Get("ETag") }, Equal(version))), step.name)
			Eventually(func() []string { return other.do(ctx, "GET", path, nil).members() }).Should(ConsistOf(step.want), step.name)
		}
	})

	It("of a user move with its own attributes; groups and what else is derived of others move nothing", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := "/Users/" + c.create(ctx, "/Users", user("babs@example.com"))
		version := func(path string) string { return c.do(ctx, "GET", path, nil).Header.Get("ETag") }
		before := version(babs)
		guides := "/Groups/" + c.create(ctx, "/Groups", group("Guides", babs[len("/Users/"):]))
		Expect(c.do(ctx, "GET", babs, nil, "If-None-Match", before).Raw).To(ContainSubstring("Guides"), "never 304 about other groups")
		Expect(version(babs)).To(Equal(before))

		By("renaming the group and the user, which the other one shows as display")
		Expect(c.do(ctx, "PATCH", guides, operations(map[string]any{"op": "replace", "path": "displayName", "value": "Tour Guides"}))).To(haveStatus(200))
		Expect(c.do(ctx, "GET", babs, nil).Raw).To(ContainSubstring("Tour Guides"))
		Expect(version(babs)).To(Equal(before))
		groupVersion := version(guides)
		Expect(c.do(ctx, "PATCH", babs, operations(map[string]any{"op": "replace", "path": "userName", "value": "barbara@example.com"}))).To(haveStatus(200))
		Expect(c.do(ctx, "GET", guides, nil).Raw).To(ContainSubstring("barbara@example.com"))
		Expect(version(guides)).To(Equal(groupVersion))
	})
})
