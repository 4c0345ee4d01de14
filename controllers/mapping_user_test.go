package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	bossID = "01980000-0000-7000-8000-00000000b055"
	peerID = "01980000-0000-7000-8000-00000000bee5"
)

// boss is the user and Person that others can have as manager.
func boss() []client.Object {
	user := newUser("Boss@example.com", "The Boss")
	user.Name, user.Spec.ExternalID = bossID, "00uBoss"
	return []client.Object{newPerson("boss", "boss@example.com"), user}
}

// inactiveBoss has left.
func inactiveBoss() []client.Object {
	objects := boss()
	objects[1].(*v1alpha1.ScimUser).Spec.Active = new(false)
	return objects
}

func ref(name string) *v1alpha1.RecordReference { return &v1alpha1.RecordReference{Name: name} }

func disabledOrganization(name, displayName string) *v1alpha1.Organization {
	organization := newOrganization(name, displayName)
	organization.Spec.Disabled = true
	return organization
}

func disabledSite(name, displayName string) *v1alpha1.Site {
	site := newSite(name, displayName)
	site.Spec.Disabled = true
	return site
}

// endpointWith has a default Organization.
func endpointWith(organization string) *v1alpha1.ScimEndpoint {
	return &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.ScimEndpointSpec{DefaultOrganization: ref(organization)},
	}
}

type (
	scim   = *v1alpha1.ScimUserSpec
	record = *v1alpha1.PersonSpec
)

// enterprise sends the enterprise extension.
func enterprise(e v1alpha1.ScimEnterprise) func(scim) {
	return func(u scim) { u.Enterprise = e.DeepCopy() }
}

func manager(value string) func(scim) {
	return enterprise(v1alpha1.ScimEnterprise{Manager: &v1alpha1.ScimManager{Value: value}})
}

func emails(entries ...v1alpha1.ScimValue) func(scim) {
	return func(u scim) { u.Emails = entries }
}

func email(value string) v1alpha1.ScimValue { return v1alpha1.ScimValue{Value: value, Type: "work"} }

func primary(value string) v1alpha1.ScimValue {
	return v1alpha1.ScimValue{Value: value, Type: "home", Primary: new(true)}
}

// all does several changes.
func all(changes ...func(scim)) func(scim) {
	return func(u scim) {
		for _, change := range changes {
			change(u)
		}
	}
}

func userName(name string) func(scim)    { return func(u scim) { u.UserName = name } }
func displayName(name string) func(scim) { return func(u scim) { u.DisplayName = name } }
func title(text string) func(scim)       { return func(u scim) { u.Title = text } }
func userType(text string) func(scim)    { return func(u scim) { u.UserType = text } }
func active(is bool) func(scim)          { return func(u scim) { u.Active = &is } }

// nothing is a Person without more than name and address.
func nothing(record) {}

