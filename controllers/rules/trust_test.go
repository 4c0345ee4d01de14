package rules

import (
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestRulesKeepOffAProtectedPerson(t *testing.T) {
	set := []*Rule{compiled(t, changed(withSet("primaryEmail", "user.userName"), withSet("disabled", "!user.active"), withSet("name", "user.displayName")))}
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", DisplayName: "Jane"})}
	for name, sourceID := range map[string]string{"found by its address": "", "linked": userID} {
		t.Run(name, func(t *testing.T) {
			jane := linkedJane(func(p *v1alpha1.PersonSpec) { p.SourceID, p.Disabled = sourceID, true })
			jane.Annotations = map[string]string{v1alpha1.AnnotationProtected: "true"}
			dir := &memory{persons: []*v1alpha1.Person{jane}}
			outcome := planned(t, set, in, dir).Outcomes[0]
			const want = "rule rule: Person jane is protected; its annotation provisioning.rservice.dev/protected has to go before provisioning may change it"
			if outcome.Reason != v1alpha1.ReasonPersonProtected || outcome.After != nil || outcome.Message != want {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
			jane.Annotations[v1alpha1.AnnotationProtected] = "false"
			if outcome := planned(t, set, in, dir).Outcomes[0]; outcome.Reason != v1alpha1.ReasonApplied {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		})
	}
}

func TestWhatTheClientMayHaveAUserDoToAPerson(t *testing.T) {
	set := []*Rule{compiled(t, changed(withSet("primaryEmail", "user.userName"), withSet("jobTitle", "user.title")))}
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: "Chef"})}
	byHand := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = "", "" })
	gone := linkedJane(func(p *v1alpha1.PersonSpec) { p.SourceID = otherID })
	own := linkedJane(func(*v1alpha1.PersonSpec) {})
	moved := linkedJane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane@example.org" })
	others := linkedJane(func(p *v1alpha1.PersonSpec) { p.SourceID = "active" })
	unlinked := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = "", "" })
	unlinked.Name = "unlinked"
	in.User.Status.Person = reference("unlinked")
	foreign := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = "HR", "4711" })
	parked := linkedJane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane" + ParkedDomain })
	domains := func(names ...string) Trust { return Trust{Domains: []EmailDomains{{Endpoint: "okta", Domains: names}}} }
	for name, c := range map[string]struct {
		trust    Trust
		person   *v1alpha1.Person
		reason   string
		withheld string
	}{
		"gets one made by hand":                    {person: byHand, reason: v1alpha1.ReasonApplied},
		"gets one made by hand, if said so":        {trust: Trust{Link: v1alpha1.LinkByEmail}, person: byHand, reason: v1alpha1.ReasonApplied},
		"gets none made by hand":                   {trust: Trust{Link: v1alpha1.LinkFormer}, person: byHand, reason: v1alpha1.ReasonLinkNotAllowed},
		"gets one of a user that is gone":          {trust: Trust{Link: v1alpha1.LinkFormer}, person: gone, reason: v1alpha1.ReasonApplied},
		"gets none at all":                         {trust: Trust{Link: v1alpha1.LinkNever}, person: gone, reason: v1alpha1.ReasonLinkNotAllowed},
		"keeps its own":                            {trust: Trust{Link: v1alpha1.LinkNever}, person: own, reason: v1alpha1.ReasonApplied},
		"gets a new one":                           {trust: Trust{Link: v1alpha1.LinkNever}, reason: v1alpha1.ReasonApplied},
		"gets a new one in a domain":               {trust: domains("example.net", "example.com"), reason: v1alpha1.ReasonApplied},
		"gets no new one outside":                  {trust: domains("example.net"), reason: v1alpha1.ReasonEmailDomainNotAllowed},
		"gets none where no domain is left":        {trust: domains(), reason: v1alpha1.ReasonEmailDomainNotAllowed},
		"gets none that exists outside":            {trust: domains("example.net"), person: byHand, reason: v1alpha1.ReasonEmailDomainNotAllowed},
		"gets none of before outside":              {trust: domains("example.net"), person: gone, reason: v1alpha1.ReasonEmailDomainNotAllowed},
		"hears of an active other first":           {trust: Trust{Link: v1alpha1.LinkNever}, person: others, reason: v1alpha1.ReasonPrimaryEmailTaken},
		"gets back what was unlinked by hand":      {trust: Trust{Link: v1alpha1.LinkNever, Domains: domains().Domains}, person: unlinked, reason: v1alpha1.ReasonApplied},
		"gets one of another source, as by hand":   {trust: Trust{Link: v1alpha1.LinkFormer}, person: foreign, reason: v1alpha1.ReasonLinkNotAllowed},
		"gets an address back that made way":       {trust: domains("example.com"), person: parked, reason: v1alpha1.ReasonApplied},
		"gets no address outside by making way":    {trust: domains("example.net"), person: parked, reason: v1alpha1.ReasonApplied, withheld: v1alpha1.ReasonEmailDomainNotAllowed},
		"keeps its own address":                    {trust: domains("example.net"), person: own, reason: v1alpha1.ReasonApplied},
		"moves to no address outside, but is kept": {trust: domains("example.org"), person: moved, reason: v1alpha1.ReasonApplied, withheld: v1alpha1.ReasonEmailDomainNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			in.Trust = c.trust
			dir := &memory{users: []*v1alpha1.ScimUser{user("active", v1alpha1.ScimUserSpec{UserName: "other"})}}
			if c.person != nil {
				dir.persons = append(dir.persons, c.person)
			}
			outcome := planned(t, set, in, dir).Outcomes[0]
			if outcome.Reason != c.reason || outcome.Withheld() != c.withheld {
				t.Fatalf("%s, withheld %q: %s", outcome.Reason, outcome.Withheld(), outcome.Message)
			}
			if c.withheld != "" {
				if after := outcome.After.(*v1alpha1.Person).Spec; after.PrimaryEmail != c.person.Spec.PrimaryEmail || after.JobTitle != "Chef" {
					t.Errorf("%+v", after)
				}
			}
		})
	}
}

