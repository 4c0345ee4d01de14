package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func telephone(label, number string, integration bool) v1alpha1.PersonContact {
	return v1alpha1.PersonContact{Protocol: v1alpha1.ContactTelephone, Label: label, URI: number, Integration: integration}
}

func phones(entries ...v1alpha1.ScimValue) func(scim) {
	return func(u scim) { u.PhoneNumbers = entries }
}

func addresses(entries ...v1alpha1.ScimAddress) func(scim) {
	return func(u scim) { u.Addresses = entries }
}

const customFieldsURN = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields"

func extension(json string) func(scim) {
	return func(u scim) { u.Extensions = map[string]v1alpha1.JSON{customFieldsURN: {Raw: []byte(json)}} }
}

// badgeRule maps a custom field, as config/rules/README.md shows.
func badgeRule() *v1alpha1.AutomationRule {
	rule := defaultUserRule()
	rule.Name, rule.Spec.Position, rule.Spec.Expressions, rule.Spec.Condition = "badge", new(int32(20)), nil, ""
	rule.Spec.Update.Create, rule.Spec.Update.Match = false, map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"}
	rule.Spec.Update.Set = []v1alpha1.FieldAssignment{{Field: "customFields.badge", Value: "customFields.?badge"}}
	return rule
}

func badge(json string) map[string]v1alpha1.JSON {
	return map[string]v1alpha1.JSON{"badge": {Raw: []byte(json)}}
}

