package rules

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func setWhen(field, value string, when v1alpha1.SetWhen) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value, When: when})
	}
}

// leaver is a user as the client has left it; lastActive says what it was called until then.
func leaver(spec v1alpha1.ScimUserSpec, lastActive *v1alpha1.ScimIdentity) Input {
	spec.Active, spec.LastActive = new(false), lastActive
	return Input{User: user(userID, spec)}
}

func TestWhatALeaverKeeps(t *testing.T) {
	known := v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com", OtherEmails: []string{"j@example.org"}, JobTitle: "Chef", Source: v1alpha1.SourceSCIM, SourceID: userID}
	everything := changed(withSet("name", "firstNonBlank([user.displayName, user.name.formatted])"), withSet("primaryEmail", "user.userName"),
		withSet("otherEmails", "user.emails.map(e, e.value)"), withSet("jobTitle", "user.title"))
	sent := v1alpha1.ScimUserSpec{
		UserName: "zz_jane@example.com", DisplayName: "zz_Jane", Title: "Retired",
		Name: &v1alpha1.ScimName{Formatted: "zz"}, Emails: []v1alpha1.ScimValue{{Value: "zz@example.org"}},
	}
	called := &v1alpha1.ScimIdentity{UserName: "jane@example.com", DisplayName: "Jane", Emails: []v1alpha1.ScimValue{{Value: "j@example.org"}}}
	const goesBy = "; it goes by userName, name, displayName, emails of when the user was last active"
	for name, c := range map[string]struct {
		rule    *v1alpha1.AutomationRule
		in      Input
		person  *v1alpha1.Person
		want    func(*v1alpha1.PersonSpec)
		message string
	}{
		"everything that it is known by": {
			in: leaver(sent, called), want: func(p *v1alpha1.PersonSpec) { p.JobTitle = "Retired" },
			message: "rule rule changes jobTitle" + goesBy,
		},
		"what it was called last, though nobody had looked before it left": {
			in: leaver(sent, &v1alpha1.ScimIdentity{UserName: "roe@example.com", Name: &v1alpha1.ScimName{Formatted: "Jane Roe"}}),
			want: func(p *v1alpha1.PersonSpec) {
				p.JobTitle, p.PrimaryEmail, p.Name, p.OtherEmails = "Retired", "roe@example.com", "Jane Roe", nil
			},
			message: "rule rule changes name, primaryEmail, otherEmails, jobTitle" + goesBy,
		},
		"its name and address, on a Person that is made for it": {
			in: leaver(sent, called), person: &v1alpha1.Person{}, want: func(p *v1alpha1.PersonSpec) { p.JobTitle = "Retired" },
			message: "rule rule creates the Person" + goesBy,
		},
		"another field, where the rule says so": {
			rule: changed(setWhen("jobTitle", "user.title", v1alpha1.SetWhenActive)),
			in:   leaver(sent, called), want: func(*v1alpha1.PersonSpec) {},
			message: "rule rule changes nothing" + goesBy + "; it keeps jobTitle, because the user is inactive",
		},
		"such a field, though its value cannot be had": {
			rule: changed(setWhen("jobTitle", "user.emails[7].value", v1alpha1.SetWhenActive)),
			in:   leaver(sent, called), want: func(*v1alpha1.PersonSpec) {},
			message: "rule rule changes nothing" + goesBy + "; it keeps jobTitle, because the user is inactive",
		},
		"nothing, if it never was active": {
			in: leaver(sent, nil),
			want: func(p *v1alpha1.PersonSpec) {
				p.Name, p.PrimaryEmail, p.OtherEmails, p.JobTitle = "zz_Jane", "zz_jane@example.com", []string{"zz@example.org"}, "Retired"
			},
			message: "rule rule changes name, primaryEmail, otherEmails, jobTitle",
		},
		"nothing, once it is active again": {
			in: func() Input {
				back := sent
				back.LastActive = called
				return Input{User: user(userID, back)}
			}(),
			want: func(p *v1alpha1.PersonSpec) {
				p.Name, p.PrimaryEmail, p.OtherEmails, p.JobTitle = "zz_Jane", "zz_jane@example.com", []string{"zz@example.org"}, "Retired"
			},
			message: "rule rule changes name, primaryEmail, otherEmails, jobTitle",
		},
		"all without a word, if it was not renamed": {
			in:   leaver(v1alpha1.ScimUserSpec{UserName: called.UserName, DisplayName: called.DisplayName, Emails: called.Emails, Title: "Chef"}, called),
			want: func(*v1alpha1.PersonSpec) {}, message: "the Person already is as rule rule wants it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, rule := &memory{}, everything
			if c.person == nil {
				dir.persons = append(dir.persons, person("jane", known))
			}
			if c.rule != nil {
				rule = c.rule
			}
			outcome := planned(t, []*Rule{compiled(t, rule)}, c.in, dir).Outcomes[0]
			want := known.DeepCopy()
			c.want(want)
			if outcome.After == nil {
				t.Fatal(outcome.Message)
			}
			if diff := cmp.Diff(*want, outcome.After.(*v1alpha1.Person).Spec, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if outcome.Message != c.message {
				t.Error(outcome.Message)
			}
		})
	}
}

