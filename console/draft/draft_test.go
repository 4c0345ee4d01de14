package draft_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/draft"
	"rservice.dev/scim-operator/controllers/directory"
)

const text = `apiVersion: provisioning.rservice.dev/v1alpha1
kind: AutomationRule
metadata: {name: titles}
spec:
  subject: ScimUser
  position: 10
  expressions:
    - name: title
      value: VALUE
  update:
    kind: Person
    match: {primaryEmail: user.userName}
    set:
      - {field: jobTitle, value: title}
`

func check(t *testing.T, written string) (*draft.Text, *draft.Result) {
	t.Helper()
	parsed := draft.Parse(written, "tenant", "")
	checker := &draft.Checker{}
	result, err := checker.Check(t.Context(), "anna", draft.Change{
		Text: parsed, Reader: func(context.Context) (client.Reader, error) { return directory.NewObjects(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return parsed, result
}

func TestAMistakeIsFoundInTheText(t *testing.T) {
	for name, test := range map[string]struct {
		value        string
		line, column int
	}{
		"plain":          {"user.titel", 9, 18},
		"single quotes":  {"'user.titel'", 9, 19},
		"double quotes":  {`"user.titel"`, 9, 19},
		"escapes":        {`"\x75ser.titel"`, 9, 0},
		"a block":        {"|\n        user.title +\n          user.titel", 11, 15},
		"a folded block": {">-\n        user.title +\n        user.titel", 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, result := check(t, strings.Replace(text, "VALUE", test.value, 1))
			if len(result.Faults) != 1 || result.Runs() {
				t.Fatalf("%+v", result)
			}
			f := result.Faults[0]
			if f.Line != test.line || f.Column != test.column || f.Hint != "did you mean user.title?" {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     draft.Fault
	}{
		"another kind":     {"kind: AutomationRule", "kind: Secret", draft.Fault{Line: 2, Column: 7, Place: "kind", Message: "is not AutomationRule"}},
		"a field twice":    {"  position: 10", "  position: 10\n  position: 11", draft.Fault{Line: 7, Place: "YAML", Message: `key "position" already set in map`}},
		"no such field":    {"  position: 10", "  place: 10", draft.Fault{Line: 6, Column: 10, Place: "spec.place", Message: "there is no such field", Hint: "kubectl explain automationrule.spec says which there are"}},
		"other namespace":  {"{name: titles}", "{name: titles, namespace: other}", draft.Fault{Line: 3, Column: 37, Place: "metadata.namespace", Message: "the rule is for namespace tenant", Hint: "leave the namespace out"}},
		"not its place":    {"{name: titles}", "{name: titles, finalizers: [x]}", draft.Fault{Line: 3, Column: 1, Place: "metadata", Message: "finalizers and ownerReferences cannot be given here", Hint: "leave them out, or use kubectl"}},
		"a hostile name":   {"{name: titles}", "{name: ../secrets}", draft.Fault{Line: 3, Column: 18, Place: "metadata.name", Message: "a name has lower-case letters, digits, hyphens and dots", Hint: "such as contractors-are-external"}},
		"no longer a rule": {text, "[1]", draft.Fault{Place: "YAML", Message: "cannot unmarshal array into Go value of type v1alpha1.AutomationRule"}},
	} {
		t.Run(name, func(t *testing.T) {
			parsed := draft.Parse(strings.Replace(text, test.old, test.new, 1), "tenant", "")
			if diff := cmp.Diff([]draft.Fault{test.want}, parsed.Faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExamplesAreRun(t *testing.T) {
	parsed, result := check(t, strings.Replace(text, "VALUE", "user.title", 1)+`  examples:
    - name: keeps the title
      input: {user: {userName: a@example.com, title: Boss}, record: {name: A, primaryEmail: a@example.com}}
      expected: {record: {jobTitle: Boss}}
    - name: is wrong
      input: {user: {userName: a@example.com, title: Boss}, record: {name: A, primaryEmail: a@example.com}}
      expected: {record: {jobTitle: Clerk}}
`)
	if len(parsed.Faults)+len(result.Faults) > 0 || len(result.Examples) != 2 || result.Failing() != 1 || result.Runs() {
		t.Fatalf("%+v %+v", parsed.Faults, result)
	}
	if got := result.Examples[1].Mismatches[0].String(); got != `record.jobTitle: expected "Clerk", got "Boss"` {
		t.Error(got)
	}
	if result.Report != nil {
		t.Error("what does not run was counted")
	}
}

func TestTheSourceHoldsWhatPeopleDecide(t *testing.T) {
	rule := draft.Parse(strings.Replace(text, "VALUE", "user.title", 1), "tenant", "titles").Rule
	rule.Labels = map[string]string{"team": "a", "kustomize.toolkit.fluxcd.io/name": "tenants"}
	rule.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", v1alpha1.AnnotationRerun: "now"}
	rule.UID, rule.Generation, rule.ManagedFields = "x", 3, []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	source, err := draft.Source(rule)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(source, "spec:")
	if want := "apiVersion: provisioning.rservice.dev/v1alpha1\nkind: AutomationRule\nmetadata:\n  labels:\n    team: a\n  name: titles\n"; head != want {
		t.Error(head)
	}
	if again := draft.Parse(source, "tenant", "titles"); len(again.Faults) > 0 {
		t.Errorf("%+v", again.Faults)
	}
}

func TestDiff(t *testing.T) {
	before, after := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "1\n2\n3\n4\n5\n6\nseven\n8\n9\n10\n11\n"
	var got []string
	for _, line := range draft.Diff(before, after) {
		got = append(got, line.Sign+line.Text)
	}
	if diff := cmp.Diff([]string{"@…", " 4", " 5", " 6", "-7", "+seven", " 8", " 9", " 10", "+11"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if lines := draft.Diff(before, before); lines != nil {
		t.Errorf("of the same: %v", lines)
	}
	// Each of too many lines to compare is there once.
	many := strings.Repeat("a\n", 5000) + "x"
	other := strings.Repeat("b\n", 5000) + "y"
	if lines := draft.Diff(many, other); len(lines) != 10_002 {
		t.Errorf("%d lines", len(lines))
	}
}
