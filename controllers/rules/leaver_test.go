package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func setWhen(field, value string, when v1alpha1.SetWhen) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value, When: when})
	}
}

// leaver is a user as it is after the client has renamed and deactivated it.
func leaver(spec v1alpha1.ScimUserSpec) Input {
	spec.Active = new(false)
	return Input{User: user(userID, spec)}
}

func TestWhatALeaverKeeps(t *testing.T) {
	known := v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com", OtherEmails: []string{"j@example.org"}, JobTitle: "Chef", Source: v1alpha1.SourceSCIM, SourceID: userID}
	renamed := leaver(v1alpha1.ScimUserSpec{
		UserName: "zz_jane@example.com", DisplayName: "zz_Jane", Title: "Retired", Emails: []v1alpha1.ScimValue{{Value: "zz@example.org"}},
	})
	const others = "user.emails.map(e, e.value)"
	for name, c := range map[string]struct {
		rule    *v1alpha1.AutomationRule
		in      Input
		want    func(*v1alpha1.PersonSpec)
		message string
	}{
		"everything that it is known by, though the rule does not say so": {
			rule:    changed(withSet("name", "user.displayName"), withSet("primaryEmail", "user.userName"), withSet("otherEmails", others), withSet("jobTitle", "user.title")),
			want:    func(p *v1alpha1.PersonSpec) { p.JobTitle = "Retired" },
			message: "rule rule changes jobTitle; it keeps name, primaryEmail, otherEmails, because the user is inactive",
		},
		"what add, remove and clear would change": {
			rule: changed(withAdd("otherEmails", others), withRemove("otherEmails", `["j@example.org"]`), func(r *v1alpha1.AutomationRule) {
				r.Spec.Update.Clear = []string{"name"}
			}),
			want:    func(*v1alpha1.PersonSpec) {},
			message: "rule rule changes nothing; it keeps name, otherEmails, because the user is inactive",
		},
		"another field, where the rule says so": {
			rule:    changed(setWhen("jobTitle", "user.title", v1alpha1.SetWhenActive)),
			want:    func(*v1alpha1.PersonSpec) {},
			message: "rule rule changes nothing; it keeps jobTitle, because the user is inactive",
		},
		"nothing of what is set always": {
			rule: changed(setWhen("name", "user.displayName", v1alpha1.SetWhenAlways), setWhen("primaryEmail", "user.userName", v1alpha1.SetWhenAlways),
				setWhen("otherEmails", others, v1alpha1.SetWhenAlways)),
			want: func(p *v1alpha1.PersonSpec) {
				p.Name, p.PrimaryEmail, p.OtherEmails = "zz_Jane", "zz_jane@example.com", []string{"zz@example.org"}
			},
			message: "rule rule changes name, primaryEmail, otherEmails",
		},
		"a value that cannot be had is no failure": {
			rule:    changed(withSet("primaryEmail", "user.emails[7].value"), withSet("jobTitle", "user.title")),
			want:    func(p *v1alpha1.PersonSpec) { p.JobTitle = "Retired" },
			message: "rule rule changes jobTitle; it keeps primaryEmail, because the user is inactive",
		},
		"nothing is said where nothing would change": {
			rule:    changed(withSet("primaryEmail", "user.userName"), withSet("name", "?user.displayName")),
			in:      leaver(v1alpha1.ScimUserSpec{UserName: "jane@example.com"}),
			want:    func(*v1alpha1.PersonSpec) {},
			message: "the Person already is as rule rule wants it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.in
			if in.User == nil {
				in = renamed
			}
			dir := &memory{persons: []*v1alpha1.Person{person("other", v1alpha1.PersonSpec{PrimaryEmail: "zz_jane@example.com", SourceID: otherID})}}
			if strings.Contains(c.message, "changes name, primaryEmail") {
				dir.persons = nil
			}
			dir.persons = append(dir.persons, person("jane", known))
			outcome := planned(t, []*Rule{compiled(t, c.rule)}, in, dir).Outcomes[0]
			want := known.DeepCopy()
			c.want(want)
			if outcome.After == nil {
				t.Fatal(outcome.Message)
			}
			if diff := cmp.Diff(*want, outcome.After.(*v1alpha1.Person).Spec); diff != "" {
				t.Error(diff)
			}
			if outcome.Message != c.message {
				t.Error(outcome.Message)
			}
		})
	}
}

