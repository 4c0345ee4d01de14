package scimserver_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// bulk is the body of a bulk request.
func bulk(failOnErrors int, operations ...map[string]any) map[string]any {
	body := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": operations}
	if failOnErrors > 0 {
		body["failOnErrors"] = failOnErrors
	}
	return body
}

func operation(method, path, bulkID string, data map[string]any) map[string]any {
	o := map[string]any{"method": method, "path": path}
	if bulkID != "" {
		o["bulkId"] = bulkID
	}
	if data != nil {
		o["data"] = data
	}
	return o
}

// outcomes are the operations of an answer.
func (a answer) outcomes() []map[string]any {
	GinkgoHelper()
	Expect(a).To(haveStatus(200), a.Raw)
	Expect(a.Body).To(HaveKeyWithValue("schemas", []any{"urn:ietf:params:scim:api:messages:2.0:BulkResponse"}))
	var out []map[string]any
	operations, _ := a.Body["Operations"].([]any)
	for _, o := range operations {
		object, _ := o.(map[string]any)
		out = append(out, object)
	}
	return out
}

// bulkStatuses are the statuses of the operations of an answer.
func (a answer) bulkStatuses() []string {
	GinkgoHelper()
	var out []string
	for _, o := range a.outcomes() {
		out = append(out, fmt.Sprint(o["status"]))
	}
	return out
}

var _ = Describe("Bulk requests", func() {
	It("create, change and delete, and refer to what they create", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		old := c.create(ctx, "/Users", user("old@example.com"))
		known := c.do(ctx, "POST", "/Users", user("known@example.com"))
		patch := operation("PATCH", "/Users/"+known.id(), "", operations(map[string]any{"op": "replace", "path": "active", "value": false}))
		patch["version"] = known.Header.Get("ETag")
		done := c.do(ctx, "POST", "/Bulk", bulk(0,
			operation("POST", "/Groups", "guides", group("Guides", "bulkId:babs")),
			operation("POST", "/Users", "babs", user("babs@example.com")),
			patch,
			operation("PUT", "/Users/"+known.id(), "", user("renamed@example.com")),
			operation("DELETE", "/Users/"+old, "", nil),
		), "X-Request-ID", "bulk-1")
		outcomes := done.outcomes()
		Expect(done.bulkStatuses()).To(Equal([]string{"201", "201", "200", "200", "204"}))
		location, _ := outcomes[1]["location"].(string)
		babs := strings.TrimPrefix(location, c.base+"/Users/")
		Expect(outcomes[1]).To(And(HaveKeyWithValue("bulkId", "babs"), HaveKeyWithValue("method", "POST"),
			HaveKeyWithValue("version", `W/"1"`), Not(HaveKey("response"))))
		Expect(c.do(ctx, "GET", "/Users/"+babs, nil).Body).To(HaveKeyWithValue("userName", "babs@example.com"))
		guides := strings.TrimPrefix(fmt.Sprint(outcomes[0]["location"]), c.base)
		Expect(c.do(ctx, "GET", guides, nil).members()).To(Equal([]string{babs}))
		Expect(c.do(ctx, "GET", "/Users/"+known.id(), nil).Body).To(HaveKeyWithValue("userName", "renamed@example.com"))
		Expect(c.do(ctx, "GET", "/Users/"+old, nil)).To(beError(404, ""))

		By("auditing each operation, and noting the request on the objects")
		var trail []string
		for _, line := range r.logs.lines("Audit")[2:] {
			Expect(line).To(HaveKeyWithValue("requestID", "bulk-1"))
			trail = append(trail, fmt.Sprintf("%v %v %v", line["action"], line["resourceType"], line["status"]))
		}
		Expect(trail).To(ConsistOf("create User 201", "create Group 201", "patch User 200", "replace User 200", "delete User 204"))
		stored := &v1alpha1.ScimUser{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: babs}, stored)).To(Succeed())
		Expect(stored.Spec.RequestID).To(Equal("bulk-1"))
	})

	It("tell of each operation what the request alone would have been told", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs := c.create(ctx, "/Users", user("babs@example.com"))
		outdated := operation("DELETE", "/Users/"+babs, "", nil)
		outdated["version"] = `W/"7"`
		operations := []map[string]any{
			operation("POST", "/Users", "same", user("BABS@example.com")),
			outdated,
			operation("PATCH", "/Users/"+noID, "", operations(map[string]any{"op": "remove", "path": "title"})),
			operation("POST", "/Groups", "g", group("Guides", "bulkId:same")),
			operation("POST", "/Groups", "h", group("Guides", noID)),
			operation("GET", "/Users", "", nil),
			operation("DELETE", "/Users/"+babs, "", nil),
		}
		all := c.do(ctx, "POST", "/Bulk", bulk(0, operations...))
		Expect(all.bulkStatuses()).To(Equal([]string{"409", "412", "404", "400", "400", "400", "204"}))
		Expect(all.outcomes()[0]["response"]).To(And(HaveKeyWithValue("scimType", "uniqueness"), HaveKeyWithValue("status", "409")))
		Expect(c.do(ctx, "GET", "/Groups", nil).ids()).To(BeEmpty())

		By("stopping after as many errors as the client wants")
		again := c.create(ctx, "/Users", user("babs@example.com"))
		outdated["path"] = "/Users/" + again
		operations[6]["path"] = "/Users/" + again
		Expect(c.do(ctx, "POST", "/Bulk", bulk(2, operations...)).bulkStatuses()).To(Equal([]string{"409", "412"}))
		Expect(c.do(ctx, "GET", "/Users/"+again, nil)).To(haveStatus(200))
	})

	It("make resources that refer to each other", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		manager := func(name, of string) map[string]any {
			u := user(name)
			u["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = map[string]any{"manager": map[string]any{"value": "bulkId:" + of}}
			return u
		}
		done := c.do(ctx, "POST", "/Bulk", bulk(1,
			operation("POST", "/Users", "a", manager("a@example.com", "b")), operation("POST", "/Users", "b", manager("b@example.com", "a"))))
		Expect(done.bulkStatuses()).To(Equal([]string{"201", "201"}))
		ids := c.do(ctx, "GET", "/Users?sortBy=userName", nil).ids()
		Expect(ids).To(HaveLen(2))
		for i, id := range ids {
			Expect(c.do(ctx, "GET", "/Users/"+id, nil).Raw).To(ContainSubstring(`"manager":{"value":"`+ids[1-i]+`"`), "user %d", i)
		}

		By("making none of them if one cannot be made")
		failed := c.do(ctx, "POST", "/Bulk", bulk(0,
			operation("POST", "/Users", "c", manager("c@example.com", "d")), operation("POST", "/Users", "d", manager("a@example.com", "c"))))
		Expect(failed.bulkStatuses()).To(Equal([]string{"409", "409"}))
		Expect(c.do(ctx, "GET", "/Users", nil).ids()).To(ConsistOf(ids))
	})
})
