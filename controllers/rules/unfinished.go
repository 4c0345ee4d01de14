package rules

import (
	"fmt"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// A record that several rules make is written by one after the other. If the process
// ends in between, the rules that are left find a record which is there already, and
// what they set "when: created" would never be set. Therefore the record names them
// in an annotation, which the last of them takes away.

// isUnfinished reports whether a rule has yet to write to a record that was created
// for it too.
func isUnfinished(record Record, rule string) bool {
	return slices.Contains(unfinished(record), rule)
}

func unfinished(record Record) []string {
	return strings.FieldsFunc(record.GetAnnotations()[v1alpha1.AnnotationUnfinished], func(r rune) bool { return r == ',' })
}

func setUnfinished(record Record, rules []string) {
	setAnnotation(record, v1alpha1.AnnotationUnfinished, strings.Join(rules, ","))
}

// setAnnotation sets an annotation of a working copy, or takes it off.
func setAnnotation(record Record, name, value string) {
	annotations := record.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	if value == "" {
		delete(annotations, name)
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	record.SetAnnotations(annotations)
}

// markUnfinished keeps the annotation up to date in the outcomes for one record. A
// rule that it names and that will not write any more is left out by the next write.
func markUnfinished(kind *recordKind, steps []*step) {
	var have, left []string
	if !steps[0].outcome.Create {
		if have = unfinished(steps[0].outcome.Before); len(have) == 0 {
			return
		}
	}
	for _, s := range steps {
		switch outcome := &s.outcome; {
		case outcome.Create:
		case have == nil && s.rule.setsOnNew() && outcome.Reason == v1alpha1.ReasonApplied:
			left = append(left, outcome.Rule)
		case slices.Contains(have, outcome.Rule):
			left = append(left, outcome.Rule)
			if outcome.Reason == v1alpha1.ReasonNoChange {
				outcome.Reason = v1alpha1.ReasonApplied
				outcome.Message = fmt.Sprintf("rule %s has nothing more to set on the new %s", outcome.Rule, kind.kind)
			}
		}
	}
	for _, s := range steps {
		outcome := &s.outcome
		if outcome.Before != nil {
			setUnfinished(outcome.Before, have)
		}
		left = slices.DeleteFunc(left, func(rule string) bool { return rule == outcome.Rule })
		if outcome.Reason == v1alpha1.ReasonApplied {
			have = left
		}
		setUnfinished(outcome.After, have)
	}
}

// setsOnNew reports whether the rule sets a field that it might not set later on.
func (r *Rule) setsOnNew() bool {
	return slices.ContainsFunc(r.actions, func(a action) bool { return a.when != "" })
}
