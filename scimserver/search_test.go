package scimserver_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// searchOf is the body of a POST to /.search.
func searchOf(members map[string]any) map[string]any {
	members["schemas"] = []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}
	return members
}

var _ = Describe("Searches", func() {
	It("are answered like the same query by GET, for every type and for all", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs, anna := c.create(ctx, "/Users", user("babs@example.com")), c.create(ctx, "/Users", user("anna@example.com"))
		guides := c.create(ctx, "/Groups", group("Guides", babs))
		for _, test := range []struct {
			name, path string
			members    map[string]any
			want       []string
		}{
			{"everything of one type", "/Users", map[string]any{}, []string{babs, anna}},
			{"a filter", "/Users", map[string]any{"filter": `userName eq "ANNA@example.com"`}, []string{anna}},
			{"an order", "/Users", map[string]any{"sortBy": "userName"}, []string{anna, babs}},
			{"an order of an extension", "/Users", map[string]any{
				"sortBy": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}, []string{babs, anna}},
			{"the other order", "/Users", map[string]any{"sortBy": "emails.value", "sortOrder": "descending"}, []string{babs, anna}},
			{"a page", "/Users", map[string]any{"sortBy": "userName", "startIndex": 2, "count": 1}, []string{babs}},
			{"attributes", "/Users", map[string]any{"attributes": "userName", "filter": `userName sw "a"`}, []string{anna}},
			{"groups with members", "/Groups", map[string]any{}, []string{guides}},
			{"groups without members", "/Groups", map[string]any{"excludedAttributes": "members", "filter": `members.value eq "` + babs + `"`}, []string{guides}},
			{"all types", "", map[string]any{}, []string{babs, anna, guides}},
			{"all types in an order", "", map[string]any{"sortBy": "id", "sortOrder": "descending"}, []string{guides, anna, babs}},
			{"all types by name", "", map[string]any{"filter": `userName co "anna" or displayName eq "guides"`, "sortBy": "id"}, []string{anna, guides}},
			{"one type of all", "", map[string]any{"filter": `meta.resourceType eq "Group"`, "attributes": "displayName"}, []string{guides}},
		} {
			query := url.Values{}
			for name, value := range test.members {
				query.Set(name, fmt.Sprint(value))
			}
			got := c.do(ctx, "GET", test.path+"?"+query.Encode(), nil)
			Expect(got).To(haveStatus(200), test.name)
			Expect(got.ids()).To(Equal(test.want), test.name)
			posted := c.do(ctx, "POST", test.path+"/.search", searchOf(test.members))
			Expect(posted).To(haveStatus(200), test.name)
			Expect(posted.Body).To(Equal(got.Body), test.name)
		}
		Expect(c.do(ctx, "GET", "/?filter="+url.QueryEscape(`members pr`), nil).Raw).To(ContainSubstring(c.base + "/Users/" + babs))
	})

	It("are refused with the reason", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		for _, test := range []struct {
			name, path string
			members    map[string]any
			scimType   string
		}{
			{"a filter that is none", "/Users", map[string]any{"filter": "userName"}, "invalidFilter"},
			{"an attribute of no type", "", map[string]any{"filter": `shoeSize eq "42"`}, "invalidFilter"},
			{"an attribute of another type", "/Groups", map[string]any{"filter": `userName pr`}, "invalidFilter"},
			{"an order by nothing", "/Users", map[string]any{"sortBy": "shoeSize"}, "invalidValue"},
			{"an order of the password", "/Users", map[string]any{"sortBy": "password"}, "invalidValue"},
			{"a direction that is none", "/Users", map[string]any{"sortBy": "userName", "sortOrder": "sideways"}, "invalidValue"},
			{"a count that is none", "/Users", map[string]any{"count": "many"}, "invalidValue"},
			{"a count that is none, by cursor", "/Users", map[string]any{"cursor": "", "count": "many"}, "invalidCount"},
			{"a made-up cursor", "/Users", map[string]any{"cursor": "0-0.AAAA"}, "invalidCursor"},
			{"a cursor with an index", "/Users", map[string]any{"cursor": "", "startIndex": 5}, "invalidValue"},
		} {
			query := url.Values{}
			for name, value := range test.members {
				query.Set(name, fmt.Sprint(value))
			}
			Expect(c.do(ctx, "GET", test.path+"?"+query.Encode(), nil)).To(beError(400, test.scimType), test.name)
			Expect(c.do(ctx, "POST", test.path+"/.search", searchOf(test.members))).To(beError(400, test.scimType), test.name)
		}
	})
})