// TestAnAddressThatALeaverKeeps has a user get the address of somebody who has left, and
// come back at the same time.
func TestAnAddressThatALeaverKeeps(t *testing.T) {
	rules := []*Rule{compiled(t, changed(withSet("primaryEmail", "user.userName"), withSet("jobTitle", "user.title"), withSet("disabled", "!user.active")))}
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "kept@example.com", Title: "Chef"})}
	for name, c := range map[string]struct {
		holder   v1alpha1.PersonSpec
		withheld bool
	}{
		"who is inactive":   {v1alpha1.PersonSpec{SourceID: otherID}, true},
		"who is gone":       {v1alpha1.PersonSpec{SourceID: "018f0000-0000-7000-8000-00000000dead"}, true},
		"who was never one": {v1alpha1.PersonSpec{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.holder.PrimaryEmail = "Kept@example.com"
			dir := &memory{
				persons: []*v1alpha1.Person{linkedJane(func(p *v1alpha1.PersonSpec) { p.Disabled = true }), person("kept", c.holder)},
				users:   []*v1alpha1.ScimUser{in.User, user(otherID, v1alpha1.ScimUserSpec{UserName: "x", Active: new(false)})},
			}
			outcome := planned(t, rules, in, dir).Outcomes[0]
			if !c.withheld {
				if !outcome.Failed() || outcome.Reason != v1alpha1.ReasonPrimaryEmailTaken || outcome.Withheld() != "" {
					t.Errorf("%s: %s", outcome.Reason, outcome.Message)
				}
				return
			}
			if outcome.Failed() || outcome.Withheld() != v1alpha1.ReasonPrimaryEmailTaken || slices.Contains(outcome.Assigned, "primaryEmail") {
				t.Fatalf("%s, withheld %s, assigned %v", outcome.Reason, outcome.Withheld(), outcome.Assigned)
			}
			after := outcome.After.(*v1alpha1.Person).Spec
			if after.PrimaryEmail != "jane@example.com" || after.JobTitle != "Chef" || after.Disabled {
				t.Errorf("%+v", after)
			}
			want := "rule rule changes jobTitle, disabled; it keeps primaryEmail, because Person kept, whose ScimUser has left, " +
				"has the new one; delete that Person, or have the client give another primaryEmail"
			if outcome.Message != want {
				t.Error(outcome.Message)
			}
		})
	}
	if _, err := Plan(t.Context(), rules, in, &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}, err: errors.New("no look-up")}); err == nil {
		t.Error("a look-up failed, and nothing is known")
	}
}

