package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// ruleAt is a small rule for ScimUser at a position, changed as the test wants.
func ruleAt(name string, position int32, change func(*v1alpha1.AutomationRuleSpec)) *v1alpha1.AutomationRule {
	return userRule(func(r *v1alpha1.AutomationRule) {
		r.Name = name
		r.Spec.Position = &position
		change(&r.Spec)
	})
}

func setting(field, value string) func(*v1alpha1.AutomationRuleSpec) {
	return func(s *v1alpha1.AutomationRuleSpec) {
		s.Update.Set = append(s.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value})
	}
}

func settingWhen(field, value string, when v1alpha1.SetWhen, force bool) func(*v1alpha1.AutomationRuleSpec) {
	return func(s *v1alpha1.AutomationRuleSpec) {
		s.Update.Set = append(s.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value, When: when, Force: force})
	}
}

func when(condition string, others ...func(*v1alpha1.AutomationRuleSpec)) func(*v1alpha1.AutomationRuleSpec) {
	return func(s *v1alpha1.AutomationRuleSpec) {
		s.Condition = condition
		for _, other := range others {
			other(s)
		}
	}
}

// ofGroups is a rule for groups that sets a name.
func ofGroups(name string, kind v1alpha1.RecordKind) *v1alpha1.AutomationRule {
	return groupRule(func(r *v1alpha1.AutomationRule) {
		r.Name = name
		r.Spec.Update.Kind = kind
		setting("name", "group.displayName")(&r.Spec)
	})
}

func clearing(field string) func(*v1alpha1.AutomationRuleSpec) {
	return func(s *v1alpha1.AutomationRuleSpec) { s.Update.Clear = append(s.Update.Clear, field) }
}

func expressions(nameAndValue ...string) func(*v1alpha1.AutomationRuleSpec) {
	return func(s *v1alpha1.AutomationRuleSpec) {
		for i := 0; i < len(nameAndValue); i += 2 {
			s.Expressions = append(s.Expressions, v1alpha1.NamedExpression{Name: nameAndValue[i], Value: nameAndValue[i+1]})
		}
	}
}

var never = "rule a, condition: the condition is never true, so the rule never does anything"

var excluded = "rule a, condition: the condition is never true, because one part of it excludes another; the rule never does anything"

var lintTests = map[string]struct {
	rules []*v1alpha1.AutomationRule
	want  []string
}{
	"a condition that is false": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`user.active && 1 > 2`))}, []string{never}},
	"a condition that is false because of an expression": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`size(kinds) > 1 && user.title != ""`, expressions("kinds", `["x"]`)))}, []string{never}},
	"a condition that is true": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`true || user.active`))},
		[]string{"rule a, condition: the condition is always true; leave it out"}},
	"one field cannot equal two texts": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`user.userType == "A" && user.active && "B" == user.userType`))}, []string{excluded}},
	"a field cannot be something and not be it": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`user.active && !user.active`))}, []string{excluded}},
	"one field may differ from two texts": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`user.userType != "A" && user.userType != "B"`))}, nil},
	"an alternative excludes nothing": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`user.userType == "A" || user.userType == "B"`))}, nil},
	"a condition that fails without a subject is no constant": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`1 / user.title.size() > 0`))}, nil},
	"an expression that nothing uses": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, when(`two != ""`, expressions("one", "user.title", "two", "user.nickName", "three", "two + one", "four", `"x"`)))},
		[]string{
			`rule a, expression "four": nothing uses the expression`,
			`rule a, expression "three": nothing uses the expression`,
		}},
	"an expression that only match uses": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, func(s *v1alpha1.AutomationRuleSpec) {
			expressions("email", "user.userName")(s)
			s.Update.Match = map[string]v1alpha1.MatchExpression{"primaryEmail": "email"}
		})}, nil},
	"a match that is the same for all": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, func(s *v1alpha1.AutomationRuleSpec) {
			s.Update.Match = map[string]v1alpha1.MatchExpression{"primaryEmail": `"all@example.com"`}
		})},
		[]string{"rule a, match.primaryEmail: the value is the same for every subject, so all of them would have one record"}},
	"a match that finds nothing": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, func(s *v1alpha1.AutomationRuleSpec) {
			s.Update.Match = map[string]v1alpha1.MatchExpression{"primaryEmail": `" "`}
		})},
		[]string{"rule a, match.primaryEmail: the value is always blank, so the rule finds no record"}},
	"two rules set a field at one position": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 5, setting("jobTitle", "?user.title")), ruleAt("b", 5, setting("jobTitle", "?user.nickName"))},
		[]string{"rule b, set jobTitle: rule a sets this field at the same position 5, and the names alone decide that this one wins; give them different positions"}},
	"two rules set a field at one position for different users": {
		[]*v1alpha1.AutomationRule{
			ruleAt("a", 5, when(`user.userType == "A"`, setting("jobTitle", "user.title"))),
			ruleAt("b", 5, when(`user.userType == "B"`, setting("jobTitle", "user.title"))),
		}, nil},
	"the same name in two rules is not the same value": {
		[]*v1alpha1.AutomationRule{
			ruleAt("a", 5, when(`kind == "A"`, expressions("kind", "user.userType"), setting("jobTitle", "user.title"))),
			ruleAt("b", 5, when(`kind == "B"`, expressions("kind", "user.title"), setting("jobTitle", "user.title"))),
		},
		[]string{"rule b, set jobTitle: rule a sets this field at the same position 5, and the names alone decide that this one wins; give them different positions"}},
	"an earlier rule clears the field": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, clearing("jobTitle")), ruleAt("b", 2, setting("jobTitle", "?user.title"))},
		[]string{"rule b, set jobTitle: rule a, which runs before, clears this field"}},
	"a later rule always overwrites": {
		[]*v1alpha1.AutomationRule{ruleAt("b", 1, setting("jobTitle", "user.nickName")), ruleAt("a", 2, setting("jobTitle", "user.title"))},
		[]string{"rule b, set jobTitle: has no effect, because rule a, which runs later, always sets this field"}},
	"a later rule overwrites some": {
		[]*v1alpha1.AutomationRule{
			ruleAt("a", 1, setting("jobTitle", "user.nickName")),
			ruleAt("b", 2, setting("jobTitle", "?user.title")),
			ruleAt("c", 3, when("user.active", setting("jobTitle", "user.title"))),
			ruleAt("d", 4, setting("jobTitle", `record.jobTitle + "!"`)),
		}, nil},
	"a later rule overwrites while the user is active only, or with less force": {
		[]*v1alpha1.AutomationRule{
			ruleAt("a", 1, setting("name", "user.nickName")), ruleAt("b", 2, settingWhen("name", "user.title", v1alpha1.SetWhenActive, false)),
			ruleAt("c", 3, settingWhen("jobTitle", "user.nickName", "", true)), ruleAt("d", 4, setting("jobTitle", "user.title")),
		}, nil},
	"records of two kinds have fields of their own": {
		[]*v1alpha1.AutomationRule{ofGroups("a", v1alpha1.RecordOrganization), ofGroups("b", v1alpha1.RecordSite)}, nil},
	"custom fields differ by id": {
		[]*v1alpha1.AutomationRule{ruleAt("a", 1, setting("customFields.x", "user.title")), ruleAt("b", 1, setting("customFields.y", "user.title"))}, nil},
}

