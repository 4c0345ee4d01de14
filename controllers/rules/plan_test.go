package rules

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const otherID = "01980000-0000-7000-8000-000000000099"

func activeUser(id string, active bool) *v1alpha1.ScimUser {
	return user(id, v1alpha1.ScimUserSpec{UserName: "jane@example.com", Active: &active})
}

func TestWhichPersonARuleUpdates(t *testing.T) {
	linkedTo := func(id string) *v1alpha1.Person {
		return person("jane", v1alpha1.PersonSpec{PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: id})
	}
	for name, c := range map[string]struct {
		persons  []*v1alpha1.Person
		users    []*v1alpha1.ScimUser
		inactive bool
		noCreate bool
		// reason is Applied when empty; record is the name of the record updated, ""
		// for a new one.
		reason, record string
	}{
		"the linked one, before the one that match finds": {
			persons: []*v1alpha1.Person{
				person("clone", v1alpha1.PersonSpec{PrimaryEmail: "jane@example.com"}),
				person("jane", v1alpha1.PersonSpec{PrimaryEmail: "maiden@example.com", SourceID: userID}),
			},
			record: "jane",
		},
		"the linked one though it is disabled": {
			persons: []*v1alpha1.Person{person("jane", v1alpha1.PersonSpec{PrimaryEmail: "x@example.com", SourceID: userID, Disabled: true})},
			record:  "jane",
		},
		"one made by hand": {
			persons: []*v1alpha1.Person{person("jane", v1alpha1.PersonSpec{PrimaryEmail: "JANE@example.com"})},
			record:  "jane",
		},
		"a new one where there is none": {},
		"none where the rule may not create one": {
			noCreate: true, reason: v1alpha1.ReasonTargetNotFound,
		},
		"one whose user is gone": {
			persons: []*v1alpha1.Person{linkedTo(otherID)},
			record:  "jane",
		},
		"one whose user is inactive": {
			persons: []*v1alpha1.Person{linkedTo(otherID)},
			users:   []*v1alpha1.ScimUser{activeUser(otherID, false)},
			record:  "jane",
		},
		"not one whose user is active": {
			persons: []*v1alpha1.Person{linkedTo(otherID)},
			users:   []*v1alpha1.ScimUser{activeUser(otherID, true)},
			reason:  v1alpha1.ReasonPrimaryEmailTaken,
		},
		"not from an inactive user for an inactive one": {
			persons:  []*v1alpha1.Person{linkedTo(otherID)},
			users:    []*v1alpha1.ScimUser{activeUser(otherID, false)},
			inactive: true,
			reason:   v1alpha1.ReasonPrimaryEmailTaken,
		},
		"for an inactive user one whose user is gone": {
			persons:  []*v1alpha1.Person{linkedTo(otherID)},
			inactive: true,
			record:   "jane",
		},
	} {
		t.Run(name, func(t *testing.T) {
			rule := compiled(t, changed(withSet("jobTitle", `"Engineer"`), func(r *v1alpha1.AutomationRule) {
				r.Spec.Update.Create = !c.noCreate
			}))
			in := Input{User: activeUser(userID, !c.inactive)}
			outcome := planned(t, []*Rule{rule}, in, &memory{persons: c.persons, users: c.users}).Outcomes[0]
			if c.reason != "" {
				if outcome.Reason != c.reason || outcome.After != nil || outcome.Changes != nil {
					t.Errorf("outcome %+v", outcome)
				}
				return
			}
			if outcome.Reason != v1alpha1.ReasonApplied {
				t.Fatalf("reason %s: %s", outcome.Reason, outcome.Message)
			}
			after := outcome.After.(*v1alpha1.Person)
			if after.Name != c.record || outcome.Create != (c.record == "") || after.Namespace != "tenant" {
				t.Errorf("record %s/%q, create %v", after.Namespace, after.Name, outcome.Create)
			}
			if after.Spec.SourceID != userID || after.Spec.Source != v1alpha1.SourceSCIM || after.Spec.JobTitle != "Engineer" {
				t.Errorf("spec %+v", after.Spec)
			}
		})
	}
}

