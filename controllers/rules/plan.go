package rules

import (
	"context"
	"errors"
)

// Sort puts rules in the order of execution: by position, then by name.
func Sort(rules []*Rule) {}

// Plan runs the rules of a subject in the order given, which is that of Sort,
// over a working copy of the subject's record, so that a later rule sees what an
// earlier one set. An error means that nothing can be said about the subject now
// and that the caller should try again: a look-up failed or ctx ended. What is
// wrong with a rule or the subject is in the outcomes.
func Plan(ctx context.Context, rules []*Rule, in Input, dir Directory) (Result, error) {
	return Result{}, errors.New("planning is not built yet")
}