var _ = Describe("The default user mapping of places and lists", func() {
	row := func(ctx SpecContext, m userMapping) { m.run(ctx) }
	sales, support := newOrganization("sales", "Sales"), newOrganization("support", "Support")
	inSales := enterprise(v1alpha1.ScimEnterprise{Organization: "Sales"})

	DescribeTable("organization", row,
		Entry("that is named, in whatever case", userMapping{
			given: []client.Object{sales}, user: enterprise(v1alpha1.ScimEnterprise{Organization: "sALES"}), want: func(p record) { p.Organization = ref("sales") }}),
		Entry("that is named, before that of a group", userMapping{
			given: []client.Object{sales, support}, groups: []string{"Support"}, user: inSales, want: func(p record) { p.Organization = ref("sales") }}),
		Entry("of the first group, when none is named", userMapping{
			given: []client.Object{sales, support}, groups: []string{"Everyone", "Support", "Sales"}, want: func(p record) { p.Organization = ref("support") }}),
		Entry("of the first group, when the one that is named does not exist", userMapping{
			given: []client.Object{support}, groups: []string{"Support"}, user: inSales, want: func(p record) { p.Organization = ref("support") }}),
		Entry("of the first group, when the one that is named is disabled", userMapping{
			given: []client.Object{disabledOrganization("sales", "Sales"), support}, groups: []string{"Support"}, user: inSales,
			want: func(p record) { p.Organization = ref("support") }}),
		Entry("of the next group, when that of the first is disabled", userMapping{
			given: []client.Object{disabledOrganization("sales", "Sales"), support}, groups: []string{"Sales", "Support"},
			want: func(p record) { p.Organization = ref("support") }}),
		Entry("none is found: the current one is kept", userMapping{
			given: []client.Object{support}, groups: []string{"Everyone"}, known: func(p record) { p.Organization = ref("support") }, user: inSales}),
		Entry("a disabled one is found alone: the current one is kept", userMapping{
			given: []client.Object{disabledOrganization("sales", "Sales"), support}, groups: []string{"Sales"},
			known: func(p record) { p.Organization = ref("support") }, user: inSales}),
		Entry("another one replaces the current one", userMapping{
			given: []client.Object{sales, support}, known: func(p record) { p.Organization = ref("support") }, user: inSales,
			want: func(p record) { p.Organization = ref("sales") }}),
		Entry("who leaves the group keeps it", userMapping{
			given: []client.Object{sales}, groups: []string{"Sales"}, later: leavesItsGroups, want: func(p record) { p.Organization = ref("sales") }}),
		Entry("a new Person without one gets that of the endpoint", userMapping{
			given: []client.Object{support, endpointWith("support")}, want: func(p record) { p.Organization = ref("support") }}),
		Entry("a new Person with one does not", userMapping{
			given: []client.Object{sales, support, endpointWith("support")}, user: inSales, want: func(p record) { p.Organization = ref("sales") }}),
		Entry("a known Person without one does not", userMapping{given: []client.Object{support, endpointWith("support")}, known: nothing}),
		Entry("that appears later", userMapping{
			user: inSales, later: func(ctx context.Context, w *world) {
				Expect(w.Create(ctx, newOrganization("sales", "Sales"))).To(Succeed())
			},
			want: func(p record) { p.Organization = ref("sales") }}),
	)

	amsterdam, breda := newSite("amsterdam", "Amsterdam"), newSite("breda", "Breda")
	atAmsterdam := enterprise(v1alpha1.ScimEnterprise{Site: "Amsterdam"})
	DescribeTable("site", row,
		Entry("that is named, in whatever case", userMapping{
			given: []client.Object{amsterdam}, user: enterprise(v1alpha1.ScimEnterprise{Site: "AMSTERDAM"}), want: func(p record) { p.Site = ref("amsterdam") }}),
		Entry("that is named, before that of a group", userMapping{
			given: []client.Object{amsterdam, breda}, groups: []string{"Breda"}, user: atAmsterdam, want: func(p record) { p.Site = ref("amsterdam") }}),
		Entry("of the first group, when none is named", userMapping{
			given: []client.Object{sales, amsterdam, breda}, groups: []string{"Sales", "Breda", "Amsterdam"},
			want: func(p record) { p.Organization, p.Site = ref("sales"), ref("breda") }}),
		Entry("of the first group, when the one that is named does not exist", userMapping{
			given: []client.Object{breda}, groups: []string{"Breda"}, user: atAmsterdam, want: func(p record) { p.Site = ref("breda") }}),
		Entry("of the first group, when the one that is named is disabled", userMapping{
			given: []client.Object{disabledSite("amsterdam", "Amsterdam"), breda}, groups: []string{"Breda"}, user: atAmsterdam,
			want: func(p record) { p.Site = ref("breda") }}),
		Entry("of the next group, when that of the first is disabled", userMapping{
			given: []client.Object{disabledSite("amsterdam", "Amsterdam"), breda}, groups: []string{"Amsterdam", "Breda"},
			want: func(p record) { p.Site = ref("breda") }}),
		Entry("of a group that is an organization as well", userMapping{
			given: []client.Object{newOrganization("org", "Breda"), breda}, groups: []string{"Breda"},
			want: func(p record) { p.Organization, p.Site = ref("org"), ref("breda") }}),
		Entry("none is found: the current one is kept", userMapping{
			given: []client.Object{breda}, known: func(p record) { p.Site = ref("breda") }, user: atAmsterdam}),
		Entry("that appears later", userMapping{
			user: atAmsterdam, later: func(ctx context.Context, w *world) {
				Expect(w.Create(ctx, newSite("amsterdam", "Amsterdam"))).To(Succeed())
			},
			want: func(p record) { p.Site = ref("amsterdam") }}),
	)

	DescribeTable("phone numbers and addresses", row,
		Entry("phone numbers become contacts, with their type as label", userMapping{
			user: phones(v1alpha1.ScimValue{Value: "+31 20", Type: "work"}, v1alpha1.ScimValue{Value: "+31 6", Type: "mobile", Primary: new(true)}, v1alpha1.ScimValue{Value: "+31 30"}),
			want: func(p record) {
				p.Contacts = []v1alpha1.PersonContact{telephone("work", "+31 20", true), telephone("mobile", "+31 6", true), telephone("", "+31 30", true)}
			}}),
		Entry("they replace what came from SCIM and leave what was made by hand", userMapping{
			known: func(p record) {
				p.Contacts = []v1alpha1.PersonContact{telephone("work", "1", true), telephone("home", "2", false), {Protocol: v1alpha1.ContactChat, URI: "jane"}}
			},
			user: phones(v1alpha1.ScimValue{Value: "3", Type: "work"}),
			want: func(p record) {
				p.Contacts = []v1alpha1.PersonContact{telephone("home", "2", false), {Protocol: v1alpha1.ContactChat, URI: "jane"}, telephone("work", "3", true)}
			}}),
		Entry("phone numbers that are no longer sent go", userMapping{
			known: func(p record) { p.Contacts = []v1alpha1.PersonContact{telephone("home", "2", false)} },
			user:  phones(v1alpha1.ScimValue{Value: "3", Type: "work"}), then: phones()}),
		Entry("blank phone numbers and doubles are left out", userMapping{
			user: phones(v1alpha1.ScimValue{Value: "3", Type: "work"}, v1alpha1.ScimValue{Value: " "}, v1alpha1.ScimValue{Value: "3", Type: "work"}),
			want: func(p record) { p.Contacts = []v1alpha1.PersonContact{telephone("work", "3", true)} }}),
		Entry("addresses become addresses, part by part", userMapping{
			user: addresses(v1alpha1.ScimAddress{StreetAddress: "Damrak 1", Locality: "Amsterdam", Region: "NH", PostalCode: "1012 LG", Country: "NL", Type: "work", Formatted: "x"}),
			want: func(p record) {
				p.Addresses = []v1alpha1.PersonAddress{{Label: "work", Address: "Damrak 1", City: "Amsterdam", State: "NH", Zip: "1012 LG", Country: "NL", Integration: true}}
			}}),
		Entry("an address without type or parts", userMapping{
			user: addresses(v1alpha1.ScimAddress{Locality: "Breda"}, v1alpha1.ScimAddress{Formatted: "Dam 1", Type: "home"}, v1alpha1.ScimAddress{Type: "other"}),
			want: func(p record) {
				p.Addresses = []v1alpha1.PersonAddress{{City: "Breda", Integration: true}, {Label: "home", Address: "Dam 1", Integration: true}}
			}}),
		Entry("they replace what came from SCIM and leave what was made by hand", userMapping{
			known: func(p record) {
				p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}, {City: "Zwolle", Integration: true}}
			},
			user: addresses(v1alpha1.ScimAddress{Locality: "Breda"}),
			want: func(p record) {
				p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}, {City: "Breda", Integration: true}}
			}}),
		Entry("addresses that are no longer sent go", userMapping{
			known: func(p record) {
				p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}, {City: "Zwolle", Integration: true}}
			},
			want: func(p record) { p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}} }}),
	)

	DescribeTable("custom fields", row,
		Entry("are left alone by the default rule", userMapping{
			known: func(p record) { p.CustomFields = badge(`"A-1"`) }, user: extension(`{"badge": "B-17"}`)}),
		Entry("as an object, by a rule of one's own", userMapping{
			given: []client.Object{badgeRule()}, user: extension(`{"badge": "B-17"}`), want: func(p record) { p.CustomFields = badge(`"B-17"`) }}),
		Entry("as a list of id and value", userMapping{
			given: []client.Object{badgeRule()}, user: extension(`{"custom_fields": [{"id": "other", "value": 1}, {"id": "badge", "value": 17}]}`),
			want: func(p record) { p.CustomFields = badge(`17`) }}),
		Entry("with null in them, which a merge patch cannot write", userMapping{
			given: []client.Object{badgeRule()}, known: func(p record) { p.CustomFields = badge(`{"floor":3}`) },
			user: extension(`{"badge": {"floor": null, "keys": [null, {"door": null, "lock": 1}]}}`),
			want: func(p record) { p.CustomFields = badge(`{"keys":[null,{"lock":1}]}`) },
		}),
		Entry("that are not sent are kept", userMapping{
			given: []client.Object{badgeRule()}, known: func(p record) { p.CustomFields = badge(`"A-1"`) }}),
	)
})
