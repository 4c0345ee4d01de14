package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// NewWorld makes a World of resources. Package controllers has one.
type NewWorld func(namespace string, objects ...client.Object) World

// Mismatch is something about an example or a test case that is not as expected.
type Mismatch struct {
	// What it is about: "outcome", "message" or a field, such as "record.jobTitle".
	What string `json:"what"`
	// Expected and Actual are the values as JSON or text.
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

// String gives all of it in one line.
func (m Mismatch) String() string {
	return fmt.Sprintf("%s: expected %s, got %s", m.What, m.Expected, m.Actual)
}

// Run plans rules for the subject of a fixture. Record is the kind of the fixture's
// record.
func (f *Fixture) Run(ctx context.Context, newWorld NewWorld, set []*rules.Rule, record v1alpha1.RecordKind) (Effect, error) {
	objects, err := f.Objects(record)
	if err != nil {
		return Effect{}, err
	}
	world := newWorld(FixtureNamespace, objects...)
	_, inputs, err := world.Inputs(ctx, f.Kind())
	if err != nil {
		return Effect{}, err
	}
	for in, err := range inputs {
		if err != nil {
			return Effect{}, err
		}
		if id, _ := idAndName(in); id == f.ID {
			return Of(ctx, set, in, world)
		}
	}
	return Effect{}, fmt.Errorf("there is no subject %s", f.ID)
}

// CheckExample runs an example of a rule with the rule alone. An error says that the
// example itself is not right.
func CheckExample(ctx context.Context, newWorld NewWorld, rule *rules.Rule, example v1alpha1.RuleExample) ([]Mismatch, error) {
	if example.Input == nil {
		return nil, errors.New("input is missing")
	}
	fixture, err := ParseFixture(example.Input.Raw)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	if fixture.Kind() != rule.Subject() {
		return nil, fmt.Errorf("input: the subject is a %s, but the rule is for %s", fixture.Kind(), rule.Subject())
	}
	effect, err := fixture.Run(ctx, newWorld, []*rules.Rule{rule}, rule.Record())
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	mismatches := compareOutcome(effect.Outcomes[0], example.Expected)
	if example.Expected.Record != nil {
		fields, err := CompareRecord("record", effect.Record(rule.Record()).Final, *example.Expected.Record)
		if err != nil {
			return nil, fmt.Errorf("expected.record: %w", err)
		}
		mismatches = append(mismatches, fields...)
	}
	return mismatches, nil
}

// CheckExamples runs all examples of a rule that has been compiled. The error tells of
// each that does not come true.
func CheckExamples(ctx context.Context, newWorld NewWorld, compiled *rules.Rule, rule *v1alpha1.AutomationRule) error {
	var errs []error
	for _, example := range rule.Spec.Examples {
		mismatches, err := CheckExample(ctx, newWorld, compiled, example)
		if err != nil {
			errs = append(errs, fmt.Errorf("example %q: %w", example.Name, err))
		}
		for _, mismatch := range mismatches {
			errs = append(errs, fmt.Errorf("example %q: %s", example.Name, mismatch))
		}
	}
	return errors.Join(errs...)
}

func compareOutcome(outcome rules.Outcome, expected v1alpha1.RuleExpectation) []Mismatch {
	var mismatches []Mismatch
	got := fmt.Sprintf("%s (%s)", outcome.Reason, outcome.Message)
	switch {
	case expected.Outcome != "" && outcome.Reason != expected.Outcome:
		mismatches = append(mismatches, Mismatch{"outcome", expected.Outcome, got})
	case expected.Outcome == "" && expected.Message == "" && (outcome.Failed() || outcome.Skipped()):
		mismatches = append(mismatches, Mismatch{"outcome", v1alpha1.ReasonApplied + " or " + v1alpha1.ReasonNoChange, got})
	}
	if !strings.Contains(outcome.Message, expected.Message) {
		mismatches = append(mismatches, Mismatch{"message", fmt.Sprintf("%q", expected.Message), fmt.Sprintf("%q", outcome.Message)})
	}
	return mismatches
}

// CompareRecord compares the fields that want names with those of a record's spec. What
// is the prefix of the fields' names in the result. A field that is empty equals null, "",
// false and what else is empty; a reference is the name of the record.
func CompareRecord(what string, record rules.Record, want v1alpha1.JSON) ([]Mismatch, error) {
	var expected map[string]any
	if err := json.Unmarshal(want.Raw, &expected); err != nil || expected == nil {
		return nil, errors.New("is no object")
	}
	if record == nil {
		return []Mismatch{{what, "a record", "no record"}}, nil
	}
	actual, err := specOf(record)
	if err != nil {
		return nil, err
	}
	return compareFields(what, record, actual, expected)
}

func compareFields(what string, record rules.Record, actual, expected map[string]any) ([]Mismatch, error) {
	var mismatches []Mismatch
	for _, field := range slices.Sorted(maps.Keys(expected)) {
		if !rules.HasField(record, field) {
			return nil, fmt.Errorf("there is no field %q", field)
		}
		want, got := expected[field], valueOf(actual, field)
		if isNothing(want) && isNothing(got) || reflect.DeepEqual(want, got) {
			continue
		}
		mismatches = append(mismatches, Mismatch{what + "." + field, jsonText(want), jsonText(got)})
	}
	return mismatches, nil
}

// valueOf is the value of a field, or of a custom field written as customFields.<id>.
func valueOf(spec map[string]any, field string) any {
	if members, id, custom := strings.Cut(field, "."); custom {
		values, _ := spec[members].(map[string]any)
		return values[id]
	}
	value := spec[field]
	if reference, ok := value.(map[string]any); ok && slices.Contains(references, field) {
		return reference["name"]
	}
	return value
}

// references are the fields that refer to a record.
var references = []string{"organization", "site", "manager", "parent"}

// isNothing reports whether a value stands for an empty field: null, "", false, [] or {}.
func isNothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func jsonText(value any) string {
	if value == nil {
		return "nothing"
	}
	data, err := json.Marshal(value)
	if err != nil { // of what was decoded from JSON
		return fmt.Sprint(value)
	}
	return string(data)
}

// specOf is the spec of a record as JSON has it.
func specOf(record rules.Record) (map[string]any, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	return object.Spec, nil
}