// walk follows the cursors from the first page to the last, and returns the ids on each page.
func walk(ctx context.Context, clients []scimClient, query string) [][]string {
	GinkgoHelper()
	var pages [][]string
	cursor := ""
	for turn := 0; ; turn++ {
		page := clients[turn%len(clients)].do(ctx, "GET", query+"&cursor="+cursor, nil)
		Expect(page).To(haveStatus(200), page.Raw)
		Expect(page.Body).NotTo(HaveKey("startIndex"))
		Expect(page.Body).To(HaveKeyWithValue("itemsPerPage", float64(len(page.ids()))))
		if turn == 0 {
			Expect(page.Body).NotTo(HaveKey("previousCursor"))
		}
		pages = append(pages, page.ids())
		next, more := page.Body["nextCursor"].(string)
		if !more {
			return pages
		}
		Expect(next).To(MatchRegexp(`^[A-Za-z0-9._~-]+$`))
		cursor = next
	}
}

var _ = Describe("Cursors", func() {
	It("lead through all pages and back, by GET and by search", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		var users []string
		for i := range 5 {
			users = append(users, c.create(ctx, "/Users", user(fmt.Sprintf("user-%d@example.com", i))))
		}
		Expect(walk(ctx, []scimClient{c}, "/Users?count=2")).To(Equal([][]string{users[:2], users[2:4], users[4:]}))
		Expect(walk(ctx, []scimClient{c}, "/?count=4&sortBy=userName&sortOrder=descending")).
			To(Equal([][]string{{users[4], users[3], users[2], users[1]}, {users[0]}}))
		Expect(walk(ctx, []scimClient{c}, "/Users?count=100")).To(Equal([][]string{users}))

		first := c.do(ctx, "POST", "/Users/.search", searchOf(map[string]any{"count": 2, "cursor": ""}))
		second := c.do(ctx, "POST", "/Users/.search", searchOf(map[string]any{"count": 2, "cursor": first.Body["nextCursor"]}))
		Expect(second.ids()).To(Equal(users[2:4]))
		Expect(second.Body).To(HaveKeyWithValue("totalResults", 5.0))
		back := c.do(ctx, "POST", "/Users/.search", searchOf(map[string]any{"count": 2, "cursor": second.Body["previousCursor"]}))
		Expect(back.ids()).To(Equal(users[:2]))
		Expect(back.Body).NotTo(HaveKey("previousCursor"))

		By("telling only the total when nothing else is wanted")
		Expect(c.do(ctx, "GET", "/Users?count=0&cursor=", nil).Body).To(And(
			HaveKeyWithValue("totalResults", 5.0), Not(HaveKey("nextCursor")), HaveKeyWithValue("Resources", BeEmpty())))
	})

	It("are good for the query, the page size and the client that they were made for", func(ctx SpecContext) {
		c, r, namespace := connect(ctx)
		for i := range 3 {
			c.create(ctx, "/Users", user(fmt.Sprintf("user-%d@example.com", i)))
		}
		newEndpoint(ctx, namespace, "entra", tokenFor(namespace)+"-entra")
		other := scimClient{base: c.base, token: tokenFor(namespace) + "-entra"}
		Eventually(func() int { return other.do(ctx, "GET", "/Users", nil).Status }).Should(Equal(200))
		cursor := fmt.Sprint(c.do(ctx, "GET", "/Users?count=1&cursor", nil).Body["nextCursor"])
		seen, token, _ := strings.Cut(cursor, ".")
		tampered := seen + "." + string(token[0]^1) + token[1:]
		for _, test := range []struct {
			name, query, scimType string
			client                scimClient
		}{
			{"another filter", "/Users?count=1&filter=id+pr&cursor=" + cursor, "invalidCursor", c},
			{"another order", "/Users?count=1&sortBy=id&cursor=" + cursor, "invalidCursor", c},
			{"another type", "/Groups?count=1&cursor=" + cursor, "invalidCursor", c},
			{"all types", "/?count=1&cursor=" + cursor, "invalidCursor", c},
			{"another page size", "/Users?count=2&cursor=" + cursor, "invalidCount", c},
			{"another client", "/Users?count=1&cursor=" + cursor, "invalidCursor", other},
			{"a changed place", "/Users?count=1&cursor=" + tampered, "invalidCursor", c},
			{"a changed revision", "/Users?count=1&cursor=zzzzzzz-1." + token, "invalidCursor", c},
			{"no revision", "/Users?count=1&cursor=" + token, "invalidCursor", c},
		} {
			Expect(test.client.do(ctx, "GET", test.query, nil)).To(beError(400, test.scimType), test.name)
		}
		Expect(c.do(ctx, "GET", "/Users?count=1&cursor="+cursor, nil).ids()).To(HaveLen(1))
		Expect(cursor).NotTo(ContainSubstring("user"))
		Expect(r.logs.String()).NotTo(ContainSubstring(token))
	})

	It("stay good when the token is rotated", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		for i := range 3 {
			c.create(ctx, "/Users", user(fmt.Sprintf("user-%d@example.com", i)))
		}
		query := "/Users?count=1&cursor="
		cursor := fmt.Sprint(c.do(ctx, "GET", query, nil).Body["nextCursor"])
		rotated := scimClient{base: c.base, token: c.token + "-2"}
		secret := &corev1.Secret{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "okta-token"}, secret)).To(Succeed())
		secret.Data[v1alpha1.SecretKeyToken] = []byte(rotated.token)
		previous(c.token, time.Now().Add(time.Hour).Format(time.RFC3339))(nil, secret)
		Expect(direct.Update(ctx, secret)).To(Succeed())
		Eventually(func() int { return rotated.do(ctx, "GET", "/Users", nil).Status }).Should(Equal(200))

		second := rotated.do(ctx, "GET", query+cursor, nil)
		Expect(second).To(haveStatus(200))
		By("letting the old token go on with cursors of the new one")
		Expect(c.do(ctx, "GET", query+fmt.Sprint(second.Body["nextCursor"]), nil)).To(haveStatus(200))
	})

	It("give every user that stays exactly once, while others come and go through two replicas", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		other := startReplica(ctx, namespace)
		replicas := []scimClient{c, {base: other.url + "/scim/v2", token: c.token}}
		var staying, leaving []string
		for i := range 40 {
			id := replicas[i%2].create(ctx, "/Users", user(fmt.Sprintf("user-%02d@example.com", (i*7)%40)))
			if i%2 == 0 {
				staying = append(staying, id)
			} else {
				leaving = append(leaving, id)
			}
		}
		for _, replica := range replicas {
			Eventually(func() any { return replica.do(ctx, "GET", "/Users?count=0", nil).Body["totalResults"] }).Should(Equal(40.0))
		}
		walking, stop := context.WithCancel(ctx)
		var writers sync.WaitGroup
		written := make(chan error, 1)
		writers.Go(func() { written <- comeAndGo(walking, replicas, leaving, staying) })
		for _, query := range []string{"/Users?count=3", "/Users?count=3&sortBy=userName", "/Users?count=3&filter=userName+sw+%22user%22"} {
			for range 4 {
				got := slices.Concat(walk(ctx, replicas, query)...)
				for _, id := range staying {
					Expect(got).To(ContainElement(id), query)
				}
				slices.Sort(got)
				Expect(slices.Compact(slices.Clone(got))).To(Equal(got), "twice: "+query)
			}
		}
		stop()
		writers.Wait()
		Expect(<-written).NotTo(HaveOccurred())
	})
})

// comeAndGo creates, changes and deletes users until the context ends.
func comeAndGo(ctx context.Context, replicas []scimClient, leaving, staying []string) error {
	for i := 0; ctx.Err() == nil; i++ {
		steps := []struct {
			method, path string
			body         any
		}{
			{"POST", "/Users", user(fmt.Sprintf("new-%d@example.com", i))},
			{"PATCH", "/Users/" + staying[i%len(staying)], operations(map[string]any{"op": "replace", "path": "title", "value": fmt.Sprint(i)})},
		}
		if i < len(leaving) {
			steps = append(steps, struct {
				method, path string
				body         any
			}{"DELETE", "/Users/" + leaving[i], nil})
		}
		for j, step := range steps {
			// A request that is begun is finished, so that the end of the test is no error.
			a, err := replicas[(i+j)%2].try(context.WithoutCancel(ctx), step.method, step.path, step.body)
			if err != nil || a.Status >= 300 {
				return fmt.Errorf("%s: %d %s: %w", step.method, a.Status, a.Raw, err)
			}
		}
	}
	return nil
}
