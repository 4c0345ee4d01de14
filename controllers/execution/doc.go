// Package execution keeps AutomationRuleExecutions: when one is written, what it tells of a run, what of that is left
// out, and the runs that somebody asks for.
package execution
