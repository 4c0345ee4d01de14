package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// annotations are those of a record, as the outcomes leave it one after the other.
func annotations(result Result) []string {
	var all []string
	for _, outcome := range result.Outcomes {
		if outcome.After != nil {
			all = append(all, outcome.After.GetAnnotations()[v1alpha1.AnnotationUnfinished])
		}
	}
	return all
}

// TestWhatIsSetOnceIsSetThoughTheProcessEndsBetweenTwoWrites stops after each write
// of a plan and plans again over what was written.
func TestWhatIsSetOnceIsSetThoughTheProcessEndsBetweenTwoWrites(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("creates", withSetCreated("locale", `"nl-NL"`), withSet("name", `"Jane"`))),
		compiled(t, namedRule("always", withSet("jobTitle", `"Chef"`))),
		compiled(t, namedRule("second", withSetCreated("timeZone", `"Europe/Amsterdam"`))),
		compiled(t, namedRule("third", withSetCreated("preferredLanguage", `"nl"`))),
	}
	in := Input{User: activeUser(userID, true)}
	whole := planned(t, rules, in, &memory{})
	if diff := cmp.Diff([]string{"second,third", "second,third", "third", ""}, annotations(whole)); diff != "" {
		t.Fatal(diff)
	}
	for i, outcome := range whole.Outcomes[1:] {
		if diff := cmp.Diff(whole.Outcomes[i].After, outcome.Before); diff != "" {
			t.Errorf("rule %s does not begin where the one before ends:\n%s", outcome.Rule, diff)
		}
	}
	want := whole.Outcomes[3].After.(*v1alpha1.Person)
	for written := range rules[:3] {
		left := whole.Outcomes[written].After.DeepCopyObject().(*v1alpha1.Person)
		left.Name = "jane"
		again := planned(t, rules, in, &memory{persons: []*v1alpha1.Person{left}})
		got := again.Records[v1alpha1.RecordPerson].(*v1alpha1.Person)
		if diff := cmp.Diff(want.Spec, got.Spec); diff != "" {
			t.Errorf("after %d writes:\n%s", written+1, diff)
		}
		if last := again.Outcomes[3].After.GetAnnotations(); last != nil {
			t.Errorf("after %d writes the record stays unfinished: %v", written+1, last)
		}
		for _, outcome := range again.Outcomes[:written+1] {
			if outcome.Reason != v1alpha1.ReasonNoChange {
				t.Errorf("rule %s writes again: %s", outcome.Rule, outcome.Message)
			}
		}
	}
}

func TestARecordStaysUnfinishedForNobody(t *testing.T) {
	linked := linkedJane(func(p *v1alpha1.PersonSpec) { p.Name = "Jane" })
	linked.Annotations = map[string]string{v1alpha1.AnnotationUnfinished: "gone,second", "kept": "x"}
	first := compiled(t, namedRule("first", withSet("name", "user.displayName")))
	second := compiled(t, namedRule("second", withSetCreated("timeZone", "?user.timezone")))
	in := Input{User: user(userID, v1alpha1.ScimUserSpec{UserName: "jane@example.com", DisplayName: "Jane"})}

	result := planned(t, []*Rule{first, second}, in, &memory{persons: []*v1alpha1.Person{linked}})
	if diff := cmp.Diff([]string{v1alpha1.ReasonNoChange, v1alpha1.ReasonApplied}, reasons(result)); diff != "" {
		t.Error(diff)
	}
	if got := result.Outcomes[1]; len(got.Changes) > 0 || got.Message != "rule second has nothing more to set on the new Person" {
		t.Errorf("outcome %+v", got)
	}
	if diff := cmp.Diff(map[string]string{"kept": "x"}, result.Outcomes[1].After.GetAnnotations()); diff != "" {
		t.Error(diff)
	}

	in.User.Spec.DisplayName = "Janet"
	result = planned(t, []*Rule{first}, in, &memory{persons: []*v1alpha1.Person{linked}})
	if diff := cmp.Diff(map[string]string{"kept": "x"}, result.Outcomes[0].After.GetAnnotations()); diff != "" {
		t.Errorf("a rule that is gone stays named:\n%s", diff)
	}
}

func TestARecordThatOneRuleMakesIsNeverUnfinished(t *testing.T) {
	rules := []*Rule{
		compiled(t, namedRule("creates", withSetCreated("locale", `"nl-NL"`))),
		compiled(t, namedRule("none", withSetCreated("timeZone", "?user.timezone"))),
	}
	result := planned(t, rules, Input{User: activeUser(userID, true)}, &memory{})
	if got := result.Outcomes[0].After.GetAnnotations(); got != nil {
		t.Errorf("annotations %v", got)
	}
}
