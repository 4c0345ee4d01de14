// Package draft is a rule that somebody writes in the console: read from YAML, checked as the webhook checks rules, its consequences
// counted, and whose it is. It writes nothing.
package draft