func TestProbableMistakesAreFound(t *testing.T) {
	for name, test := range lintTests {
		t.Run(name, func(t *testing.T) {
			var set []*Rule
			for _, rule := range test.rules {
				set = append(set, compiled(t, rule))
			}
			findings, err := Lint(set)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range findings {
				got = append(got, finding.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheDefaultRulesHaveNoFindings(t *testing.T) {
	set := []*Rule{defaultRule(t, "default-user-mapping"), defaultRule(t, "default-organization-mapping")}
	findings, err := Lint(set)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) > 0 {
		t.Errorf("findings: %v", findings)
	}
}

func TestAllProblemsOfARuleAreFound(t *testing.T) {
	rule := ruleAt("a", 1, func(s *v1alpha1.AutomationRuleSpec) {
		expressions("title", "user.titel", "upper", "title.upperAscii()", "user", "1")(s)
		s.Condition = "title != \"\" &&\n  user.activ"
		s.Update.Match = map[string]v1alpha1.MatchExpression{"primaryEmail": "usr.userName"}
		setting("jobTitel", "upper")(s)
		setting("jobTitle", "upper +")(s)
		setting("vip", "user.title")(s)
		clearing("nothing")(s)
	})
	problems, err := Check(rule)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Path+": "+p.Error()+" | "+p.Excerpt())
	}
	want := []string{
		"spec.expressions[0].value: expression \"title\", line 1, column 5: undefined field 'titel'; did you mean user.title? | user.titel",
		"spec.expressions[2].name: expression \"user\": the name is that of a variable; choose another | ",
		"spec.update.match: match.primaryEmail, line 1, column 1: undeclared reference to 'usr'; did you mean user? | usr.userName",
		"spec.condition: condition, line 2, column 7: undefined field 'activ'; did you mean user.active? | user.activ",
		"spec.update.clear[0]: clear[0] nothing: kind Person has no such field | ",
		"spec.update.set[0]: set[0] jobTitel: kind Person has no such field; did you mean jobTitle? | jobTitel: upper",
		"spec.update.set[1].value: set[1] jobTitle, line 1, column 8: Syntax error: mismatched input '<EOF>' expecting a value | upper +",
		"spec.update.set[2]: set[2] vip: gives string where vip takes true or false | vip: user.title",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestWhatIsWrongWithTheWholeRuleIsFoundWhenItsPartsAreRight(t *testing.T) {
	problems, err := Check(ruleAt("a", 1, func(s *v1alpha1.AutomationRuleSpec) {
		setting("jobTitle", "user.title")(s)
		setting("jobTitle", "user.nickName")(s)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].Message != "the rule has this field in set before" {
		t.Errorf("problems: %v", problems)
	}
}
