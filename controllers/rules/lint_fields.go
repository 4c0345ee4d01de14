package rules

import (
	"fmt"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// fieldFindings compares two rules for one kind of subject, of which the second runs
// later. always says that the later one's condition is always met.
func fieldFindings(earlier, later *Rule, always bool) []Finding {
	var findings []Finding
	for _, a := range earlier.actions {
		for _, b := range later.actions {
			if !a.sameFieldAs(b) || b.operation != setOperation {
				continue
			}
			if f, found := pairFinding(earlier, later, a, b, always && !readsRecord(later)); found {
				findings = append(findings, f)
			}
		}
	}
	return findings
}

// sameFieldAs reports whether two actions are about one field of one kind of record.
func (a action) sameFieldAs(b action) bool {
	return a.field.name == b.field.name && a.customID == b.customID
}

// covers reports whether the action is carried out whenever another one of a rule before is.
func (a action) covers(other action) bool {
	if other.force && !a.force {
		return false
	}
	return a.when == "" || a.when == v1alpha1.SetWhenActive && other.when != ""
}

// pairFinding says what is odd about an action on a field that a later rule sets, in
// the order of what matters most.
func pairFinding(earlier, later *Rule, a, b action, overwrites bool) (Finding, bool) {
	of := func(rule, other *Rule, act action, format string, args ...any) (Finding, bool) {
		return Finding{Rule: rule.name, Other: other.name, Place: fmt.Sprintf("%s %s", act.operation, act.field.name),
			Message: fmt.Sprintf(format, args...)}, true
	}
	switch {
	case a.operation == setOperation && earlier.position == later.position && (a.when == v1alpha1.SetWhenCreated) == (b.when == v1alpha1.SetWhenCreated):
		return of(later, earlier, b, "rule %s sets this field at the same position %d, and the names alone decide that this one wins; give them different positions",
			earlier.name, earlier.position)
	case a.operation == clearOperation:
		return of(later, earlier, b, "rule %s, which runs before, clears this field", earlier.name)
	case overwrites && b.covers(a) && b.value.typ.TypeName() != optionalTypeName:
		return of(earlier, later, a, "has no effect, because rule %s, which runs later, always sets this field", later.name)
	}
	return Finding{}, false
}

// readsRecord reports whether a rule makes use of what earlier rules did.
func readsRecord(rule *Rule) bool {
	for _, e := range allExpressions(rule) {
		if identifiers(e)[recordVariable] {
			return true
		}
	}
	return false
}