var _ = Describe("The default user mapping", func() {
	row := func(ctx SpecContext, m userMapping) { m.run(ctx) }

	DescribeTable("primary e-mail address and other addresses", row,
		Entry("a userName that is one, as it is written", userMapping{user: userName("Jane@Example.com"), want: func(p record) { p.PrimaryEmail = "Jane@Example.com" }}),
		Entry("a userName that is one, before the entry flagged primary", userMapping{
			user: emails(primary("home@example.com")), want: func(p record) { p.OtherEmails = []string{"home@example.com"} }}),
		Entry("else the entry flagged primary", userMapping{
			user: all(userName("jroe"), emails(email("work@example.com"), primary("jane@example.com"))),
			want: func(p record) { p.OtherEmails = []string{"work@example.com"} }}),
		Entry("else the first entry", userMapping{
			user: all(userName("jroe"), emails(email("jane@example.com"), email("work@example.com"))),
			want: func(p record) { p.OtherEmails = []string{"work@example.com"} }}),
		Entry("blank entries count for nothing", userMapping{
			user: all(userName("jroe"), emails(primary(" "), email("jane@example.com"))), want: nothing}),
		Entry("other addresses are without the primary one in whatever case, and without doubles", userMapping{
			user: emails(primary("JANE@example.com"), email("a@example.com"), email("A@Example.com")),
			want: func(p record) { p.OtherEmails = []string{"a@example.com"} }}),
		Entry("other addresses follow the client", userMapping{
			user: emails(email("a@example.com"), email("b@example.com")), then: emails(email("b@example.com")),
			want: func(p record) { p.OtherEmails = []string{"b@example.com"} }}),
		Entry("a Person is found in whatever case, and takes the client's spelling", userMapping{
			known: func(p record) { p.PrimaryEmail = "JANE@EXAMPLE.COM" }, want: func(p record) { p.PrimaryEmail = "jane@example.com" }}),
		Entry("a Person is found but for white space around and the width of letters", userMapping{
			known: func(p record) { p.PrimaryEmail = "ｊane@example.com" }, user: userName(" jane@example.com "),
			want: func(p record) { p.PrimaryEmail = "jane@example.com" }}),
		Entry("a Person is found by the entry flagged primary", userMapping{
			known: nothing, user: all(userName("jroe"), emails(primary("jane@example.com")))}),
		Entry("the same Person is renamed when the address changes", userMapping{
			known: nothing, then: userName("jane.doe@example.com"), want: func(p record) { p.PrimaryEmail = "jane.doe@example.com" }}),
		Entry("the same Person stays when userName becomes an e-mail address", userMapping{
			user: all(userName("jroe"), emails(primary("jane@example.com"))), then: userName("new@example.com"),
			want: func(p record) { p.PrimaryEmail, p.OtherEmails = "new@example.com", []string{"jane@example.com"} }}),
		Entry("none makes no Person", userMapping{user: userName("jroe"), missing: true}),
		Entry("blank ones alone make no Person", userMapping{user: all(userName("jroe"), emails(email("  "))), missing: true}),
	)

	DescribeTable("name", row,
		Entry("displayName, before all others", userMapping{
			user: func(u scim) { u.Name = &v1alpha1.ScimName{Formatted: "J. Roe", GivenName: "Janet"} }, want: nothing}),
		Entry("a userName that is no e-mail address, before name.formatted", userMapping{
			user: all(userName("jroe"), displayName(""), emails(email("jane@example.com")), func(u scim) { u.Name = &v1alpha1.ScimName{Formatted: "J. Roe"} }),
			want: func(p record) { p.Name = "jroe" }}),
		Entry("displayName, before such a userName", userMapping{
			user: all(userName("jroe"), emails(email("jane@example.com"))), want: nothing}),
		Entry("name.formatted, when displayName is blank", userMapping{
			user: all(displayName(" \t"), func(u scim) { u.Name = &v1alpha1.ScimName{Formatted: "J. Roe", GivenName: "Janet", FamilyName: "Roe"} }),
			want: func(p record) { p.Name = "J. Roe" }}),
		Entry("given name and family name", userMapping{
			user: all(displayName(""), func(u scim) { u.Name = &v1alpha1.ScimName{GivenName: "Janet", FamilyName: "Roe"} }),
			want: func(p record) { p.Name = "Janet Roe" }}),
		Entry("family name alone", userMapping{
			user: all(displayName(""), func(u scim) { u.Name = &v1alpha1.ScimName{FamilyName: "Roe"} }), want: func(p record) { p.Name = "Roe" }}),
		Entry("given name alone", userMapping{
			user: all(displayName(""), func(u scim) { u.Name = &v1alpha1.ScimName{GivenName: "Janet"} }), want: func(p record) { p.Name = "Janet" }}),
		Entry("none keeps the one of a known Person, and the rest is mapped", userMapping{
			known: func(p record) { p.Name = "Jane Doe" }, user: all(displayName(""), title("Chef")), want: func(p record) { p.JobTitle = "Chef" }}),
		Entry("one that is taken away keeps the name", userMapping{then: all(displayName(""), title("Chef")), want: func(p record) { p.JobTitle = "Chef" }}),
		Entry("a known Person gets the one that is sent", userMapping{known: func(p record) { p.Name = "Old" }, want: func(p record) { p.Name = "Jane" }}),
		Entry("none makes no new Person", userMapping{user: displayName(""), missing: true}),
		Entry("none makes no change of a Person without name", userMapping{
			known: func(p record) { p.Name = "" }, user: displayName(""), missing: true}),
	)

	DescribeTable("texts, of which blank ones keep what is there", row,
		Entry("job title", userMapping{user: title("Chef"), want: func(p record) { p.JobTitle = "Chef" }}),
		Entry("another job title", userMapping{known: func(p record) { p.JobTitle = "Guide" }, user: title("Chef"), want: func(p record) { p.JobTitle = "Chef" }}),
		Entry("no job title", userMapping{user: title("Chef"), then: title(""), want: func(p record) { p.JobTitle = "Chef" }}),
		Entry("a job title of white space", userMapping{known: func(p record) { p.JobTitle = "Chef" }, user: title(" \n")}),
		Entry("location, employee number, support id and cost center", userMapping{
			user: enterprise(v1alpha1.ScimEnterprise{Location: "B2", EmployeeNumber: "7", SupportID: "S7", CostCenter: "C7"}),
			want: func(p record) { p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "B2", "7", "S7", "C7" }}),
		Entry("other ones", userMapping{
			known: func(p record) { p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "A1", "1", "S1", "C1" },
			user:  enterprise(v1alpha1.ScimEnterprise{Location: "B2", EmployeeNumber: "7", SupportID: "S7", CostCenter: "C7"}),
			want:  func(p record) { p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "B2", "7", "S7", "C7" }}),
		Entry("none of them", userMapping{
			user: enterprise(v1alpha1.ScimEnterprise{Location: "B2", EmployeeNumber: "7", SupportID: "S7", CostCenter: "C7"}),
			then: func(u scim) { u.Enterprise = nil },
			want: func(p record) { p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "B2", "7", "S7", "C7" }}),
		Entry("blank ones", userMapping{
			known: func(p record) { p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "A1", "1", "S1", "C1" },
			user:  enterprise(v1alpha1.ScimEnterprise{Location: " ", EmployeeNumber: " ", SupportID: " ", CostCenter: " "})}),
		Entry("what has no place in a Person is left out", userMapping{
			user: all(enterprise(v1alpha1.ScimEnterprise{Department: "D", Division: "V"}), func(u scim) {
				u.NickName, u.ProfileURL, u.Roles = "J", "https://example.com/jane", []v1alpha1.ScimValue{{Value: "admin"}}
			}), want: nothing}),
	)

	DescribeTable("locale, preferred language and time zone, which people choose themselves", row,
		Entry("are set on a new Person", userMapping{
			user: func(u scim) { u.Locale, u.PreferredLanguage, u.Timezone = "nl-NL", "nl", "Europe/Amsterdam" },
			want: func(p record) { p.Locale, p.PreferredLanguage, p.TimeZone = "nl-NL", "nl", "Europe/Amsterdam" }}),
		Entry("are not set on a known one", userMapping{
			known: func(p record) { p.Locale = "en-GB" },
			user:  func(u scim) { u.Locale, u.PreferredLanguage, u.Timezone = "nl-NL", "nl", "Europe/Amsterdam" }}),
		Entry("do not follow the client", userMapping{
			user: func(u scim) { u.Locale, u.Timezone = "nl-NL", "Europe/Amsterdam" },
			then: func(u scim) { u.Locale, u.PreferredLanguage, u.Timezone = "de-DE", "de", "Europe/Berlin" },
			want: func(p record) { p.Locale, p.TimeZone = "nl-NL", "Europe/Amsterdam" }}),
	)

	DescribeTable("VIP", row,
		Entry("userType VIP", userMapping{user: userType("VIP"), want: func(p record) { p.VIP = true }}),
		Entry("VIP anywhere in userType", userMapping{user: userType("Board-VIPs"), want: func(p record) { p.VIP = true }}),
		Entry("vip in lower case makes none", userMapping{known: func(p record) { p.VIP = true }, user: userType("vip"), want: func(p record) { p.VIP = false }}),
		Entry("another userType unmakes one", userMapping{user: userType("VIP"), then: userType("Employee")}),
		Entry("no userType keeps one", userMapping{user: userType("VIP"), then: userType(""), want: func(p record) { p.VIP = true }}),
		Entry("a userType of white space keeps one", userMapping{known: func(p record) { p.VIP = true }, user: userType("  ")}),
	)

	DescribeTable("active", row,
		Entry("false disables the Person and keeps its data", userMapping{
			known: func(p record) { p.JobTitle = "Chef" }, then: active(false), want: func(p record) { p.Disabled = true }}),
		Entry("true enables the same one", userMapping{known: func(p record) { p.Disabled = true }, user: active(false), then: active(true), want: func(p record) { p.Disabled = false }}),
		Entry("false from the beginning makes a disabled Person", userMapping{user: active(false), want: func(p record) { p.Disabled = true }}),
		Entry("not sent is true", userMapping{
			known: func(p record) { p.Disabled = true }, user: func(u scim) { u.Active = nil }, want: func(p record) { p.Disabled = false }}),
		Entry("a user who comes back under a new id gets the same Person", userMapping{
			given: []client.Object{newPerson("jane", "jane@example.com"), formerJane()}, want: nothing}),
	)

	DescribeTable("manager", row,
		Entry("by SCIM id", userMapping{given: boss(), user: manager(bossID), want: func(p record) { p.Manager = ref("boss") }}),
		Entry("by externalId", userMapping{given: boss(), user: manager("00uBoss"), want: func(p record) { p.Manager = ref("boss") }}),
		Entry("by userName, in whatever case", userMapping{given: boss(), user: manager("bOSS@example.com"), want: func(p record) { p.Manager = ref("boss") }}),
		Entry("another one", userMapping{
			given: append(boss(), newPerson("old", "old@example.com")), known: func(p record) { p.Manager = ref("old") },
			user: manager(bossID), want: func(p record) { p.Manager = ref("boss") }}),
		Entry("an unknown one keeps the current", userMapping{given: boss(), known: func(p record) { p.Manager = ref("boss") }, user: manager(peerID)}),
		Entry("a blank one keeps the current", userMapping{given: boss(), user: manager(bossID), then: manager(" "), want: func(p record) { p.Manager = ref("boss") }}),
		Entry("none keeps the current", userMapping{
			given: boss(), user: manager(bossID), then: func(u scim) { u.Enterprise = nil }, want: func(p record) { p.Manager = ref("boss") }}),
		Entry("a disabled one is cleared", userMapping{
			given: append(inactiveBoss(), newPerson("old", "old@example.com")), known: func(p record) { p.Manager = ref("old") },
			user: manager(bossID), want: func(p record) { p.Manager = nil }}),
		Entry("one that is disabled later is cleared", userMapping{given: boss(), user: manager(bossID), later: func(ctx context.Context, w *world) {
			update(ctx, w, get(ctx, w, &v1alpha1.ScimUser{}, bossID), func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		}}),
		Entry("one that is enabled later is set", userMapping{given: inactiveBoss(), user: manager(bossID), later: func(ctx context.Context, w *world) {
			update(ctx, w, get(ctx, w, &v1alpha1.ScimUser{}, bossID), func(u *v1alpha1.ScimUser) { u.Spec.Active = new(true) })
		}, want: func(p record) { p.Manager = ref("boss") }}),
		Entry("one that is deleted later is cleared", userMapping{given: boss(), user: manager(bossID), later: func(ctx context.Context, w *world) {
			w.gone(ctx, get(ctx, w, &v1alpha1.ScimUser{}, bossID))
		}}),
		Entry("one that is created later than the report, by SCIM id", userMapping{
			user: manager(bossID), later: func(ctx context.Context, w *world) { w.createSettled(ctx, boss()) }, want: func(p record) { p.Manager = ref("boss") }}),
		Entry("one that is created later than the report, by userName", userMapping{
			user: manager("boss@example.com"), later: func(ctx context.Context, w *world) { w.createSettled(ctx, boss()) },
			want: func(p record) { p.Manager = ref("boss") }}),
	)
})

// formerJane is an earlier account of the user, which the client has deactivated.
func formerJane() *v1alpha1.ScimUser {
	user := newUser("jane@example.com", "Jane Doe")
	user.Name, user.Spec.Active = peerID, new(false)
	return user
}
