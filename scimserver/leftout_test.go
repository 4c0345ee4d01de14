package scimserver_test

import (
	"net/url"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// The table "What a request leaves out" of the README.
var _ = Describe("What a request leaves out", func() {
	without := func(body map[string]any, name string) map[string]any {
		delete(body, name)
		return body
	}
	toNull := func(path string) map[string]any { return map[string]any{"op": "replace", "path": path, "value": nil} }
	with := func(body map[string]any, name string, value any) map[string]any {
		body[name] = value
		return body
	}

	It("is a user's active: stored as true by POST, kept by everything else", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		stored := func(id string) *bool {
			u := &v1alpha1.ScimUser{}
			Expect(direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, u)).To(Succeed())
			return u.Spec.Active
		}
		for name, body := range map[string]map[string]any{
			"null@example.com": with(user("null@example.com"), "active", nil), "silent@example.com": without(user("silent@example.com"), "active"),
		} {
			created := c.do(ctx, "POST", "/Users", body)
			Expect(created.Body).To(HaveKeyWithValue("active", true), name)
			Expect(stored(created.id())).To(HaveValue(BeTrue()), name)
			silent := without(body, "active")
			path, again := "/Users/"+created.id(), func() answer { return c.do(ctx, "PUT", "/Users/"+created.id(), silent) }
			Expect(again().Header.Get("ETag")).To(Equal(`W/"1"`), "a PUT of what is there writes nothing")

			Expect(c.do(ctx, "PATCH", path, operations(op("replace", "active", false)))).To(haveStatus(200))
			for step, update := range map[string]func() answer{
				"a PUT without it":        again,
				"a PUT of null":           func() answer { return c.do(ctx, "PUT", path, with(user(name), "active", nil)) },
				"a PATCH that removes it": func() answer { return c.do(ctx, "PATCH", path, operations(op("remove", "active", nil))) },
				"a PATCH to null":         func() answer { return c.do(ctx, "PATCH", path, operations(toNull("active"))) },
				"null within a PATCH": func() answer {
					return c.do(ctx, "PATCH", path, operations(op("replace", "", map[string]any{"active": nil})))
				},
				"a bulk PUT without it": func() answer {
					Expect(c.do(ctx, "POST", "/Bulk", bulk(1, operation("PUT", path, "", silent))).bulkStatuses()).To(Equal([]string{"200"}))
					return c.do(ctx, "GET", path, nil)
				},
			} {
				got := update()
				Expect(got).To(haveStatus(200), step)
				Expect(got.Body).To(HaveKeyWithValue("active", false), step)
				Expect(got.Header.Get("ETag")).To(Equal(`W/"2"`), "%s writes nothing", step)
				Expect(stored(created.id())).To(HaveValue(BeFalse()), step)
			}
			changed := c.do(ctx, "PUT", path, with(silent, "title", "Guide"))
			Expect(changed.Body).To(And(HaveKeyWithValue("active", false), HaveKeyWithValue("title", "Guide")))
			Expect(c.do(ctx, "PUT", path, user(name)).Body).To(HaveKeyWithValue("active", true))
		}
	})

	It("makes no third kind of user, for filters, order and kubectl", func(ctx SpecContext) {
		c, _, namespace := connect(ctx)
		silent := c.create(ctx, "/Users", without(user("silent@example.com"), "active"))
		active := c.create(ctx, "/Users", user("active@example.com"))
		leaver := c.create(ctx, "/Users", with(user("leaver@example.com"), "active", false))
		restored := uuid.Must(uuid.NewV7()).String()
		Expect(direct.Create(ctx, &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: restored},
			Spec:       v1alpha1.ScimUserSpec{UserName: "restored@example.com", LastModified: v1alpha1.NewTimestamp(time.Now())},
		})).To(Succeed())
		Eventually(func() any { return c.do(ctx, "GET", "/Users", nil).Body["totalResults"] }).Should(Equal(4.0))

		found := func(query string) []string { return c.do(ctx, "GET", "/Users?"+query, nil).ids() }
		for filter, ids := range map[string][]string{
			"active eq true": {silent, active, restored}, "active ne true": {leaver}, "active ne false": {silent, active, restored}, "active eq false": {leaver},
			"active pr": {silent, active, leaver, restored}, "not (active pr)": {}, "active eq null": {},
			"not (active eq false)": {silent, active, restored}, "not (active eq true)": {leaver},
		} {
			Expect(found("filter="+url.QueryEscape(filter))).To(Equal(ids), filter)
		}
		Expect(found("sortBy=active")).To(Equal([]string{leaver, silent, active, restored}))
		Expect(found("sortBy=active&sortOrder=descending")).To(Equal([]string{silent, active, restored, leaver}))

		for selector, ids := range map[string][]string{"true": {silent, active, restored}, "false": {leaver}} {
			var list v1alpha1.ScimUserList
			Expect(direct.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{"spec.active": selector})).To(Succeed())
			var names []string
			for i := range list.Items {
				names = append(names, list.Items[i].Name)
			}
			Expect(names).To(ConsistOf(ids), selector)
		}
	})

	It("is a group's members: kept by PUT, emptied by an empty list and by PATCH", func(ctx SpecContext) {
		c, _, _ := connect(ctx)
		babs, anna := c.create(ctx, "/Users", user("babs@example.com")), c.create(ctx, "/Users", user("anna@example.com"))
		id := c.create(ctx, "/Groups", group("Guides", babs, anna))
		path := "/Groups/" + id
		for name, body := range map[string]map[string]any{
			"left out": without(group("Tour Guides"), "members"), "null": with(group("City Guides"), "members", nil),
		} {
			renamed := c.do(ctx, "PUT", path, body)
			Expect(renamed).To(haveStatus(200), name)
			Expect(renamed.Body).To(HaveKeyWithValue("displayName", body["displayName"]), name)
			Expect(renamed.members()).To(ConsistOf(babs, anna), name)
			Expect(c.do(ctx, "PUT", path, body).Header.Get("ETag")).To(Equal(renamed.Header.Get("ETag")), "%s: a PUT of what is there writes nothing", name)
			Expect(c.do(ctx, "POST", "/Bulk", bulk(1, operation("PUT", path, "", body))).bulkStatuses()).To(Equal([]string{"200"}))
			Expect(c.do(ctx, "GET", path, nil).members()).To(ConsistOf(babs, anna), name)
		}
		for name, empty := range map[string]func() answer{
			"PUT of an empty list":    func() answer { return c.do(ctx, "PUT", path, group("Guides")) },
			"PATCH that removes them": func() answer { return c.do(ctx, "PATCH", path, operations(op("remove", "members", nil))) },
			"PATCH to an empty list":  func() answer { return c.do(ctx, "PATCH", path, operations(op("replace", "members", []any{}))) },
			"PATCH to null":           func() answer { return c.do(ctx, "PATCH", path, operations(toNull("members"))) },
			"PATCH without path": func() answer {
				return c.do(ctx, "PATCH", path, operations(op("replace", "", map[string]any{"members": []any{}})))
			},
			"PATCH of null in a value": func() answer {
				return c.do(ctx, "PATCH", path, operations(op("replace", "", map[string]any{"members": nil})))
			},
			"PUT of an empty core list": func() answer {
				return c.do(ctx, "PUT", path, map[string]any{"displayName": "Guides", "MEMBERS": []any{}})
			},
		} {
			Expect(c.do(ctx, "PUT", path, group("Guides", babs, anna)).members()).To(ConsistOf(babs, anna))
			Expect(empty().Status).To(BeElementOf(200, 204), name)
			Expect(c.do(ctx, "GET", path, nil).members()).To(BeEmpty(), name)
		}
	})
})
