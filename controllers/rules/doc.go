// Package rules is the rule engine: it compiles AutomationRules and plans what
// they do for a subject. It is a pure function from rules, a subject and look-ups
// to field changes: it has no client, no clock and no I/O of its own, and never
// changes what it is given. Dry run, preview, tests and the controllers all use
// the same plan; applying it is the caller's business.
//
// The expression language is CEL, with the libraries that admission policies of
// Kubernetes have. README.md lists the variables and functions of rules.
package rules