// TestTheFormerUserOfAPersonMakesNoOther takes a Person over with two rules, each of which
// changes it, and asks for the former user after each write.
func TestTheFormerUserOfAPersonMakesNoOther(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("first", withSet("primaryEmail", "user.userName"))),
		compiled(t, namedRule("second", withSet("jobTitle", "user.title"))),
	}
	former := leaver(v1alpha1.ScimUserSpec{UserName: "zz_jane@example.com"}, nil)
	successor := user(otherID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: "Chef"})
	dir := &memory{persons: []*v1alpha1.Person{linkedJane(func(*v1alpha1.PersonSpec) {})}, users: []*v1alpha1.ScimUser{former.User, successor}}
	taken := planned(t, rules, Input{User: successor}, dir)
	for i, outcome := range taken.Outcomes {
		person := outcome.After.(*v1alpha1.Person)
		if diff := cmp.Diff([]string{userID}, FormerSources(person)); diff != "" || person.Spec.SourceID != otherID {
			t.Fatalf("after rule %d, linked to %s: %s", i, person.Spec.SourceID, diff)
		}
		result := planned(t, rules, former, &memory{persons: []*v1alpha1.Person{person}, users: dir.users})
		for j, outcome := range result.Outcomes {
			want := fmt.Sprintf("rule %s does nothing, because the user is inactive and its Person, jane, went over to another user", rules[j].Name())
			if !outcome.Skipped() || outcome.Reason != v1alpha1.ReasonPersonTakenOver || outcome.Message != want {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		}
		if len(result.Records) > 0 {
			t.Errorf("records %v", result.Records)
		}
	}
	if _, err := Plan(t.Context(), rules, former, &memory{err: errors.New("no look-up")}); err == nil {
		t.Error("a look-up failed, and nothing is known")
	}

	// The Person has been deleted, and what it told with it.
	former.User.Status.FormerPerson = reference("jane")
	if result := planned(t, rules, former, &memory{}); result.Outcomes[0].Reason != v1alpha1.ReasonPersonTakenOver || result.FormerPerson != "jane" {
		t.Errorf("%s: %s", result.Outcomes[0].Reason, result.Outcomes[0].Message)
	}
	// Who is active is somebody, whatever has been before.
	former.User.Spec.Active = new(true)
	if outcome := planned(t, rules, former, dir).Outcomes[0]; !outcome.Create && outcome.Reason != v1alpha1.ReasonApplied {
		t.Errorf("%s: %s", outcome.Reason, outcome.Message)
	}
}

// TestALeaverWhosePersonLostItsLink has somebody empty the Person's sourceID, after which
// neither the link nor what the client calls the leaver leads to it.
func TestALeaverWhosePersonLostItsLink(t *testing.T) {
	rules := []*Rule{compiled(t, changed(withSet("primaryEmail", "user.userName")))}
	in := leaver(v1alpha1.ScimUserSpec{UserName: "zz_jane@example.com"}, &v1alpha1.ScimIdentity{UserName: "jane@example.com"})
	in.User.Status.Person = reference("jane")
	for name, c := range map[string]struct {
		sourceID string
		reason   string
		linked   bool
	}{
		"gets it back":                      {sourceID: "", reason: v1alpha1.ReasonApplied, linked: true},
		"makes none when another one's":     {sourceID: otherID, reason: v1alpha1.ReasonPersonTakenOver},
		"keeps it while it has not lost it": {sourceID: userID, reason: v1alpha1.ReasonApplied, linked: true},
	} {
		t.Run(name, func(t *testing.T) {
			jane := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = "", c.sourceID })
			result := planned(t, rules, in, &memory{persons: []*v1alpha1.Person{jane}})
			outcome := result.Outcomes[0]
			if outcome.Reason != c.reason || outcome.Create || (result.FormerPerson == "jane") == c.linked {
				t.Errorf("%s, former %q: %s", outcome.Reason, result.FormerPerson, outcome.Message)
			}
			if !c.linked {
				return
			}
			after := outcome.After.(*v1alpha1.Person)
			if after.Name != "jane" || after.Spec.SourceID != userID || after.Spec.PrimaryEmail != jane.Spec.PrimaryEmail {
				t.Errorf("%s: %+v", after.Name, after.Spec)
			}
		})
	}
	lookUps := &memory{err: errors.New("no look-up")}
	if _, err := Plan(t.Context(), rules, in, lookUps); err == nil {
		t.Error("a look-up failed, and nothing is known")
	}
}

