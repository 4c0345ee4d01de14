package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

type ruleChange = func(*v1alpha1.AutomationRule)

func withExpression(name, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Expressions = append(r.Spec.Expressions, v1alpha1.NamedExpression{Name: name, Value: value})
	}
}

func withCondition(value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) { r.Spec.Condition = value }
}

func withMatch(field, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Match = map[string]v1alpha1.MatchExpression{field: v1alpha1.MatchExpression(value)}
	}
}

func withSet(field, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value})
	}
}

func withSetCreated(field, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Set = append(r.Spec.Update.Set, v1alpha1.FieldAssignment{Field: field, Value: value, When: v1alpha1.SetWhenCreated})
	}
}

func withAdd(field, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Add = append(r.Spec.Update.Add, v1alpha1.FieldAssignment{Field: field, Value: value})
	}
}

func withRemove(field, value string) ruleChange {
	return func(r *v1alpha1.AutomationRule) {
		r.Spec.Update.Remove = append(r.Spec.Update.Remove, v1alpha1.FieldAssignment{Field: field, Value: value})
	}
}

func withClear(fields ...string) ruleChange {
	return func(r *v1alpha1.AutomationRule) { r.Spec.Update.Clear = append(r.Spec.Update.Clear, fields...) }
}

// changed is userRule with several changes.
func changed(changes ...ruleChange) *v1alpha1.AutomationRule {
	return userRule(func(r *v1alpha1.AutomationRule) {
		for _, change := range changes {
			change(r)
		}
	})
}

