package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// namedRule is a rule with a name of its own.
func namedRule(name string, changes ...ruleChange) *v1alpha1.AutomationRule {
	return changed(append(changes, func(r *v1alpha1.AutomationRule) { r.Name = name })...)
}

// linkedJane is the Person of userID, whom the rules of these tests change.
func linkedJane(change func(*v1alpha1.PersonSpec)) *v1alpha1.Person {
	spec := v1alpha1.PersonSpec{PrimaryEmail: "jane@example.com", Source: v1alpha1.SourceSCIM, SourceID: userID}
	change(&spec)
	return person("jane", spec)
}

func TestARuleThatFeedsOnItsOwnResultFails(t *testing.T) {
	const alone = " would change again each time the rules run, because the value depends on what the rule itself sets; "
	for name, c := range map[string]struct {
		rules []*v1alpha1.AutomationRule
		// failed are the messages' beginnings by the rules that fail.
		failed map[string]string
	}{
		"text that grows": {
			rules:  []*v1alpha1.AutomationRule{namedRule("grows", withSet("jobTitle", `record.jobTitle + "x"`))},
			failed: map[string]string{"grows": "rule grows: jobTitle" + alone},
		},
		"text that grows in a record that is looked at as a whole": {
			rules:  []*v1alpha1.AutomationRule{namedRule("grows", withSet("jobTitle", `[record].map(r, r.jobTitle)[0] + "x"`))},
			failed: map[string]string{"grows": "rule grows: jobTitle" + alone},
		},
		"a flag that changes to and fro": {
			rules:  []*v1alpha1.AutomationRule{namedRule("flips", withSet("vip", "!record.vip"))},
			failed: map[string]string{"flips": "rule flips: vip" + alone},
		},
		"a flag that is looked up": {
			rules: []*v1alpha1.AutomationRule{
				namedRule("flips", withSet("disabled", `find.personOf(user.id).optMap(p, !p.disabled)`)),
			},
			failed: map[string]string{"flips": "rule flips: disabled" + alone},
		},
		"a list that grows": {
			rules:  []*v1alpha1.AutomationRule{namedRule("grows", withAdd("otherEmails", `string(size(record.otherEmails)) + "@example.com"`))},
			failed: map[string]string{"grows": "rule grows: otherEmails" + alone},
		},
		"a custom field that counts": {
			rules:  []*v1alpha1.AutomationRule{namedRule("counts", withSet("customFields.runs", `record.customFields[?"runs"].orValue(0) + 1`))},
			failed: map[string]string{"counts": "rule counts: customFields.runs" + alone},
		},
		"two rules that set what the other one reads": {
			rules: []*v1alpha1.AutomationRule{
				namedRule("first", withSet("location", `record.costCenter + "l"`)), namedRule("second", withSet("costCenter", `record.location + "c"`)),
			},
			failed: map[string]string{
				"first":  "rule first: location would change again each time the rules run, because the rule depends on what rule second sets, and that on what this rule sets; ",
				"second": "rule second: costCenter would change again each time the rules run, because the rule depends on what rule first sets, and that on what this rule sets; ",
			},
		},
		"a rule that fills the same field once is innocent": {
			rules: []*v1alpha1.AutomationRule{
				namedRule("fills", withSet("location", `has(record.location) ? optional.none() : optional.of("B2")`)),
				namedRule("first", withSet("location", `record.costCenter + "l"`)), namedRule("second", withSet("costCenter", `record.location + "c"`)),
			},
			failed: map[string]string{"first": "rule first: location", "second": "rule second: costCenter"},
		},
		"an innocent rule that sets the same field before": {
			rules: []*v1alpha1.AutomationRule{
				namedRule("innocent", withSet("location", `"B2"`), withSet("jobTitle", `"Chef"`)),
				namedRule("first", withSet("location", `record.costCenter + "l"`)), namedRule("second", withSet("costCenter", `record.location + "c"`)),
			},
			failed: map[string]string{"first": "rule first: location", "second": "rule second: costCenter"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var rules []*Rule
			for _, rule := range c.rules {
				rules = append(rules, compiled(t, rule))
			}
			result := planned(t, rules, Input{User: activeUser(userID, true)},
				&memory{
					users:   []*v1alpha1.ScimUser{activeUser(userID, true)},
					persons: []*v1alpha1.Person{linkedJane(func(p *v1alpha1.PersonSpec) { p.Name = "Jane" })},
				})
			for _, outcome := range result.Outcomes {
				want, fails := c.failed[outcome.Rule]
				switch {
				case fails && (outcome.Reason != v1alpha1.ReasonUnstableResult || !strings.HasPrefix(outcome.Message, want)):
					t.Errorf("reason %s: %s", outcome.Reason, outcome.Message)
				case fails && (outcome.After != nil || len(outcome.Changes) > 0 || outcome.Before == nil):
					t.Errorf("rule %s is to write: %+v", outcome.Rule, outcome)
				case !fails && outcome.Failed():
					t.Errorf("rule %s: %s", outcome.Rule, outcome.Message)
				}
			}
			spec := result.Records[v1alpha1.RecordPerson].(*v1alpha1.Person).Spec
			if len(c.failed) == len(c.rules) {
				if diff := cmp.Diff(linkedJane(func(p *v1alpha1.PersonSpec) { p.Name = "Jane" }).Spec, spec); diff != "" {
					t.Errorf("the record changes:\n%s", diff)
				}
			}
		})
	}
}