func TestFormerSourcesAreTheLastOnes(t *testing.T) {
	p := linkedJane(func(*v1alpha1.PersonSpec) {})
	for i := range 2 * maxFormerSources {
		next := p.DeepCopy()
		next.Spec.SourceID = fmt.Sprint("user-", i)
		personKind.keepFormerSource(p, next)
		p = next
	}
	former := FormerSources(p)
	if len(former) != maxFormerSources || former[0] != fmt.Sprint("user-", 2*maxFormerSources-2) {
		t.Errorf("%v", former)
	}
	back := p.DeepCopy()
	back.Spec.SourceID = former[3]
	personKind.keepFormerSource(p, back)
	if got := FormerSources(back); slices.Contains(got, former[3]) || got[0] != p.Spec.SourceID {
		t.Errorf("%v", got)
	}
}

func TestWhoHadAPersonBeforeIsNoted(t *testing.T) {
	set := []*Rule{compiled(t, changed(withSet("jobTitle", `"Chef"`)))}
	for name, c := range map[string]struct {
		source, id, former, adopted string
	}{
		"a user":         {v1alpha1.SourceSCIM, otherID, otherID, ""},
		"the same user":  {v1alpha1.SourceSCIM, userID, "", ""},
		"nobody":         {"", "", "", userID},
		"another system": {"HR", "4711", "", userID},
	} {
		person := linkedJane(func(p *v1alpha1.PersonSpec) { p.Source, p.SourceID = c.source, c.id })
		after := planned(t, set, Input{User: activeUser(userID, true)}, &memory{persons: []*v1alpha1.Person{person}}).Outcomes[0].After
		if after == nil {
			t.Fatalf("%s: no outcome", name)
		}
		annotations := after.GetAnnotations()
		if annotations[v1alpha1.AnnotationFormerSources] != c.former || annotations[v1alpha1.AnnotationAdopted] != c.adopted {
			t.Errorf("%s: %v", name, annotations)
		}
	}
	if made := planned(t, set, Input{User: activeUser(userID, true)}, &memory{}).Outcomes[0].After; len(made.GetAnnotations()) != 0 {
		t.Errorf("a new one: %v", made.GetAnnotations())
	}
}

// TestAnAddressThatALaterRuleCorrects has a rule withhold an address that the next one sets
// to one that the Person may have.
func TestAnAddressThatALaterRuleCorrects(t *testing.T) {
	set := []*Rule{
		compiled(t, namedRule("first", withSet("primaryEmail", "user.userName"), withSet("jobTitle", "user.title"))),
		compiled(t, namedRule("second", withSet("primaryEmail", `user.userName.replace("example.com", "example.net")`))),
	}
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Title: "Chef"}), Trust: Trust{Domains: []EmailDomains{{Endpoint: "okta", Domains: []string{"example.net"}}}}}
	own := linkedJane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane@example.net" })
	result := planned(t, set, in, &memory{persons: []*v1alpha1.Person{own}})
	for _, outcome := range result.Outcomes {
		if outcome.Failed() || outcome.Withheld() != "" {
			t.Errorf("%s, withheld %q: %s", outcome.Reason, outcome.Withheld(), outcome.Message)
		}
	}
	if got := result.Records[v1alpha1.RecordPerson].(*v1alpha1.Person).Spec; got.PrimaryEmail != "jane@example.net" || got.JobTitle != "Chef" {
		t.Errorf("%+v", got)
	}
}
