package controllers_test

import (
	"context"
	"slices"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// groupMapping is a row of the table: the group "Sales" that the client pushes, and
// what it is linked to.
type groupMapping struct {
	given []client.Object
	// then is the name that the client gives the group afterwards.
	then string
	// later is what happens afterwards to others.
	later func(ctx context.Context, w *world)
	// reason is that of the Ready condition, Ready if left out.
	reason string
	// organization and site are the record names of the links.
	organization, site string
	// names are the names of records afterwards, by record name.
	names map[string]string
}

func (m groupMapping) run(ctx SpecContext) {
	GinkgoHelper()
	w := newMappingWorld(ctx)
	w.createSettled(ctx, m.given)
	group := newGroup("Sales")
	w.createSettled(ctx, []client.Object{group})
	if m.then != "" {
		update(ctx, w, group, func(g *v1alpha1.ScimGroup) { g.Spec.DisplayName = m.then })
	}
	if m.later != nil {
		m.later(ctx, w)
	}
	matcher := isReady()
	if m.reason != "" {
		matcher = isFalse(m.reason)
	}
	classification := v1alpha1.ClassificationUnclassified
	switch {
	case m.organization != "":
		classification = v1alpha1.ClassificationOrganization
	case m.site != "":
		classification = v1alpha1.ClassificationSite
	}
	links := func(g *v1alpha1.ScimGroup) []string {
		return []string{recordName(g.Status.Organization), recordName(g.Status.Site)}
	}
	eventually(ctx, w, group, And(matcher, classifiedAs(classification), WithTransform(links, Equal([]string{m.organization, m.site}))))
	names, linked := map[string]string{}, []string{}
	organizations, sites := &v1alpha1.OrganizationList{}, &v1alpha1.SiteList{}
	Expect(w.List(ctx, organizations)).To(Succeed())
	for _, o := range organizations.Items {
		names[o.Name] = o.Spec.Name
		if o.Spec.SourceID == group.Name {
			linked = append(linked, o.Name)
		}
	}
	Expect(w.List(ctx, sites)).To(Succeed())
	for _, s := range sites.Items {
		names[s.Name] = s.Spec.Name
		if s.Spec.SourceID == group.Name {
			linked = append(linked, s.Name)
		}
	}
	expected := slices.DeleteFunc([]string{m.organization, m.site}, func(name string) bool { return name == "" })
	Expect(linked).To(Equal(expected), "the records that name the group as their source")
	want := m.names
	if want == nil {
		want = map[string]string{}
	}
	Expect(cmp.Diff(want, names)).To(BeEmpty())
}

var _ = Describe("The default group mappings", func() {
	create := func(object client.Object) func(context.Context, *world) {
		return func(ctx context.Context, w *world) {
			Expect(w.Create(ctx, object.DeepCopyObject().(client.Object))).To(Succeed())
		}
	}
	DescribeTable("of a group", func(ctx SpecContext, m groupMapping) { m.run(ctx) },
		Entry("with the name of an Organization, in whatever case, which takes the spelling", groupMapping{
			given: []client.Object{newOrganization("org", "SALES")}, organization: "org", names: map[string]string{"org": "Sales"}}),
		Entry("with the name of a Site, in whatever case, which takes the spelling", groupMapping{
			given: []client.Object{newSite("site", "sales")}, site: "site", names: map[string]string{"site": "Sales"}}),
		Entry("with the name of both", groupMapping{
			given: []client.Object{newOrganization("org", "Sales"), newSite("site", "Sales")}, organization: "org", site: "site",
			names: map[string]string{"org": "Sales", "site": "Sales"}}),
		Entry("with the name of an Organization but for width and the white space around", groupMapping{
			given: []client.Object{newOrganization("org", " Ｓales ")}, organization: "org", names: map[string]string{"org": "Sales"}}),
		Entry("whose name gets white space around it, which changes nothing", groupMapping{
			given: []client.Object{newOrganization("org", "Sales"), newSite("site", "Sales")}, then: "Sales\u3000", organization: "org", site: "site",
			names: map[string]string{"org": "Sales", "site": "Sales"}}),
		Entry("with the name of neither, for which nothing is created", groupMapping{
			given: []client.Object{newOrganization("org", "Support"), newSite("site", "Breda")}, reason: v1alpha1.ReasonOrganizationNotFound,
			names: map[string]string{"org": "Support", "site": "Breda"}}),
		Entry("whose Organization appears later", groupMapping{
			later: create(newOrganization("org", "sales")), organization: "org", names: map[string]string{"org": "Sales"}}),
		Entry("whose Site appears later", groupMapping{later: create(newSite("site", "sales")), site: "site", names: map[string]string{"site": "Sales"}}),
		Entry("that has a Site and gets an Organization", groupMapping{
			given: []client.Object{newSite("site", "Sales")}, later: create(newOrganization("org", "Sales")), organization: "org", site: "site",
			names: map[string]string{"org": "Sales", "site": "Sales"}}),
		Entry("that is renamed, which keeps the links and renames both", groupMapping{
			given: []client.Object{newOrganization("org", "Sales"), newSite("site", "Sales")}, then: "Verkoop", organization: "org", site: "site",
			names: map[string]string{"org": "Verkoop", "site": "Verkoop"}}),
		Entry("that is renamed to what another Organization is called", groupMapping{
			given: []client.Object{newOrganization("org", "Sales"), newOrganization("other", "Support")}, then: "Support",
			reason: v1alpha1.ReasonConflict, organization: "org", names: map[string]string{"org": "Sales", "other": "Support"}}),
		Entry("that is renamed to the name of an Organization, when it had none", groupMapping{
			given: []client.Object{newOrganization("org", "Support")}, then: "Support", organization: "org", names: map[string]string{"org": "Support"}}),
		Entry("whose Organization is disabled, which is linked and stays so", groupMapping{
			given: []client.Object{disabledOrganization("org", "Sales")}, organization: "org", names: map[string]string{"org": "Sales"}}),
		Entry("whose Organization another group has", groupMapping{
			given: []client.Object{newOrganization("org", "Sales"), newGroup("SALES")}, reason: v1alpha1.ReasonConflict, names: map[string]string{"org": "SALES"}}),
		Entry("whose Site another group has", groupMapping{
			given: []client.Object{newSite("site", "Sales"), newGroup("SALES")}, reason: v1alpha1.ReasonConflict, names: map[string]string{"site": "SALES"}}),
		Entry("whose Organization is renamed by hand, which is undone", groupMapping{
			given: []client.Object{newOrganization("org", "Sales")}, later: func(ctx context.Context, w *world) {
				organization := newOrganization("org", "")
				update(ctx, w, organization, func(o *v1alpha1.Organization) { o.Spec.Name = "Verkoop" })
				eventually(ctx, w, organization, WithTransform(func(o *v1alpha1.Organization) string { return o.Spec.Name }, Equal("Sales")))
			}, organization: "org", names: map[string]string{"org": "Sales"}}),
		Entry("whose Site is deleted", groupMapping{
			given: []client.Object{newSite("site", "Sales")}, later: func(ctx context.Context, w *world) { w.gone(ctx, newSite("site", "")) },
			reason: v1alpha1.ReasonOrganizationNotFound}),
	)
})
