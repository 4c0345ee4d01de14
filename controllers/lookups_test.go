package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// setExpression replaces a named expression of a rule.
func setExpression(rule *v1alpha1.AutomationRule, name, value string) {
	for i := range rule.Spec.Expressions {
		if rule.Spec.Expressions[i].Name == name {
			rule.Spec.Expressions[i].Value = value
		}
	}
}

// setDefaultOrganization makes an endpoint name the Organization of last resort.
func (w *world) setDefaultOrganization(ctx SpecContext, endpoint *v1alpha1.ScimEndpoint, name string) {
	GinkgoHelper()
	update(ctx, w, endpoint, func(e *v1alpha1.ScimEndpoint) {
		e.Spec.DefaultOrganization = &v1alpha1.RecordReference{Name: name}
	})
}

var _ = Describe("What a rule computes and looks up", Label("race"), func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorldWithRules(ctx) })

	edit := func(ctx SpecContext, name string, change func(*v1alpha1.AutomationRule)) {
		GinkgoHelper()
		update(ctx, w, get(ctx, w, &v1alpha1.AutomationRule{}, name), change)
	}

	It("reaches a user that is Ready when the Organization appears, is disabled and is renamed", func(ctx SpecContext) {
		edit(ctx, "default-user-mapping", func(r *v1alpha1.AutomationRule) {
			setExpression(r, "organization", `find.organization("ACME " + user.title).orValue("")`)
			setValue(r, "organization", "organization")
		})
		w.start(ctx)
		user := newUser("jane@example.com", "Jane Roe")
		user.Spec.Title = "Sales"
		w.createReady(ctx, user)
		acme := newOrganization("acme-sales", "ACME sales")
		Expect(w.Create(ctx, acme)).To(Succeed())
		person := eventually(ctx, w, w.personOf(ctx, user), organizationName("acme-sales"))
		update(ctx, w, acme, func(o *v1alpha1.Organization) { o.Spec.Disabled = true })
		eventually(ctx, w, person, organizationName(""))
		update(ctx, w, acme, func(o *v1alpha1.Organization) { o.Spec.Disabled = false })
		eventually(ctx, w, person, organizationName("acme-sales"))
		update(ctx, w, acme, func(o *v1alpha1.Organization) { o.Spec.Name = "Other" })
		eventually(ctx, w, person, organizationName(""))
	})

	It("reaches a group that waits for its Organization", func(ctx SpecContext) {
		edit(ctx, "default-organization-mapping", func(r *v1alpha1.AutomationRule) {
			r.Spec.Update.Match = map[string]v1alpha1.MatchExpression{"name": `"ACME " + group.displayName`}
			r.Spec.Update.Set[0].Value = `"ACME " + group.displayName`
		})
		w.start(ctx)
		group := newGroup("Sales")
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isFalse(v1alpha1.ReasonOrganizationNotFound))
		Expect(w.Create(ctx, newOrganization("acme", "ACME SALES"))).To(Succeed())
		eventually(ctx, w, group, isReady())
		eventually(ctx, w, newOrganization("acme", ""), WithTransform(func(o *v1alpha1.Organization) string { return o.Spec.Name }, Equal("ACME Sales")))
	})

	It("reaches a group whose manager appears", func(ctx SpecContext) {
		edit(ctx, "default-organization-mapping", func(r *v1alpha1.AutomationRule) {
			r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{
				Field: "manager", Value: `find.personOf("head-of-" + group.externalId).optMap(m, m.name)`,
			})
		})
		Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
		w.start(ctx)
		group := newGroup("Sales")
		group.Spec.ExternalID = "1"
		Expect(w.Create(ctx, group)).To(Succeed())
		eventually(ctx, w, group, isReady())
		boss := w.createReady(ctx, newUser("boss@example.com", "The Boss", func(u *v1alpha1.ScimUser) { u.Spec.ExternalID = "head-of-1" }))
		eventually(ctx, w, newOrganization("sales", ""), WithTransform(func(o *v1alpha1.Organization) string { return recordName(o.Spec.Manager) },
			Equal(w.personOf(ctx, boss).Name)))
	})

	It("reaches a user that waits for an e-mail address, whatever becomes of its holder", func(ctx SpecContext) {
		edit(ctx, "default-user-mapping", func(r *v1alpha1.AutomationRule) { setExpression(r, "email", `"shared@example.com"`) })
		w.start(ctx)
		first := w.createReady(ctx, newUser("one", "Jane Roe"))
		person := w.personOf(ctx, first)
		second := newUser("two", "John Roe")
		Expect(w.Create(ctx, second)).To(Succeed())
		eventually(ctx, w, second, isFalse(v1alpha1.ReasonPrimaryEmailTaken))
		update(ctx, w, first, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		eventually(ctx, w, second, isReady())
		eventually(ctx, w, person, sourceID(second.Name))
		eventually(ctx, w, first, ready(metav1.ConditionTrue, v1alpha1.ReasonPersonTakenOver))
		Expect(w.Delete(ctx, second)).To(Succeed())
		update(ctx, w, first, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		eventually(ctx, w, first, isReady())
		eventually(ctx, w, person, sourceID(first.Name))
	})

	It("is the Organization of last resort, which becomes another one, is disabled and deleted", func(ctx SpecContext) {
		edit(ctx, "default-user-mapping", func(r *v1alpha1.AutomationRule) { setValue(r, "costCenter", "endpoint.defaultOrganization") })
		endpoint := newEndpoint("okta")
		Expect(w.Create(ctx, endpoint)).To(Succeed())
		main, other := newOrganization("main", "Main"), newOrganization("other", "Other")
		for _, object := range []client.Object{main, other} {
			Expect(w.Create(ctx, object)).To(Succeed())
		}
		w.start(ctx)
		user := w.createReady(ctx, newUser("jane@example.com", "Jane Roe"))
		costCenter := func(is string) {
			GinkgoHelper()
			eventually(ctx, w, w.personOf(ctx, user), personSpec(func(spec v1alpha1.PersonSpec) string { return spec.CostCenter }, Equal(is)))
		}
		w.setDefaultOrganization(ctx, endpoint, "main")
		costCenter("main")
		w.setDefaultOrganization(ctx, endpoint, "other")
		costCenter("other")
		update(ctx, w, other, func(o *v1alpha1.Organization) { o.Spec.Disabled = true })
		costCenter("")
		update(ctx, w, other, func(o *v1alpha1.Organization) { o.Spec.Disabled = false })
		costCenter("other")
		Expect(w.Delete(ctx, other)).To(Succeed())
		costCenter("")
	})
})
