package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const userID = "01980000-0000-7000-8000-000000000001"

// userCase is a user whom the default rule maps. Everything is compared: what a case
// does not mention must be as in the base user and the base person.
type userCase struct {
	// user changes the base user: userName jane@example.com, displayName Jane.
	user func(*v1alpha1.ScimUserSpec)
	// known is the Person that exists; nil: a new one is made.
	known  *v1alpha1.PersonSpec
	groups []Group
	// want changes what is expected: the known Person linked to the user, or the base
	// person with primaryEmail jane@example.com and name Jane.
	want func(*v1alpha1.PersonSpec)
}

func enterprise(e v1alpha1.ScimEnterprise) func(*v1alpha1.ScimUserSpec) {
	return func(u *v1alpha1.ScimUserSpec) { u.Enterprise = &e }
}

func manager(value string) func(*v1alpha1.ScimUserSpec) {
	return enterprise(v1alpha1.ScimEnterprise{Manager: &v1alpha1.ScimManager{Value: value}})
}

// jane is a known Person with the fields that the test is about.
func jane(change func(*v1alpha1.PersonSpec)) *v1alpha1.PersonSpec {
	spec := &v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com"}
	change(spec)
	return spec
}

// unchanged expects what was there.
func unchanged(*v1alpha1.PersonSpec) {}

func defaultDirectory() *memory {
	return &memory{
		organizations: []*v1alpha1.Organization{
			organization("sales", v1alpha1.OrganizationSpec{Name: "Sales EMEA"}),
			organization("closed", v1alpha1.OrganizationSpec{Name: "Closed", Disabled: true}),
		},
		users: []*v1alpha1.ScimUser{
			user("boss-id", v1alpha1.ScimUserSpec{UserName: "Boss@example.com", ExternalID: "00uBoss"}),
			user("gone-id", v1alpha1.ScimUserSpec{UserName: "gone@example.com", ExternalID: "Boss@example.com"}),
			user("lone-id", v1alpha1.ScimUserSpec{UserName: "lone@example.com"}),
		},
		persons: []*v1alpha1.Person{
			person("boss", v1alpha1.PersonSpec{PrimaryEmail: "boss@example.com", SourceID: "boss-id"}),
			person("gone", v1alpha1.PersonSpec{PrimaryEmail: "gone@example.com", SourceID: "gone-id", Disabled: true}),
		},
	}
}

func TestDefaultUserMapping(t *testing.T) {
	rules := []*Rule{defaultRule(t, "default-user-mapping")}
	for _, cases := range []map[string]userCase{emailCases, nameCases, organizationCases, managerCases, textCases, listCases} {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) { runUserCase(t, rules, c) })
		}
	}
}

func runUserCase(t *testing.T, rules []*Rule, c userCase) {
	t.Helper()
	spec := v1alpha1.ScimUserSpec{UserName: "jane@example.com", DisplayName: "Jane"}
	if c.user != nil {
		c.user(&spec)
	}
	dir := defaultDirectory()
	want := &v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com", Organization: reference("main")}
	if c.known != nil {
		dir.persons = append(dir.persons, person("jane", *c.known))
		want = c.known.DeepCopy()
	}
	want.Source, want.SourceID = v1alpha1.SourceSCIM, userID
	c.want(want)

	in := Input{User: user(userID, spec), Groups: c.groups, DefaultOrganization: "main"}
	outcome := planned(t, rules, in, dir).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonApplied || outcome.Create != (c.known == nil) {
		t.Fatalf("reason %s, create %v: %s", outcome.Reason, outcome.Create, outcome.Message)
	}
	if diff := cmp.Diff(want, &outcome.After.(*v1alpha1.Person).Spec); diff != "" {
		t.Error(diff)
	}
}

