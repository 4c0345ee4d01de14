// Package controllers turns what a SCIM client has pushed into records: one
// reconciler a kind, registered by Setup. Rules decide (package rules), the
// reconcilers gather what a rule reads, write what it plans and report it in
// conditions. Everything is level-triggered: a reconcile looks at the whole
// state, so a stop at any point loses nothing. README.md explains the parts.
package controllers
