package rules

import (
	stdflag "flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var update = stdflag.Bool("update", false, "rewrite the generated parts of README.md")

// exampleInput is testdata/example-user.yaml.
type exampleInput struct {
	User          *v1alpha1.ScimUser
	Groups        []Group
	Organizations []*v1alpha1.Organization
	Sites         []*v1alpha1.Site
	Users         []*v1alpha1.ScimUser
	Persons       []*v1alpha1.Person
}

func loadExample(t testing.TB) (Input, *memory) {
	t.Helper()
	var e exampleInput
	loadYAML(t, "testdata/example-user.yaml", &e)
	return Input{User: e.User, Groups: e.Groups, DefaultOrganization: "main"},
		&memory{organizations: e.Organizations, sites: e.Sites, users: e.Users, persons: e.Persons}
}

// languageExamples show what is easy to get wrong.
var languageExamples = []example{
	{`user.nickName`, ``},
	{`has(user.nickName)`, `false`},
	{`user.?nickName.orValue("none")`, `none`},
	{`user.enterprise.department`, ``},
	{`user.name.familyName + ", " + user.name.givenName`, `Roe, Jane`},
	{`user.emails.filter(e, e.type == "home").map(e, e.value)`, `["jroe@example.org"]`},
	{`groups.exists(g, g.displayName.startsWith("Sales"))`, `true`},
	{`customFields.badge`, `B-17`},
	{`customFields.?shoeSize.orValue("unknown")`, `unknown`},
	{`user.extensions["urn:example:1.0:User"].floor + 1`, `4`},
	{`user.extensions[?"urn:example:2.0:User"].?floor.hasValue()`, `false`},
	{`contacts(user.phoneNumbers) + [Contact{protocol: "website", label: "work", uri: "https://example.com/jane"}]`,
		`[{"label":"work","protocol":"telephone","uri":"+31 20 555 0100"},` +
			`{"label":"work","protocol":"website","uri":"https://example.com/jane"}]`},
	{`"?user.title"`, `?user.title`},
	{`?user.nickName`, ``},
	{`"%.2f, %s".format([1234.5, ["Sales", "EMEA"]])`, `1,234.50, ["Sales", "EMEA"]`},
	{`["Sales", "EMEA"].join(", ")`, `Sales, EMEA`},
	{`endpoint.defaultOrganization`, `main`},
}

func TestExamplesGiveTheValueThatTheReadmeSays(t *testing.T) {
	in, dir := loadExample(t)
	covered := map[string]bool{}
	examples := languageExamples
	for _, f := range functions {
		examples = append(examples, f.examples...)
	}
	for _, e := range examples {
		t.Run(e.expression, func(t *testing.T) {
			rule := compiled(t, userRule(func(r *v1alpha1.AutomationRule) {
				r.Spec.Expressions = []v1alpha1.NamedExpression{{Name: "result", Value: e.expression}}
			}))
			for _, used := range rule.expressions[0].ast.NativeRep().ReferenceMap() {
				for _, id := range used.OverloadIDs {
					covered[id] = true
				}
			}
			outcome := planned(t, []*Rule{rule}, in, dir).Outcomes[0]
			if outcome.Failed() {
				t.Fatal(outcome.Message)
			}
			if diff := cmp.Diff(e.value, outcome.Expressions[0].Value); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, f := range functions {
		for _, o := range f.overloads {
			if !covered[o.id] {
				t.Errorf("no example calls %s of function %s", o.id, f.name)
			}
		}
	}
}

// TestReadmeIsUpToDate compares what README.md says between its markers with what
// the code has. Run it with -update to rewrite README.md.
func TestReadmeIsUpToDate(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, content := range map[string]string{
		"variables": variablesTable(),
		"types":     typesTable(),
		"functions": functionsTable(),
		"fields":    recordFieldsTable(),
		"language":  examplesTable(languageExamples),
		"example":   exampleBlock(t),
		"limits":    limitsTable(),
		"lists":     listsTable(t),
	} {
		want = replaceBetween(t, want, name, content)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("README.md is not up to date; run: go test ./controllers/rules -run Readme -update\n%s", diff)
	}
}

func replaceBetween(t *testing.T, text, name, content string) string {
	t.Helper()
	begin, end := "<!-- begin generated: "+name+" -->\n", "<!-- end generated -->"
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		t.Fatalf("README.md lacks the marker %q", begin)
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("README.md lacks the end marker of %q", name)
	}
	return before + begin + content + end + after
}

func variablesTable() string {
	text := "| Variable | Type | In rules for | Meaning |\n|---|---|---|---|\n"
	row := func(v variable, where string) {
		text += fmt.Sprintf("| `%s` | `%s` | %s | %s |\n", v.name, v.typ, where, v.doc)
	}
	for _, v := range userVariables {
		where := "ScimUser"
		for _, other := range groupVariables {
			if other.name == v.name {
				where = "both"
			}
		}
		row(v, where)
	}
	row(groupVariables[0], "ScimGroup")
	text += fmt.Sprintf("| `%s` | `Person`, `Organization` or `Site` | both | %s |\n", recordVariable, recordDoc)
	return text
}

func typesTable() string {
	text := "| Type | Where | Fields |\n|---|---|---|\n"
	for _, s := range structs() {
		if len(s.fields) == 0 {
			continue
		}
		var fields []string
		for _, f := range s.fields {
			if f.typ == types.StringType {
				fields = append(fields, "`"+f.name+"`")
			} else {
				fields = append(fields, fmt.Sprintf("`%s` (%s)", f.name, f.typ))
			}
		}
		text += fmt.Sprintf("| `%s` | %s | %s |\n", s.name, s.path, strings.Join(fields, ", "))
	}
	return text
}

func functionsTable() string {
	text := ""
	for _, f := range functions {
		text += fmt.Sprintf("### %s\n\n", f.name)
		for _, o := range f.overloads {
			args := o.args
			if o.lookup {
				args = args[1:]
			}
			names := make([]string, len(args))
			for i, arg := range args {
				names[i] = arg.String()
			}
			text += fmt.Sprintf("`%s(%s)` → `%s`\n\n", f.name, strings.Join(names, ", "), o.result)
		}
		text += folded(f.doc) + "\n\n" + examplesTable(f.examples) + "\n"
	}
	return text
}

func examplesTable(examples []example) string {
	text := "| Expression | Value |\n|---|---|\n"
	for _, e := range examples {
		value := "*blank or none*"
		if e.value != "" {
			value = "`" + e.value + "`"
		}
		text += fmt.Sprintf("| `%s` | %s |\n", e.expression, value)
	}
	return text
}

func recordFieldsTable() string {
	text := "| Kind | Field | Takes |\n|---|---|---|\n"
	for _, kind := range []*recordKind{personKind, organizationKind, siteKind} {
		for _, f := range kind.fields {
			switch {
			case f.engine:
				continue
			case f.required:
				text += fmt.Sprintf("| %s | `%s` | %s, never empty |\n", kind.kind, f.name, f.kind)
			default:
				text += fmt.Sprintf("| %s | `%s` | %s |\n", kind.kind, f.name, f.kind)
			}
		}
		if kind.customFields != nil {
			text += fmt.Sprintf("| %s | `%s<id>` | %s |\n", kind.kind, customFieldPrefix, jsonValueKind)
		}
	}
	return text
}

func exampleBlock(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/example-user.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return "```yaml\n" + string(data) + "```\n"
}

func limitsTable() string {
	text := "| Limit | Constant | Value |\n|---|---|---|\n"
	for _, l := range []struct {
		what, constant string
		value          int
	}{
		{"estimated cost of an expression, in CEL cost units", "MaxEstimatedCost", MaxEstimatedCost},
		{"cost of an expression when it runs, in CEL cost units", "MaxCost", MaxCost},
		{"cost of all expressions of a rule for one subject", "MaxRuleCost", MaxRuleCost},
		{"bytes of the values of a rule's expressions together: texts, and 16 for each entry and field", "MaxValuesSize", MaxValuesSize},
		{"bytes of a text that `replace`, `join` or `format` makes", "MaxMadeText", MaxMadeText},
		{"time of one run of a rule, in seconds", "MaxRuleTime", int(MaxRuleTime.Seconds())},
		{"entries that `lists.range` makes, or `+` of two lists", "MaxRange", MaxRange},
		{"cost of one look-up, in CEL cost units", "LookupCost", LookupCost},
		{"characters of an expression", "MaxExpressionLength", MaxExpressionLength},
		{"characters of all expressions of a rule together", "MaxRuleLength", MaxRuleLength},
		{"named expressions of a rule; entries of each of set, add, remove, clear", "MaxExpressions", MaxExpressions},
		{"different fields that a rule changes", "MaxFields", MaxFields},
		{"characters of a text field", "MaxTextLength", MaxTextLength},
		{"characters of an organization's remarks", "MaxRemarksLength", MaxRemarksLength},
		{"bytes of JSON in a custom field", "MaxCustomFieldSize", MaxCustomFieldSize},
		{"custom fields of a person", "MaxCustomFields", MaxCustomFields},
		{"entries of otherEmails", "MaxOtherEmails", MaxOtherEmails},
		{"entries of contacts, and of addresses", "MaxContacts", MaxContacts},
		{"characters of a value in an execution, longer ones are cut", "MaxResultLength", MaxResultLength},
		{"characters of a message", "MaxMessageLength", MaxMessageLength},
	} {
		text += fmt.Sprintf("| %s | `%s` | %d |\n", l.what, l.constant, l.value)
	}
	return text
}

// folded breaks a text into lines of at most 120 characters, but not within what is in backquotes.
func folded(text string) string {
	line, lines, quoted := "", "", false
	for word := range strings.FieldsSeq(text) {
		if !quoted && line != "" && utf8.RuneCountInString(line+" "+word) > 120 {
			lines, line = lines+line+"\n", ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
		quoted = quoted != (strings.Count(word, "`")%2 == 1)
	}
	return lines + line
}