var emailCases = map[string]userCase{
	"a user name that is an e-mail address is the primary one, even before the one flagged primary": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Emails = []v1alpha1.ScimValue{{Value: "other@example.com", Primary: new(true)}}
		},
		want: func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"other@example.com"} },
	},
	"white space around a user name and full-width letters make no other address, and no name": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.UserName = " jane@example.com\u00a0"
			u.Emails = []v1alpha1.ScimValue{{Value: "ｊａｎｅ@example.com"}, {Value: " jroe@xn--bcher-kva.example "}, {Value: "jroe@bücher.example"}}
		},
		known: jane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane@example.com" }),
		want:  func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"jroe@xn--bcher-kva.example"} },
	},
	"a new Person gets its address without white space around": {
		user: func(u *v1alpha1.ScimUserSpec) { u.UserName = "jane@example.com " },
		want: unchanged,
	},
	"otherwise the entry flagged primary is": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.UserName = "jane"
			u.Emails = []v1alpha1.ScimValue{{Value: "home@example.com"}, {Value: "jane@example.com", Primary: new(true)}}
		},
		want: func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"home@example.com"} },
	},
	"otherwise the first entry is": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.UserName = "jane"
			u.Emails = []v1alpha1.ScimValue{{Value: " "}, {Value: "jane@example.com"}, {Value: "home@example.com", Primary: new(false)}}
		},
		want: func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"home@example.com"} },
	},
	"other addresses leave out the primary one whatever its case, and doubles": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.Emails = []v1alpha1.ScimValue{{Value: "Jane@Example.com"}, {Value: "a@b.example"}, {Value: "A@b.example"}}
		},
		want: func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"a@b.example"} },
	},
	"other addresses that the client no longer sends go": {
		known: jane(func(p *v1alpha1.PersonSpec) { p.OtherEmails = []string{"old@example.com"} }),
		want:  func(p *v1alpha1.PersonSpec) { p.OtherEmails = nil },
	},
	"the Person is found whatever the case, and takes the client's spelling": {
		known: jane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "JANE@example.com" }),
		want:  func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane@example.com" },
	},
	"the linked Person is renamed when the address changes": {
		known: jane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail, p.SourceID = "maiden@example.com", userID }),
		want:  func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane@example.com" },
	},
}

var nameCases = map[string]userCase{
	"the display name comes before every other name": {
		user: func(u *v1alpha1.ScimUserSpec) { u.Name = &v1alpha1.ScimName{Formatted: "J. Roe"} },
		want: unchanged,
	},
	"a user name that is no e-mail address is taken for the name": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.UserName, u.DisplayName = "jroe", ""
			u.Name = &v1alpha1.ScimName{Formatted: "J. Roe"}
			u.Emails = []v1alpha1.ScimValue{{Value: "jane@example.com"}}
		},
		want: func(p *v1alpha1.PersonSpec) { p.Name = "jroe" },
	},
	"the display name is preferred to such a user name": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.UserName = "jroe"
			u.Emails = []v1alpha1.ScimValue{{Value: "jane@example.com"}}
		},
		want: unchanged,
	},
	"then name.formatted": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.DisplayName = "  "
			u.Name = &v1alpha1.ScimName{Formatted: "J. Roe", GivenName: "Jane", FamilyName: "Roe"}
		},
		want: func(p *v1alpha1.PersonSpec) { p.Name = "J. Roe" },
	},
	"then given name and family name": {
		user: func(u *v1alpha1.ScimUserSpec) {
			u.DisplayName, u.Name = "", &v1alpha1.ScimName{GivenName: "Jane", FamilyName: "Roe"}
		},
		want: func(p *v1alpha1.PersonSpec) { p.Name = "Jane Roe" },
	},
	"or the one of the two that there is": {
		user: func(u *v1alpha1.ScimUserSpec) { u.DisplayName, u.Name = "", &v1alpha1.ScimName{FamilyName: "Roe"} },
		want: func(p *v1alpha1.PersonSpec) { p.Name = "Roe" },
	},
	"a known person without an incoming name keeps its name and gets the other changes": {
		user:  func(u *v1alpha1.ScimUserSpec) { u.DisplayName, u.Title = "", "Engineer" },
		known: jane(unchanged),
		want:  func(p *v1alpha1.PersonSpec) { p.JobTitle = "Engineer" },
	},
	"a known person gets the incoming name": {
		known: jane(func(p *v1alpha1.PersonSpec) { p.Name = "Janet" }),
		want:  func(p *v1alpha1.PersonSpec) { p.Name = "Jane" },
	},
}

var (
	salesGroup  = Group{ID: "g1", DisplayName: "Support", Classification: v1alpha1.ClassificationOrganization, Organization: "support"}
	closedGroup = Group{ID: "g2", DisplayName: "Closed", Classification: v1alpha1.ClassificationOrganization, Organization: "closed", OrganizationDisabled: true}
	plainGroup  = Group{ID: "g3", DisplayName: "Everyone", Classification: v1alpha1.ClassificationUnclassified}
	laterGroup  = Group{ID: "g4", DisplayName: "Later", Classification: v1alpha1.ClassificationOrganization, Organization: "later"}
)

