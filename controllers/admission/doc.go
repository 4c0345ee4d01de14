// Package admission checks AutomationRules before the API server stores them. A rule
// that does not compile, or whose examples do not come true, is refused; of others it
// warns what is probably a mistake, and counts whom they would change.
package admission
