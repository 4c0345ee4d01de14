// Package verdict says what became of a reconcile: a Verdict is computed once, becomes the conditions of the object, is
// written in one patch and told in an Event. An error says here what happens next: nothing, another try soon, or another
// try that people hear of.
package verdict
