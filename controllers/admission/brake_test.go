package admission

import (
	"slices"
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// disabling is the folder's rule, which also says who is disabled.
func disabling(value, whom string) *v1alpha1.AutomationRule {
	rule := titles("titles", value)
	rule.Spec.Update.Set = append(rule.Spec.Update.Set, v1alpha1.FieldAssignment{Field: "disabled", Value: whom})
	return rule
}

// TestWhatTheSafetyBrakeWouldHoldIsWarnedOf goes through changes by what they do to Persons in use.
func TestWhatTheSafetyBrakeWouldHoldIsWarnedOf(t *testing.T) {
	const everybody, held = `true`, "the safety brake will hold that: persons to disable: 12, allowed now: 10 (minDisableCount 10 within windowSeconds 3600). " +
		"To release it, create a ScimEndpoint"
	tests := map[string]struct {
		users    int
		old, new *v1alpha1.AutomationRule
		want     []string
	}{
		"more than are allowed": {12, titles("titles", "user.title"), disabling("user.title", everybody),
			[]string{"will change 12 of 12 persons; disable 12", held}},
		"no more than are allowed": {10, titles("titles", "user.title"), disabling("user.title", everybody),
			[]string{"will change 10 of 10 persons; disable 10"}},
		"what the rules do anyway": {12, disabling("user.title", everybody), disabling(`"Agent"`, everybody),
			[]string{"will change 12 of 12 persons: jobTitle 12"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFolder(test.users)
			lines, err := f.ValidateUpdate(t.Context(), test.old, test.new)
			if err != nil || !slices.Equal(lines, test.want) {
				t.Errorf("lines %q, error %v", lines, err)
			}
		})
	}
}

// TestWhatTheSafetyBrakeHoldsIsCountedAnewInTime: with time it lets more through, and nobody tells.
func TestWhatTheSafetyBrakeHoldsIsCountedAnewInTime(t *testing.T) {
	f := newFolder(12)
	for i, want := range []int{12, 12, 24} {
		if _, err := f.ValidateUpdate(t.Context(), titles("titles", "user.title"), disabling("user.title", "true")); err != nil {
			t.Fatal(err)
		}
		if f.planned != want {
			t.Errorf("planned %d subjects, not %d", f.planned, want)
		}
		if i == 1 {
			f.clock.SetTime(f.clock.Now().Add(12 * agePerSubject))
		}
	}
}
