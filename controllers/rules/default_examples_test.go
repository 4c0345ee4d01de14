package rules

import (
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// TestExamplesOfTheDefaultRulesCompile takes the entries of set from the README of
// config/rules, which are indented by four spaces.
func TestExamplesOfTheDefaultRulesCompile(t *testing.T) {
	data, err := os.ReadFile("../../config/rules/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), "## Examples")
	if !found {
		t.Fatal("the README has no examples")
	}
	var list strings.Builder
	for line := range strings.Lines(text) {
		if entry, indented := strings.CutPrefix(line, "    "); indented {
			list.WriteString(entry)
		}
	}
	var assignments []v1alpha1.FieldAssignment
	if err := yaml.UnmarshalStrict([]byte(list.String()), &assignments); err != nil {
		t.Fatal(err)
	}
	if len(assignments) != 4 {
		t.Fatalf("%d examples, want 4", len(assignments))
	}
	in, dir := loadExample(t)
	for _, assignment := range assignments {
		rule := compiled(t, changed(func(r *v1alpha1.AutomationRule) { r.Spec.Update.Set = []v1alpha1.FieldAssignment{assignment} }))
		outcome := planned(t, []*Rule{rule}, in, dir).Outcomes[0]
		if outcome.Failed() || !strings.Contains(outcome.Message, "creates") {
			t.Errorf("%s: %s", assignment.Field, outcome.Message)
		}
		changedField := false
		for _, change := range outcome.Changes {
			changedField = changedField || change.Field == assignment.Field && change.To != ""
		}
		if !changedField {
			t.Errorf("%s was not set: %v", assignment.Field, outcome.Changes)
		}
	}
}