// TestWhoSaysWhatTheClientMayNotDo: the messages name the ScimEndpoints whose spec has to be changed.
func TestWhoSaysWhatTheClientMayNotDo(t *testing.T) {
	set := []*Rule{compiled(t, changed(withSet("primaryEmail", "user.userName")))}
	byHand := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = "", "" })
	bound := func(endpoint string, domains ...string) EmailDomains {
		return EmailDomains{Endpoint: endpoint, Domains: domains}
	}
	for want, trust := range map[string]Trust{
		"by spec.linkExisting: Former of ScimEndpoint okta no user gets one that no SCIM client has pushed before; change that,": {Link: v1alpha1.LinkFormer, LinkBy: []string{"okta"}},
		"by spec.linkExisting: Never of ScimEndpoints entra, okta no user gets a Person that exists; change that,":               {Link: v1alpha1.LinkNever, LinkBy: []string{"entra", "okta"}},
		"because its domain is not among spec.emailDomains of ScimEndpoint okta; add it,":                                        {Domains: []EmailDomains{bound("entra", "example.com"), bound("okta", "example.net")}},
		"because its domain is not among spec.emailDomains of ScimEndpoints a, b, c and 2 more; add it,":                         {Domains: []EmailDomains{bound("a"), bound("b"), bound("c"), bound("d"), bound("e")}},
		"and there is no ScimEndpoint in the namespace whose client may be trusted with it; make one,":                           {Link: v1alpha1.LinkNever},
		"no user gets it, because there is no ScimEndpoint in the namespace whose client may be trusted with it":                 {Domains: []EmailDomains{{}}},
	} {
		in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com"}), Trust: trust}
		outcome := planned(t, set, in, &memory{persons: []*v1alpha1.Person{byHand}}).Outcomes[0]
		if !outcome.Failed() || !strings.Contains(outcome.Message, want) {
			t.Errorf("%s: %s, want %q", outcome.Reason, outcome.Message, want)
		}
	}
}

// TestTheLastAddressOfANewPersonCounts: the rule that makes a Person may give it an address outside of the domains, if
// another one corrects that; the Person never has it.
func TestTheLastAddressOfANewPersonCounts(t *testing.T) {
	corrects := func(domain string) *Rule {
		return compiled(t, namedRule("second", withSet("primaryEmail", `user.userName.replace("example.com", "`+domain+`")`), withSet("jobTitle", `"Chef"`)))
	}
	makes := compiled(t, namedRule("first", withSet("primaryEmail", "user.userName")))
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com"}), Trust: Trust{Domains: []EmailDomains{{Endpoint: "okta", Domains: []string{"example.net"}}}}}

	result := planned(t, []*Rule{makes, corrects("example.net")}, in, &memory{})
	first, second := result.Outcomes[0], result.Outcomes[1]
	if first.Reason != v1alpha1.ReasonApplied || !first.Create || first.After.(*v1alpha1.Person).Spec.PrimaryEmail != "jane@example.net" {
		t.Errorf("%s: %s", first.Reason, first.Message)
	}
	if second.Failed() || second.Withheld() != "" || second.After.(*v1alpha1.Person).Spec.PrimaryEmail != "jane@example.net" {
		t.Errorf("%s: %s", second.Reason, second.Message)
	}

	for _, set := range [][]*Rule{{makes}, {makes, corrects("example.org")}} {
		outcomes := planned(t, set, in, &memory{}).Outcomes
		if first := outcomes[0]; first.Reason != v1alpha1.ReasonEmailDomainNotAllowed || first.After != nil || !strings.Contains(first.Message, "of ScimEndpoint okta") {
			t.Errorf("%s: %s", first.Reason, first.Message)
		}
		for _, later := range outcomes[1:] {
			if later.Reason != v1alpha1.ReasonTargetNotFound {
				t.Errorf("%s: %s", later.Reason, later.Message)
			}
		}
	}
}

// TestWhoHadAPersonBeforeIsNoted: a SCIM user, or somebody's hands.