func TestARuleThatWouldCreateAnUnstableRecordCreatesNone(t *testing.T) {
	rule := compiled(t, namedRule("grows", withSet("jobTitle", `record.jobTitle + "x"`), withExpression("x", `"seen"`)))
	result := planned(t, []*Rule{rule}, Input{User: activeUser(userID, true)}, &memory{})
	outcome := result.Outcomes[0]
	if outcome.Reason != v1alpha1.ReasonUnstableResult || outcome.Create || len(result.Records) > 0 {
		t.Errorf("outcome %+v", outcome)
	}
	if len(outcome.Expressions) != 1 || outcome.Expressions[0].Value != "seen" {
		t.Errorf("expressions %v", outcome.Expressions)
	}
}

func TestRulesThatComeToRestDoNotFail(t *testing.T) {
	for name, rules := range map[string][]*v1alpha1.AutomationRule{
		"set once":                     {namedRule("a", withSetCreated("jobTitle", `record.jobTitle + "x"`))},
		"filled while empty":           {namedRule("a", withSet("jobTitle", `has(record.jobTitle) ? optional.none() : optional.of("Chef")`))},
		"filled by a condition":        {namedRule("a", withCondition("!has(record.jobTitle)"), withSet("jobTitle", `"Chef"`))},
		"in upper case":                {namedRule("a", withSet("jobTitle", `"chef"`)), namedRule("b", withSet("jobTitle", "record.jobTitle.upperAscii()"))},
		"made of an earlier one's":     {namedRule("a", withSet("jobTitle", `"chef"`)), namedRule("b", withSet("location", `"Kitchen of " + record.jobTitle`))},
		"appended to an earlier one's": {namedRule("a", withSet("jobTitle", `"chef"`)), namedRule("b", withSet("jobTitle", `record.jobTitle + "x"`))},
		"in the wrong order": {
			namedRule("a", withSet("location", `record.jobTitle`)), namedRule("b", withSet("jobTitle", `record.costCenter`)), namedRule("c", withSet("costCenter", `"c"`)),
		},
		"undone by later ones": {
			namedRule("a", withCondition(`record.location == ""`), withSet("location", `"B2"`)),
			namedRule("b", withCondition(`record.?location.hasValue() && record.costCenter != "x"`), withClear("location"), withSet("costCenter", `"x"`)),
			namedRule("c", withCondition(`record.location == ""`), withClear("costCenter")),
		},
		"a list that is added to": {namedRule("a", withAdd("otherEmails", `record.primaryEmail + ".old"`))},
		"capped":                  {namedRule("a", withSet("supportID", `size(record.supportID) < 2 ? record.supportID + "x" : record.supportID`))},
	} {
		t.Run(name, func(t *testing.T) {
			var set []*Rule
			for _, rule := range rules {
				set = append(set, compiled(t, rule))
			}
			in, dir := Input{User: activeUser(userID, true)}, &memory{}
			for run := range 5 {
				result := planned(t, set, in, dir)
				writes := false
				for _, outcome := range result.Outcomes {
					if outcome.Failed() {
						t.Fatalf("run %d: %s", run, outcome.Message)
					}
					writes = writes || outcome.Reason == v1alpha1.ReasonApplied
				}
				if !writes {
					return
				}
				record := result.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
				record.Name = "jane"
				dir.persons = []*v1alpha1.Person{record}
			}
			t.Error("the rules do not come to rest")
		})
	}
}

// TestRulesThatReadNothingTheyChangeAreRunOnce proves that looking for a fixed point
// costs nothing where it can be told without.
func TestRulesThatReadNothingTheyChangeAreRunOnce(t *testing.T) {
	lookups := 0
	dir := &counting{memory: &memory{}, count: &lookups}
	rules := []*Rule{defaultRule(t, "default-user-mapping")}
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{
		UserName: "jane@example.com", DisplayName: "Jane", Enterprise: &v1alpha1.ScimEnterprise{Organization: "x"},
	})}
	if outcome := planned(t, rules, in, dir).Outcomes[0]; !outcome.Create || lookups != 1 {
		t.Errorf("%d look-ups of %+v", lookups, outcome)
	}
}