func TestALeaverKeepsNothingOfAnAddressThatMakesWay(t *testing.T) {
	rule := compiled(t, changed(withSet("primaryEmail", "user.userName")))
	parked := linkedJane(func(p *v1alpha1.PersonSpec) { p.PrimaryEmail = "jane" + ParkedDomain })
	outcome := planned(t, []*Rule{rule}, leaver(v1alpha1.ScimUserSpec{UserName: "jane@example.com"}), &memory{persons: []*v1alpha1.Person{parked}}).Outcomes[0]
	if got := outcome.After.(*v1alpha1.Person).Spec.PrimaryEmail; got != "jane@example.com" {
		t.Errorf("%s: %s", got, outcome.Message)
	}
}

func TestAUserCreatedInactiveGetsAllOfItsPerson(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("first", withSet("primaryEmail", "user.userName"))),
		compiled(t, namedRule("second", withSet("name", "user.displayName"))),
	}
	in := leaver(v1alpha1.ScimUserSpec{UserName: "jane@example.com", DisplayName: "Jane"})
	whole := planned(t, rules, in, &memory{})
	want := v1alpha1.PersonSpec{Name: "Jane", PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: userID}
	if diff := cmp.Diff(want, whole.Records[v1alpha1.RecordPerson].(*v1alpha1.Person).Spec); diff != "" {
		t.Error(diff)
	}
	// The process ends after the first of the two writes.
	left := whole.Outcomes[0].After.DeepCopyObject().(*v1alpha1.Person)
	left.Name = "jane"
	again := planned(t, rules, in, &memory{persons: []*v1alpha1.Person{left}})
	if diff := cmp.Diff(want, again.Records[v1alpha1.RecordPerson].(*v1alpha1.Person).Spec); diff != "" {
		t.Error(diff)
	}
}

// TestTheFormerUserOfAPersonMakesNoOther takes a Person over with two rules, each of which
// changes it, and asks for the former user after each write.
func TestTheFormerUserOfAPersonMakesNoOther(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("first", withSet("primaryEmail", "user.userName"))),
		compiled(t, namedRule("second", withSet("jobTitle", "user.title"))),
	}
	former := leaver(v1alpha1.ScimUserSpec{UserName: "zz_jane@example.com"})
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
	in := leaver(v1alpha1.ScimUserSpec{UserName: "zz_jane@example.com"})
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

// TestAPersonThatNoActiveUserHasHad corrects somebody who is yet to start: nobody is known
// by the address before.
func TestAPersonThatNoActiveUserHasHad(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("first", withSet("primaryEmail", "user.userName"), withSet("jobTitle", "user.title"))),
		compiled(t, namedRule("second", withSet("name", "user.displayName"))),
	}
	var current *v1alpha1.Person
	send := func(active bool, userName, displayName string) Result {
		t.Helper()
		dir := &memory{}
		if current != nil {
			dir.persons = append(dir.persons, current)
		}
		result := planned(t, rules, Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: userName, DisplayName: displayName, Active: &active})}, dir)
		for _, outcome := range result.Outcomes {
			if outcome.Failed() {
				t.Fatal(outcome.Message)
			}
		}
		// As it is written.
		current = result.Outcomes[1].After.DeepCopyObject().(*v1alpha1.Person)
		current.Name = "jane"
		return result
	}
	expect := func(email, name string, never bool) {
		t.Helper()
		if current.Spec.PrimaryEmail != email || current.Spec.Name != name || neverActive(current) != never {
			t.Errorf("%s, %s, never active: %t", current.Spec.PrimaryEmail, current.Spec.Name, neverActive(current))
		}
	}
	made := send(false, "typo@example.com", "Typo")
	if first := made.Outcomes[0]; !first.Create || !neverActive(first.After) {
		t.Errorf("made without note: %s", first.Message)
	}
	expect("typo@example.com", "Typo", true)
	send(false, "jane@example.com", "Jane")
	expect("jane@example.com", "Jane", true)
	steady := func() {
		t.Helper()
		for _, outcome := range send(!neverActive(current), "jane@example.com", "Jane").Outcomes {
			if outcome.Reason != v1alpha1.ReasonNoChange {
				t.Errorf("%s: %s", outcome.Reason, outcome.Message)
			}
		}
	}
	steady()
	started := send(true, "jane@example.com", "Jane")
	if first, second := started.Outcomes[0], started.Outcomes[1]; first.Reason != v1alpha1.ReasonApplied || second.Reason != v1alpha1.ReasonNoChange {
		t.Errorf("%s; %s", first.Message, second.Message)
	}
	expect("jane@example.com", "Jane", false)
	steady()
	send(false, "zz_jane@example.com", "zz")
	expect("jane@example.com", "Jane", false)
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
