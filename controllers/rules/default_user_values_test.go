package rules

import "rservice.dev/scim-operator/api/v1alpha1"

var textCases = map[string]userCase{
	"texts of the user become texts of the person": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Title = "Engineer"
			u.Enterprise = &v1alpha1.ScimEnterprise{Location: "B2", EmployeeNumber: "7", SupportID: "S7", CostCenter: "C7"}
		},
		want: func(p *v1alpha1.PersonSpec) {
			p.JobTitle, p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "Engineer", "B2", "7", "S7", "C7"
		},
	},
	"blank ones keep what is there": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Title, u.Enterprise = " ", &v1alpha1.ScimEnterprise{Location: ""}
		},
		known: jane(func(p *v1alpha1.PersonSpec) {
			p.JobTitle, p.Location, p.EmployeeID, p.SupportID, p.CostCenter = "Chef", "A1", "1", "S1", "C1"
		}),
		want: unchanged,
	},
	"a cost center follows the user": {
		user:  enterprise(v1alpha1.ScimEnterprise{CostCenter: "C2"}),
		known: jane(func(p *v1alpha1.PersonSpec) { p.CostCenter = "C1" }),
		want:  func(p *v1alpha1.PersonSpec) { p.CostCenter = "C2" },
	},
	"locale, language and time zone are set on a new person": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Locale, u.PreferredLanguage, u.Timezone = "nl-NL", "nl", "Europe/Amsterdam"
		},
		want: func(p *v1alpha1.PersonSpec) {
			p.Locale, p.PreferredLanguage, p.TimeZone = "nl-NL", "nl", "Europe/Amsterdam"
		},
	},
	"and on a new person alone": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Locale, u.PreferredLanguage, u.Timezone = "nl-NL", "nl", "Europe/Amsterdam"
		},
		known: jane(func(p *v1alpha1.PersonSpec) { p.Locale = "en-GB" }),
		want:  unchanged,
	},
	"a user type with VIP in it makes a VIP": {
		user: func(u *v1alpha1.ScimUserSpec) { u.UserType = "Board VIP" },
		want: func(p *v1alpha1.PersonSpec) { p.VIP = true },
	},
	"the case of VIP matters, and another user type unmakes a VIP": {
		user:  func(u *v1alpha1.ScimUserSpec) { u.UserType = "vip" },
		known: jane(func(p *v1alpha1.PersonSpec) { p.VIP = true }),
		want:  func(p *v1alpha1.PersonSpec) { p.VIP = false },
	},
	"a blank user type keeps a VIP": {
		user:  func(u *v1alpha1.ScimUserSpec) { u.UserType = " " },
		known: jane(func(p *v1alpha1.PersonSpec) { p.VIP = true }),
		want:  unchanged,
	},
	"an inactive user disables the person and keeps its data": {
		user:  func(u *v1alpha1.ScimUserSpec) { u.Active = new(false) },
		known: jane(func(p *v1alpha1.PersonSpec) { p.JobTitle = "Chef" }),
		want:  func(p *v1alpha1.PersonSpec) { p.Disabled = true },
	},
	"an active user enables the same person again": {
		user:  func(u *v1alpha1.ScimUserSpec) { u.Active = new(true) },
		known: jane(func(p *v1alpha1.PersonSpec) { p.Disabled, p.SourceID = true, userID }),
		want:  func(p *v1alpha1.PersonSpec) { p.Disabled = false },
	},
	"a user created inactive makes a disabled person": {
		user: func(u *v1alpha1.ScimUserSpec) { u.Active = new(false) },
		want: func(p *v1alpha1.PersonSpec) { p.Disabled = true },
	},
	"a user whose active was not sent is active": {
		known: jane(func(p *v1alpha1.PersonSpec) { p.Disabled = true }),
		want:  func(p *v1alpha1.PersonSpec) { p.Disabled = false },
	},
}

var listCases = map[string]userCase{
	"phone numbers become contacts with the SCIM type as label": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.PhoneNumbers = []v1alpha1.ScimValue{{Value: "1", Type: "work"}, {Value: "2"}, {Value: " "}, {Value: "1", Type: "work"}}
		},
		want: func(p *v1alpha1.PersonSpec) {
			p.Contacts = []v1alpha1.PersonContact{
				{Protocol: "telephone", Label: "work", URI: "1", Integration: true},
				{Protocol: "telephone", URI: "2", Integration: true},
			}
		},
	},
	"they replace what was set from SCIM and leave what was made by hand": {
		user: func(u *v1alpha1.ScimUserSpec) { u.PhoneNumbers = []v1alpha1.ScimValue{{Value: "2", Type: "mobile"}} },
		known: jane(func(p *v1alpha1.PersonSpec) {
			p.Contacts = []v1alpha1.PersonContact{
				{Protocol: "telephone", Label: "work", URI: "1", Integration: true},
				{Protocol: "chat", Label: "work", URI: "byhand"},
			}
		}),
		want: func(p *v1alpha1.PersonSpec) {
			p.Contacts = []v1alpha1.PersonContact{
				{Protocol: "chat", Label: "work", URI: "byhand"},
				{Protocol: "telephone", Label: "mobile", URI: "2", Integration: true},
			}
		},
	},
	"addresses become addresses, formatted standing in for parts": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Addresses = []v1alpha1.ScimAddress{
				{StreetAddress: "Damrak 1", Locality: "Amsterdam", Region: "NH", PostalCode: "1012 LG", Country: "NL", Type: "work", Formatted: "all"},
				{Formatted: "Dam 1, Amsterdam", Type: "home"},
				{Type: "other"},
			}
		},
		want: func(p *v1alpha1.PersonSpec) {
			p.Addresses = []v1alpha1.PersonAddress{
				{Label: "work", Address: "Damrak 1", City: "Amsterdam", State: "NH", Zip: "1012 LG", Country: "NL", Integration: true},
				{Label: "home", Address: "Dam 1, Amsterdam", Integration: true},
			}
		},
	},
	"addresses that the client no longer sends go, and those made by hand stay": {
		known: jane(func(p *v1alpha1.PersonSpec) {
			p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}, {City: "Zwolle", Integration: true}}
		}),
		want: func(p *v1alpha1.PersonSpec) { p.Addresses = []v1alpha1.PersonAddress{{City: "Utrecht"}} },
	},
	"what SCIM does not know is left alone": {
		known: jane(func(p *v1alpha1.PersonSpec) {
			p.Site = reference("hq")
			p.CustomFields = map[string]v1alpha1.JSON{"badge": {Raw: []byte(`1`)}}
		}),
		want: unchanged,
	},
}
