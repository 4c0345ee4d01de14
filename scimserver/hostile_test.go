package scimserver_test

import (
	"fmt"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const secretPassword = "t0p-Secret-Passw0rd"

var _ = It("answers hostile input with SCIM errors, stores nothing and logs no secrets", func(ctx SpecContext) {
	c, r, namespace := connect(ctx)
	stranger := scimClient{base: c.base, token: "stolen-" + c.token}
	anonymous := scimClient{base: c.base}
	good := fmt.Sprintf(`{"userName":"babs@example.com","password":%q}`, secretPassword)
	deepJSON := `{"userName":"babs@example.com","urn:example:x":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + "}"
	deepFilter := url.QueryEscape(strings.Repeat("(", 1000) + `userName eq "x"` + strings.Repeat(")", 1000))
	longFilter := url.QueryEscape(`userName eq "` + strings.Repeat("x", 10_000) + `"`)

	for _, test := range []struct {
		name         string
		client       scimClient
		method, path string
		body         any
		header       []string
		wantStatus   int
		wantScimType string
	}{
		{"broken JSON", c, "POST", "/Users", good[:len(good)-1], nil, 400, "invalidSyntax"},
		{"no JSON", c, "POST", "/Users", "userName=babs", nil, 400, "invalidSyntax"},
		{"an array", c, "POST", "/Users", "[" + good + "]", nil, 400, "invalidSyntax"},
		{"two objects", c, "POST", "/Users", good + good, nil, 400, "invalidSyntax"},
		{"an empty body", c, "POST", "/Users", "", nil, 400, "invalidSyntax"},
		{"an attribute twice", c, "POST", "/Users", `{"userName":"a","USERNAME":"b"}`, nil, 400, "invalidSyntax"},
		{"no userName", c, "POST", "/Users", `{"active":true}`, nil, 400, "invalidValue"},
		{"a wrong type", c, "POST", "/Users", `{"userName":{"x":1}}`, nil, 400, "invalidValue"},
		{"a text that is too long", c, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 2000) + `"}`, nil, 400, "invalidValue"},
		{"two megabytes", c, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, ""},
		{"deep JSON", c, "POST", "/Users", deepJSON, nil, 400, "invalidSyntax"},
		{"deep JSON for a group", c, "POST", "/Groups", deepJSON, nil, 400, "invalidSyntax"},
		{"invalid UTF-8", c, "POST", "/Users", "{\"userName\":\"\xff\"}", nil, 400, "invalidSyntax"},
		{"NUL", c, "POST", "/Users", `{"userName":"a\u0000"}`, nil, 400, "invalidValue"},
		{"half of a surrogate pair", c, "POST", "/Users", `{"userName":"\ud800"}`, nil, 400, "invalidValue"},
		{"half of a surrogate pair in a PATCH", c, "PATCH", "/Users/" + noID, `{"Operations":[{"op":"add","path":"title","value":"\ud800"}]}`, nil, 400, "invalidValue"},
		{"NUL in a bulk request", c, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","data":{"userName":"\u0000"}}]}`, nil, 400, "invalidValue"},
		{"a line end in a name", c, "POST", "/Users", `{"userName":"a\nb"}`, nil, 400, "invalidValue"},
		{"an override of direction in the name of a group", c, "POST", "/Groups", `{"displayName":"\u202ea"}`, nil, 400, "invalidValue"},
		{"half of a surrogate pair in a filter", c, "GET", "/Users?filter=" + url.QueryEscape(`userName eq "\ud800"`), nil, nil, 400, "invalidFilter"},
		{"NUL in a search", c, "POST", "/Users/.search", `{"filter":"userName eq \"\\u0000\""}`, nil, 400, "invalidFilter"},
		{"a filter that is not UTF-8", c, "GET", "/Users?filter=userName+eq+%22%ff%22", nil, nil, 400, "invalidFilter"},
		{"a query that is not UTF-8", c, "GET", "/Users?sortBy=urn:x:%ff", nil, nil, 400, "invalidValue"},
		{"a deep filter", c, "GET", "/Users?filter=" + deepFilter, nil, nil, 400, "invalidFilter"},
		{"a long filter", c, "GET", "/Users?filter=" + longFilter, nil, nil, 400, "invalidFilter"},
		{"a deep filter in a path", c, "PATCH", "/Users/" + noID, operations(map[string]any{
			"op": "remove", "path": "emails[" + strings.Repeat("(", 1000) + `type eq "x"` + strings.Repeat(")", 1000) + "]"}), nil, 404, ""},
		{"too many operations", c, "PATCH", "/Users/" + noID,
			`{"Operations":[` + strings.Repeat(`{"op":"remove","path":"title"},`, 1000) + `{"op":"remove","path":"title"}]}`, nil, 413, ""},
		{"an unknown resource", c, "GET", "/Devices", nil, nil, 404, ""},
		{"an id that leaves the folder", c, "GET", "/Users/..%2f..%2fapi", nil, nil, 404, ""},
		{"an id with a line break", c, "DELETE", "/Users/a%0Ab", nil, nil, 404, ""},
		{"a wrong method", c, "PUT", "/Users", good, nil, 405, ""},
		{"a wrong content type", c, "POST", "/Users", good, []string{"Content-Type", "text/plain"}, 415, ""},
		{"a wrong Accept", c, "POST", "/Users", good, []string{"Accept", "text/html"}, 406, ""},
		{"a wrong token", stranger, "POST", "/Users", good, nil, 401, ""},
		{"a wrong token with a body that is too large", stranger, "POST", "/Users", strings.Repeat("x", 500_000), nil, 401, ""},
		{"no token", anonymous, "POST", "/Users", good, nil, 401, ""},
		{"no token for discovery", anonymous, "GET", "/Schemas", nil, nil, 401, ""},
		{"bulk that is broken", c, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":` + good + `}`, nil, 400, "invalidSyntax"},
		{"bulk that is too large", c, "POST", "/Bulk", `{"Operations":[]` + strings.Repeat(" ", 4<<20) + "}", nil, 413, ""},
		{"bulk of too many operations", c, "POST", "/Bulk",
			`{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":` + good + `}` + strings.Repeat(`,{"method":"DELETE","path":"/Users/x"}`, 1000) + `]}`, nil, 413, ""},
		{"bulk of a stranger", stranger, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":` + good + `}]}`, nil, 401, ""},
	} {
		a := test.client.do(ctx, test.method, test.path, test.body, test.header...)
		Expect(a).To(beError(test.wantStatus, test.wantScimType), test.name)
		Expect(a.Raw).NotTo(Or(ContainSubstring(secretPassword), ContainSubstring(c.token)), test.name)
	}

	for _, list := range []client.ObjectList{
		&v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{}, &coordinationv1.LeaseList{},
	} {
		Expect(direct.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list).To(HaveField("Items", BeEmpty()))
	}

	By("storing and logging neither password nor token of a good request")
	created := c.do(ctx, "POST", "/Users", good)
	Expect(created).To(haveStatus(201))
	Expect(created.Raw).NotTo(ContainSubstring(secretPassword))
	users := &v1alpha1.ScimUserList{}
	Expect(direct.List(ctx, users, client.InNamespace(namespace))).To(Succeed())
	Expect(users.Items).To(HaveLen(1))
	Expect(fmt.Sprintf("%+v", users.Items[0])).NotTo(Or(ContainSubstring(secretPassword), ContainSubstring(c.token)))
	Expect(r.logs.lines("Request")).NotTo(BeEmpty())
	Expect(r.logs.String()).NotTo(Or(ContainSubstring(secretPassword), ContainSubstring(c.token), ContainSubstring("babs")))
})
