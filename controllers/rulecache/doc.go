// Package rulecache holds the AutomationRules of a namespace ready to run: compiled once a generation, with their
// examples run, and with what of them is not for executions.
package rulecache
