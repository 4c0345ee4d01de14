package rules

import (
	"fmt"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// excuseMissing looks at the rules that found no record, where those for another
// kind of record did: a group is a site as well as an organization, so lacking one
// of them is no failure. When it has neither, the first such rule says so for all
// kinds, and the others are not needed.
func (p *planner) excuseMissing(done pass) {
	first := -1
	for i := range done.steps {
		s := &done.steps[i]
		if !s.missing {
			continue
		}
		switch {
		case done.hasOther(s.rule.record):
			s.outcome.Reason = v1alpha1.ReasonNotNeeded
			s.outcome.Message = fmt.Sprintf("rule %s: no %s of this name exists, and none is needed beside the record of another kind",
				s.rule.name, s.rule.record.kind)
		case first < 0:
			first = i
			s.outcome.Message = fmt.Sprintf("rule %s: %s of this name exists; create one, or rename the group", s.rule.name, done.noneOf())
		case s.rule.record != done.steps[first].rule.record:
			s.outcome.Reason = v1alpha1.ReasonNotNeeded
			s.outcome.Message = fmt.Sprintf("rule %s: no %s of this name exists, as rule %s reports", s.rule.name, s.rule.record.kind, done.steps[first].rule.name)
		}
	}
}

// hasOther reports whether there is a record of another kind than the one given, or
// a rule for one has failed for another cause than a missing record.
func (p pass) hasOther(kind *recordKind) bool {
	for other, state := range p.after {
		if other != kind && state.record != nil {
			return true
		}
	}
	for _, s := range p.steps {
		if s.rule.record != kind && s.outcome.Failed() && !s.missing {
			return true
		}
	}
	return false
}

// noneOf says which kinds of record rules looked for in vain: "no Organization and no Site".
func (p pass) noneOf() string {
	var kinds []string
	for _, s := range p.steps {
		if kind := "no " + string(s.rule.record.kind); s.absent && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " and ")
}
