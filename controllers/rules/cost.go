package rules

import "fmt"

// cheaper says what to do about an expression that costs too much.
const cheaper = "filter lists before looping over them, take loops out of one another, or name what is needed twice as an expression of its own"

// estimateTooHigh is about an expression that could cost too much.
func estimateTooHigh(estimate uint64) string {
	return fmt.Sprintf("the expression could cost %d for the largest subject, %s the limit of %d; %s",
		estimate, times(estimate, MaxEstimatedCost), MaxEstimatedCost, cheaper)
}

// tooExpensive is about an expression that was stopped, so what it would have cost
// is known only by its estimate.
func tooExpensive(estimate uint64) string {
	return fmt.Sprintf("the expression was stopped for this subject at the limit of %d cost units; for the largest subject it is estimated to cost %d, %s that; %s",
		MaxCost, estimate, times(estimate, MaxCost), cheaper)
}

// ruleTooExpensive is about a rule whose expressions cost too much together.
func ruleTooExpensive(cost uint64) string {
	return fmt.Sprintf("the rule's expressions have cost %d for this subject up to here, %s the limit of %d for all of them; %s",
		cost, times(cost, MaxRuleCost), MaxRuleCost, cheaper)
}

// tooSlow is about a rule that ran for too long.
func tooSlow() string {
	return fmt.Sprintf("the rule was stopped for this subject after the %s that it may take; %s", MaxRuleTime, cheaper)
}

// times says how much larger than a limit something is.
func times(n, limit uint64) string {
	return fmt.Sprintf("%.1f times", float64(n)/float64(limit))
}
