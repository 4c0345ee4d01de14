// Package preview says what a set of AutomationRules would do, without doing it: for
// one subject, for all subjects of a namespace, or for a subject that is written down
// in an example or a test case. It plans with package rules, as the controllers do,
// and only looks at the plans.
package preview

import (
	"context"
	"iter"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// World is a namespace as rules see it.
type World interface {
	rules.Directory
	// Inputs gives every subject of a kind in the order of their ids, and how many
	// there are. An error ends the sequence.
	Inputs(ctx context.Context, kind v1alpha1.SubjectKind) (int, iter.Seq2[rules.Input, error], error)
}