func TestCompileErrorsSayWhereAndWhat(t *testing.T) {
	for name, c := range map[string]struct {
		rule *v1alpha1.AutomationRule
		want CompileError
	}{
		"a misspelt field": {
			changed(withExpression("title", "user.titel")),
			CompileError{`expression "title"`, 1, 5, "undefined field 'titel'", "did you mean user.title?"},
		},
		"a field that belongs elsewhere": {
			changed(withExpression("x", `"" + user.employeeNumber`)),
			CompileError{`expression "x"`, 1, 10, "undefined field 'employeeNumber'", "did you mean user.enterprise.employeeNumber?"},
		},
		"a misspelt variable on the second line": {
			changed(withCondition("user.active &&\n  usr.title != \"\"")),
			CompileError{"condition", 2, 3, "undeclared reference to 'usr'", "did you mean user?"},
		},
		"a misspelt function": {
			changed(withCondition("isEmial(user.userName)")),
			CompileError{"condition", 1, 8, "undeclared reference to 'isEmial'", "did you mean isEmail()?"},
		},
		"a misspelt look-up": {
			changed(withExpression("x", "find.organisation('Sales')")),
			CompileError{`expression "x"`, 1, 18, "undeclared reference to 'organisation'", "did you mean organization()?"},
		},
		"a named expression that comes later": {
			changed(withExpression("first", "second"), withExpression("second", "1")),
			CompileError{`expression "first"`, 1, 1, "undeclared reference to 'second'", ""},
		},
		"columns count the leading question mark": {
			changed(withSet("jobTitle", "? user.titel")),
			CompileError{"set[0] jobTitle", 1, 7, "undefined field 'titel'", "did you mean user.title?"},
		},
		"columns count characters, not bytes": {
			changed(withExpression("x", "'éé' + user.titel")),
			CompileError{`expression "x"`, 1, 12, "undefined field 'titel'", "did you mean user.title?"},
		},
		"the first of two errors in the text": {
			changed(withCondition("user.titel == usr.title")),
			CompileError{"condition", 1, 5, "undefined field 'titel'", "did you mean user.title?"},
		},
		"a type that the operator does not take": {
			changed(withCondition("user.active == 'True'")),
			CompileError{"condition", 1, 13, "the operator == does not take bool and string",
				`true and false stand without quotation marks; a text is compared with a text: user.userType == "true"`},
		},
		"a condition that is no boolean": {
			changed(withCondition("user.title")),
			CompileError{"condition", 0, 0, "gives string where true or false is needed", ""},
		},
		"a match that is no text": {
			changed(withMatch("primaryEmail", "user.active")),
			CompileError{"match.primaryEmail", 0, 0, "gives bool where text is needed", ""},
		},
		"a match by another field": {
			changed(withMatch("employeeID", "user.title")),
			CompileError{"match", 0, 0, "kind Person is matched by primaryEmail alone", ""},
		},
		"a question mark in a condition": {
			changed(withCondition("\n ?user.active")),
			CompileError{"condition", 2, 2, `a leading "?" has a meaning only for named expressions and the values of set, add and remove`, ""},
		},
		"a field that the record does not have": {
			changed(withSet("jobtitel", "user.title")),
			CompileError{"set[0] jobtitel", 0, 0, "kind Person has no such field", "did you mean jobTitle?"},
		},
		"a list for a text": {
			changed(withSet("name", "user.title"), withSet("jobTitle", "user.emails.map(e, e.value)")),
			CompileError{"set[1] jobTitle", 0, 0, "gives list(string) where jobTitle takes text", ""},
		},
		"an optional text for a boolean": {
			changed(withSet("vip", "?user.userType")),
			CompileError{"set[0] vip", 0, 0, "gives optional_type(string) where vip takes true or false", ""},
		},
		"a text for a list, except in add and remove": {
			changed(withSet("otherEmails", "user.userName")),
			CompileError{"set[0] otherEmails", 0, 0, "gives string where otherEmails takes a list of text", ""},
		},
		"values of SCIM for contacts": {
			changed(withSet("contacts", "user.phoneNumbers")),
			CompileError{"set[0] contacts", 0, 0, "gives list(Value) where contacts takes a list of Contact", ""},
		},
		"null for a text": {
			changed(withSet("name", "null")),
			CompileError{"set[0] name", 0, 0, "gives null_type where name takes text", ""},
		},
		"add to a field that is no list": {
			changed(withAdd("jobTitle", "user.title")),
			CompileError{"add[0] jobTitle", 0, 0, "the field takes text, and only lists have add", ""},
		},
		"remove from a custom field": {
			changed(withRemove("customFields.badge", "user.title")),
			CompileError{"remove[0] customFields.badge", 0, 0, "custom fields can be set and cleared only", ""},
		},
		"the custom fields as a whole": {
			changed(withSet("customFields", "customFields")),
			CompileError{"set[0] customFields", 0, 0, "kind Person has no such field", "write customFields.<id>"},
		},
		"a custom field with a strange id": {
			changed(withSet("customFields.a b", "1")),
			CompileError{"set[0] customFields.a b", 0, 0, "the id of a custom field holds letters, digits, _ and -", ""},
		},
		"a field of the engine": {
			changed(withSet("sourceID", "user.id")),
			CompileError{"set[0] sourceID", 0, 0, "the field links the record to its subject and is set by itself", ""},
		},
		"clear of a required field": {
			changed(withClear("jobTitle", "primaryEmail")),
			CompileError{"clear[1] primaryEmail", 0, 0, "the field must not be empty", ""},
		},
		"the same field twice": {
			changed(withSet("name", "user.title"), withSet("name", "user.displayName")),
			CompileError{"set[1] name", 0, 0, "the rule has this field in set before", ""},
		},
		"the same name twice": {
			changed(withExpression("x", "1"), withExpression("x", "2")),
			CompileError{`expression "x"`, 0, 0, "the rule has another expression with this name", ""},
		},
		"the name of a variable": {
			changed(withExpression("groups", "1")),
			CompileError{`expression "groups"`, 0, 0, "the name is that of a variable; choose another", ""},
		},
		"the name of the record": {
			changed(withExpression("record", "1")),
			CompileError{`expression "record"`, 0, 0, "the name is that of a variable; choose another", ""},
		},
		"a reserved word": {
			changed(withExpression("package", "1")),
			CompileError{`expression "package"`, 0, 0, "the name is a reserved word of CEL; choose another", ""},
		},
		"a name that begins with a capital": {
			changed(withExpression("Email", "1")),
			CompileError{`expression "Email"`, 0, 0, "a name holds up to 63 letters, digits and underscores and begins with a lower-case letter", ""},
		},
		"the record in a named expression": {
			changed(withExpression("x", "record.name")),
			CompileError{`expression "x"`, 1, 1, "undeclared reference to 'record'", recordHint},
		},
		"a when that is not known": {
			changed(withSet("name", "user.title"), func(r *v1alpha1.AutomationRule) { r.Spec.Update.Set[0].When = "never" }),
			CompileError{"set[0] name", 0, 0, `when is "created", "active" or left out`, ""},
		},
		"a subject that is not known": {
			changed(func(r *v1alpha1.AutomationRule) { r.Spec.Subject = "ScimDevice" }),
			CompileError{"subject", 0, 0, "a rule is for ScimUser or ScimGroup", ""},
		},
		"a user rule for organizations": {
			changed(func(r *v1alpha1.AutomationRule) { r.Spec.Update.Kind = v1alpha1.RecordOrganization }),
			CompileError{"update.kind", 0, 0, "a rule for ScimUser updates kind Person", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&c.want, compileError(t, c.rule)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func compileError(t *testing.T, rule *v1alpha1.AutomationRule) *CompileError {
	t.Helper()
	_, err := Compile(rule)
	var failed *CompileError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want a CompileError", err)
	}
	return failed
}

func TestGroupRulesDoNotSeeUsers(t *testing.T) {
	failed := compileError(t, groupRule(withCondition("user.active")))
	if failed.Place != "condition" || failed.Column != 1 || !strings.Contains(failed.Message, "'user'") {
		t.Errorf("error %v", failed)
	}
}

func TestSyntaxErrorsHaveAPlace(t *testing.T) {
	failed := compileError(t, changed(withExpression("x", "user.title +")))
	if failed.Line != 1 || failed.Column != 13 || !strings.HasPrefix(failed.Message, "Syntax error") {
		t.Errorf("error %v", failed)
	}
}

func TestCompileErrorReadsAsOneLine(t *testing.T) {
	err := &CompileError{"condition", 2, 3, "undeclared reference to 'usr'", "did you mean user?"}
	if got, want := err.Error(), "condition, line 2, column 3: undeclared reference to 'usr'; did you mean user?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	err = &CompileError{Place: "match", Message: "wrong"}
	if got, want := err.Error(), "match: wrong"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimitsAtCompileTime(t *testing.T) {
	many := func(n int, change func(i int) ruleChange) *v1alpha1.AutomationRule {
		changes := make([]ruleChange, n)
		for i := range changes {
			changes[i] = change(i)
		}
		return changed(changes...)
	}
	for name, c := range map[string]struct {
		rule    *v1alpha1.AutomationRule
		place   string
		message string
	}{
		"an expression that could cost too much": {
			changed(withExpression("x", "groups.all(a, groups.all(b, a.displayName != b.externalId))")),
			`expression "x"`, "could cost",
		},
		"a look-up for each pair of groups": {
			changed(withCondition("groups.exists(a, groups.exists(b, find.organization(a.id + b.id).hasValue()))")),
			"condition", "could cost",
		},
		"a long expression": {
			changed(withCondition(strings.Repeat(" ", MaxExpressionLength) + "true")),
			"condition", "at most 10240 characters",
		},
		"long expressions, each within the limit": {
			many(7, func(i int) ruleChange {
				return withExpression(fmt.Sprintf("e%d", i), strings.Repeat(" ", MaxExpressionLength-1)+"1")
			}),
			"expressions", "at most 65536 characters together, these 7",
		},
		"many expressions": {
			many(MaxExpressions+1, func(i int) ruleChange { return withExpression(fmt.Sprintf("e%d", i), "1") }),
			"expressions", "at most 64 expressions",
		},
		"many entries of set": {
			many(MaxExpressions+1, func(i int) ruleChange { return withSet(fmt.Sprintf("customFields.c%d", i), "1") }),
			"set", "at most 64 entries",
		},
		"many fields": {
			many(MaxExpressions*2, func(i int) ruleChange {
				if i < MaxExpressions {
					return withSet(fmt.Sprintf("customFields.c%d", i), "1")
				}
				return withClear(fmt.Sprintf("customFields.c%d", i))
			}),
			"update", "at most 120 fields",
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := compileError(t, c.rule)
			if failed.Place != c.place || !strings.Contains(failed.Message, c.message) {
				t.Errorf("error %v", failed)
			}
		})
	}
}

func TestUsefulRulesStayBelowTheCostLimit(t *testing.T) {
	for _, value := range []string{
		`groups.filter(g, g.displayName.lowerAscii().contains("sales")).map(g, g.organization).join(",")`,
		`groups.map(g, find.organization(g.displayName).orValue("")).filter(o, o != "").size() > 0 ? "some" : "none"`,
		`user.emails.filter(e, !user.phoneNumbers.exists(p, p.value == e.value)).size() > 1 ? "yes" : "no"`,
		`user.userName.matches("^[a-z]+@example[.]com$") ? "own" : "other"`,
	} {
		compiled(t, changed(withExpression("x", value)))
	}
}

func TestRuleTellsWhatWasCompiled(t *testing.T) {
	r := compiled(t, changed())
	if r.Name() != "rule" || r.Generation() != 3 || r.Position() != 10 || r.Subject() != v1alpha1.SubjectScimUser {
		t.Errorf("rule %q, generation %d, position %d, subject %q", r.Name(), r.Generation(), r.Position(), r.Subject())
	}
}

func TestSortIsByPositionThenName(t *testing.T) {
	rules := []*Rule{{name: "b", position: 2}, {name: "c", position: 1}, {name: "a", position: 2}}
	Sort(rules)
	if got := rules[0].name + rules[1].name + rules[2].name; got != "cab" {
		t.Errorf("order %s", got)
	}
}