func TestPrimaryEmailOfAnotherPersonIsRefused(t *testing.T) {
	linked := person("jane", v1alpha1.PersonSpec{PrimaryEmail: "maiden@example.com", SourceID: userID})
	rule := compiled(t, changed(withSet("jobTitle", `"Engineer"`), withSet("primaryEmail", "user.userName")))
	in := Input{User: activeUser(userID, true)}

	taken := &memory{persons: []*v1alpha1.Person{linked, person("clone", v1alpha1.PersonSpec{PrimaryEmail: "Jane@example.com"})}}
	outcome := planned(t, []*Rule{rule}, in, taken).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonPrimaryEmailTaken || outcome.After != nil {
		t.Errorf("outcome %+v", outcome)
	}
	if outcome.Before == nil || outcome.Before.GetName() != "jane" {
		t.Errorf("before %v, want the linked record", outcome.Before)
	}

	free := &memory{persons: []*v1alpha1.Person{linked}}
	if outcome := planned(t, []*Rule{rule}, in, free).Outcomes[0]; outcome.Reason != v1alpha1.ReasonApplied {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestNewPersonMayNotGetTheEmailOfAnother(t *testing.T) {
	rule := compiled(t, changed(withSet("primaryEmail", `"clone@example.com"`)))
	dir := &memory{persons: []*v1alpha1.Person{person("clone", v1alpha1.PersonSpec{PrimaryEmail: "clone@example.com"})}}
	outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, dir).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonPrimaryEmailTaken {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestChangesAreToldInTheOrderOfTheFields(t *testing.T) {
	rule := compiled(t, changed(
		withSet("customFields.b", `[{"n": 1}]`), withSet("customFields.a", "customFields.?badge"),
		withSet("disabled", "true"), withSet("organization", `""`), withSet("jobTitle", `"Chef"`), withSet("vip", "false")))
	in := Input{User: activeUser(userID, true)}
	in.User.Spec.Extensions = map[string]v1alpha1.JSON{"URN:x:Custom_Fields": {Raw: []byte(`{"custom_fields":[{"id":"badge","value":"B"}]}`)}}
	dir := &memory{persons: []*v1alpha1.Person{person("jane", v1alpha1.PersonSpec{
		PrimaryEmail: "jane@example.com", VIP: true, Organization: reference("sales"),
		CustomFields: map[string]v1alpha1.JSON{"b": {Raw: []byte(`{"x":1}`)}},
	})}}
	want := []v1alpha1.FieldChange{
		{Field: "jobTitle", To: "Chef"},
		{Field: "organization", From: "sales"},
		{Field: "vip", From: "true", To: "false"},
		{Field: "disabled", From: "false", To: "true"},
		{Field: "source", To: "SCIM"},
		{Field: "sourceID", To: userID},
		{Field: "customFields.a", To: `"B"`},
		{Field: "customFields.b", From: `{"x":1}`, To: `[{"n":1}]`},
	}
	outcome := planned(t, []*Rule{rule}, in, dir).Outcomes[0]
	if diff := cmp.Diff(want, outcome.Changes); diff != "" {
		t.Error(diff)
	}
	if want := "rule rule changes jobTitle, organization, vip, disabled, source, sourceID, customFields.a, customFields.b"; outcome.Message != want {
		t.Errorf("message %q", outcome.Message)
	}
}

func TestLaterRulesSeeWhatEarlierOnesSet(t *testing.T) {
	creates := compiled(t, changed(withSet("jobTitle", `"Chef"`)))
	follows := compiled(t, changed(
		withCondition(`record.jobTitle == "Chef"`),
		withSet("location", `"Kitchen of " + record.jobTitle`),
		withSetCreated("locale", `"nl-NL"`)))
	result := planned(t, []*Rule{creates, follows}, Input{User: activeUser(userID, true)}, &memory{})

	first, second := result.Outcomes[0], result.Outcomes[1]
	if !first.Create || second.Create || second.Reason != v1alpha1.ReasonApplied {
		t.Fatalf("outcomes %+v", result.Outcomes)
	}
	if diff := cmp.Diff(first.After, second.Before); diff != "" {
		t.Errorf("the second rule did not begin where the first ended:\n%s", diff)
	}
	want := []v1alpha1.FieldChange{{Field: "location", To: "Kitchen of Chef"}, {Field: "locale", To: "nl-NL"}}
	if diff := cmp.Diff(want, second.Changes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(second.After, result.Records[v1alpha1.RecordPerson]); diff != "" {
		t.Errorf("the result's record is not the last one:\n%s", diff)
	}
}

func TestAFailedRuleLeavesTheOthersToRun(t *testing.T) {
	fails := compiled(t, changed(withSet("jobTitle", `"Chef"`), withSet("location", `customFields.room`)))
	works := compiled(t, changed(withSet("supportID", `"S1"`)))
	in := Input{User: activeUser(userID, true)}

	known := &memory{persons: []*v1alpha1.Person{person("jane", v1alpha1.PersonSpec{PrimaryEmail: "jane@example.com"})}}
	outcomes := planned(t, []*Rule{fails, works}, in, known).Outcomes
	if outcomes[0].Reason != v1alpha1.ReasonExpressionError || outcomes[0].After != nil || outcomes[0].Changes != nil {
		t.Errorf("first outcome %+v", outcomes[0])
	}
	after := outcomes[1].After.(*v1alpha1.Person)
	if outcomes[1].Reason != v1alpha1.ReasonApplied || after.Spec.SupportID != "S1" || after.Spec.JobTitle != "" {
		t.Errorf("second outcome %+v", outcomes[1])
	}

	outcomes = planned(t, []*Rule{fails, works}, in, &memory{}).Outcomes
	if outcomes[1].Reason != v1alpha1.ReasonTargetNotFound || !strings.Contains(outcomes[1].Message, "rule rule failed before") {
		t.Errorf("no later rule may create the person that a failed one should: %+v", outcomes[1])
	}
}

func TestConditionGuardsMatchAndValues(t *testing.T) {
	rule := compiled(t, changed(
		withCondition("size(user.emails) > 0"), withMatch("primaryEmail", "user.emails[0].value"), withSet("jobTitle", "user.emails[0].type")))
	outcome := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{}).Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonConditionNotMet || outcome.Message != "the condition of rule rule is not met: size(user.emails) > 0" {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestResultRecordIsTheLinkedOneEvenWhenNoRuleApplies(t *testing.T) {
	linked := person("jane", v1alpha1.PersonSpec{PrimaryEmail: "jane@example.com", SourceID: userID})
	rule := compiled(t, changed(withCondition("false")))
	result := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{persons: []*v1alpha1.Person{linked}})
	if result.Records[v1alpha1.RecordPerson] == nil || result.Records[v1alpha1.RecordPerson].GetName() != "jane" || result.Outcomes[0].Before.GetName() != "jane" {
		t.Errorf("result %+v", result)
	}
}

func TestLookupErrorsAbortThePlan(t *testing.T) {
	failure := errors.New("cache is not synced")
	in := Input{User: activeUser(userID, true)}
	for name, rule := range map[string]*v1alpha1.AutomationRule{
		"of match":                       changed(),
		"of an expression":               changed(withExpression("o", `find.organization("Sales").orValue("")`), withCondition("false")),
		"that CEL does not need":         changed(withCondition(`false && find.organization("Sales").hasValue() || find.personOf("x").hasValue() || true`)),
		"of the record in the condition": changed(withCondition(`record.name == "" || true`)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Plan(t.Context(), []*Rule{compiled(t, rule)}, in, &memory{err: failure})
			if !errors.Is(err, failure) {
				t.Errorf("error %v, want that of the directory", err)
			}
		})
	}
}

func TestAnEndedContextAbortsThePlan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rule := compiled(t, changed(withExpression("n", "groups.map(g, g.displayName).size()")))
	in := Input{User: activeUser(userID, true), Groups: make([]Group, 10*InterruptCheckFrequency)}
	if _, err := Plan(ctx, []*Rule{rule}, in, &memory{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestPlanRefusesWhatDoesNotFitTogether(t *testing.T) {
	userRule, groupRule := compiled(t, changed()), compiled(t, groupRule())
	g := group("g", v1alpha1.ScimGroupSpec{DisplayName: "Sales"})
	for name, c := range map[string]struct {
		rule *Rule
		in   Input
	}{
		"no subject":              {userRule, Input{}},
		"two subjects":            {userRule, Input{User: activeUser(userID, true), Group: g}},
		"a group rule for a user": {groupRule, Input{User: activeUser(userID, true)}},
		"a user rule for a group": {userRule, Input{Group: g}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Plan(t.Context(), []*Rule{c.rule}, c.in, &memory{}); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestPlanIsPure plans the example twice, with several rules, and looks at what it
// was given and what it gave.
func TestPlanIsPure(t *testing.T) {
	in, dir := loadExample(t)
	dir.persons = append(dir.persons, &v1alpha1.Person{
		ObjectMeta: metav1.ObjectMeta{Name: "jane", Namespace: "tenant", Labels: map[string]string{"a": "b"}},
		Spec: v1alpha1.PersonSpec{
			PrimaryEmail: "jane@example.com", OtherEmails: []string{"old@example.com"},
			Contacts:     []v1alpha1.PersonContact{{Protocol: "telephone", URI: "1", Integration: true}, {Protocol: "chat", URI: "2"}},
			CustomFields: map[string]v1alpha1.JSON{"badge": {Raw: []byte(`"A"`)}, "old": {Raw: []byte(`1`)}},
		},
	})
	all := []*Rule{defaultRule(t, "default-user-mapping"), compiled(t, changed(
		withClear("customFields.old"), withSet("customFields.badge", "customFields.badge"),
		withAdd("otherEmails", `"new@example.com"`), withRemove("otherEmails", `["JROE@example.org"]`),
		withRemove("contacts", "contacts(user.phoneNumbers)")))}
	input, directory := snapshot(t, in), snapshot(t, *dir)
	first := planned(t, all, in, dir)
	second := planned(t, all, in, dir)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same plan came out differently:\n%s", diff)
	}
	if snapshot(t, in) != input || snapshot(t, *dir) != directory {
		t.Error("the plan changed what it was given")
	}
	for _, o := range first.Outcomes {
		o.Before.(*v1alpha1.Person).Spec.Contacts[0].URI = "changed"
		o.After.(*v1alpha1.Person).Labels["a"] = "changed"
	}
	if snapshot(t, *dir) != directory {
		t.Error("the plan shares memory with the directory")
	}
}

func snapshot(t *testing.T, value any) string {
	t.Helper()
	in, ok := value.(Input)
	if ok {
		return jsonOf(t, in.User) + jsonOf(t, in.Groups)
	}
	m := value.(memory)
	return jsonOf(t, m.persons) + jsonOf(t, m.organizations) + jsonOf(t, m.users)
}

// TestARuleServesManyPlansAtOnce is for the race detector.
func TestARuleServesManyPlansAtOnce(t *testing.T) {
	in, dir := loadExample(t)
	rules := []*Rule{defaultRule(t, "default-user-mapping")}
	want := planned(t, rules, in, dir)
	results := make([]Result, 16)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i], _ = Plan(context.Background(), rules, in, dir) })
	}
	group.Wait()
	for _, got := range results {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}