var organizationCases = map[string]userCase{
	"the enterprise organization is looked up by name, whatever its case, before the groups": {
		user:   enterprise(v1alpha1.ScimEnterprise{Organization: "SALES emea"}),
		groups: []Group{salesGroup},
		want:   func(p *v1alpha1.PersonSpec) { p.Organization = reference("sales") },
	},
	"without one it is that of the first group, in the order of joining, that is linked to one": {
		groups: []Group{plainGroup, salesGroup, laterGroup},
		want:   func(p *v1alpha1.PersonSpec) { p.Organization = reference("support") },
	},
	"one that is not found falls back to the groups": {
		user:   enterprise(v1alpha1.ScimEnterprise{Organization: "Unheard-of"}),
		groups: []Group{salesGroup},
		want:   func(p *v1alpha1.PersonSpec) { p.Organization = reference("support") },
	},
	"a disabled one is not used, neither by name nor by group": {
		user:   enterprise(v1alpha1.ScimEnterprise{Organization: "Closed"}),
		groups: []Group{closedGroup, laterGroup},
		want:   func(p *v1alpha1.PersonSpec) { p.Organization = reference("later") },
	},
	"none keeps the current one": {
		known:  jane(func(p *v1alpha1.PersonSpec) { p.Organization = reference("old") }),
		groups: []Group{plainGroup, closedGroup},
		want:   unchanged,
	},
	"none leaves a known person without one": {
		known: jane(unchanged),
		want:  unchanged,
	},
	"a new person without one gets that of the endpoint": {
		want: func(p *v1alpha1.PersonSpec) { p.Organization = reference("main") },
	},
	"a found one replaces the current one": {
		known:  jane(func(p *v1alpha1.PersonSpec) { p.Organization = reference("old") }),
		groups: []Group{salesGroup},
		want:   func(p *v1alpha1.PersonSpec) { p.Organization = reference("support") },
	},
}

var managerCases = map[string]userCase{
	"the manager is found by SCIM id": {
		user: manager("boss-id"),
		want: func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") },
	},
	"else by externalId": {
		user: manager("00uBoss"),
		want: func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") },
	},
	"else by userName, whatever its case": {
		user: manager("boss@EXAMPLE.com"),
		want: func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") },
	},
	"an externalId goes before a userName, and a disabled manager is cleared": {
		user:  manager("Boss@example.com"),
		known: jane(func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") }),
		want:  func(p *v1alpha1.PersonSpec) { p.Manager = nil },
	},
	"an unknown manager keeps the current one": {
		user:  manager("nobody"),
		known: jane(func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") }),
		want:  unchanged,
	},
	"a manager who has no Person yet keeps the current one": {
		user:  manager("lone-id"),
		known: jane(func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") }),
		want:  unchanged,
	},
	"a blank manager keeps the current one": {
		user:  manager("  "),
		known: jane(func(p *v1alpha1.PersonSpec) { p.Manager = reference("boss") }),
		want:  unchanged,
	},
}

func TestDefaultUserMappingDoesNothingWithoutEmailOrName(t *testing.T) {
	rules := []*Rule{defaultRule(t, "default-user-mapping")}
	for name, spec := range map[string]v1alpha1.ScimUserSpec{
		"a user without any e-mail address": {UserName: "jane", DisplayName: "Jane"},
		"a new user without any name":       {UserName: "jane@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			result := planned(t, rules, Input{User: user(userID, spec)}, defaultDirectory())
			if got := result.Outcomes[0]; got.Reason != v1alpha1.ReasonConditionNotMet || got.After != nil || got.Changes != nil {
				t.Errorf("outcome %+v", got)
			}
			if len(result.Records) > 0 {
				t.Errorf("records %+v", result.Records)
			}
		})
	}
}

func TestDefaultUserMappingChangesNothingTheSecondTime(t *testing.T) {
	in, dir := loadExample(t)
	rules := []*Rule{defaultRule(t, "default-user-mapping")}
	made := planned(t, rules, in, dir).Outcomes[0].After.(*v1alpha1.Person)
	made.Name = "jane"
	dir.persons = append(dir.persons, made)
	again := planned(t, rules, in, dir).Outcomes[0]
	if again.Reason != v1alpha1.ReasonNoChange || len(again.Changes) != 0 {
		t.Errorf("reason %s, changes %v", again.Reason, again.Changes)
	}
	if diff := cmp.Diff(again.Before, again.After); diff != "" {
		t.Error(diff)
	}
}
