package rules

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Input is the subject and what belongs to it. Exactly one of User and Group is
// set. The engine reads it only.
type Input struct {
	// User is the subject of rules for ScimUser.
	User *v1alpha1.ScimUser
	// Group is the subject of rules for ScimGroup.
	Group *v1alpha1.ScimGroup
	// Groups are the groups of User that exist, in the order of joining. Rules for
	// ScimGroup do not see it.
	Groups []Group
	// DefaultOrganization is the record name of the ScimEndpoint's
	// defaultOrganization, or "".
	DefaultOrganization string
	// Trust is what the SCIM client may have users do.
	Trust Trust
	// Held are the fields of a Person that exists which all rules leave as they are, because
	// the safety brake holds what becomes of them: FieldDisabled, FieldPrimaryEmail.
	Held []string
}

// Trust is what a SCIM client may have users do to Persons that are not theirs yet. The zero
// value lets it do everything.
type Trust struct {
	// Link says which Persons that exist users may get; "" is LinkByEmail.
	Link v1alpha1.LinkExisting
	// LinkBy names the ScimEndpoints that say so.
	LinkBy []string
	// Domains bounds the primary addresses that Persons get: to those in the domains of each.
	Domains []EmailDomains
}

// EmailDomains are the domains of which a ScimEndpoint's client may speak.
type EmailDomains struct {
	// Endpoint is the name of the ScimEndpoint.
	Endpoint string
	// Domains are as at the end of folded addresses.
	Domains []string
}

// Group is a group that a user is a member of, as expressions see it.
type Group struct {
	// ID is the group's SCIM id.
	ID          string
	DisplayName string
	ExternalID  string
	GroupType   string
	// Classification says what the group stands for.
	Classification v1alpha1.Classification
	// Organization is the record name of the Organization that the group is linked
	// to, or "".
	Organization string
	// OrganizationDisabled is whether that Organization is disabled.
	OrganizationDisabled bool
	// Site is the record name of the Site that the group is linked to, or "".
	Site string
	// SiteDisabled is whether that Site is disabled.
	SiteDisabled bool
}

// Record is a *v1alpha1.Person, *v1alpha1.Organization or *v1alpha1.Site. It fits
// wherever a Kubernetes client wants an object.
type Record interface {
	metav1.Object
	runtime.Object
}

// Result is the plan for one subject.
type Result struct {
	// Outcomes holds one outcome a rule, in the order of the rules.
	Outcomes []Outcome
	// Records are copies of the subject's records as they are after all outcomes, by
	// kind: a user has a Person, a group an Organization, a Site or both. A kind of
	// which the subject has none is left out. A record that is yet to be created has
	// no name.
	Records map[v1alpha1.RecordKind]Record
	// FormerPerson is the name of the Person of an inactive user that is another one's by now,
	// "" in every other case. The caller keeps it in the user's status.
	FormerPerson string
}

// Outcome is what one rule does for the subject.
type Outcome struct {
	// Rule is the rule's name, Generation its generation.
	Rule       string
	Generation int64
	// Reason is one of the reasons of a rule's outcome in package v1alpha1. Every
	// reason but Applied, NoChange, ConditionNotMet, NotNeeded, PersonTakenOver and PersonDeleted is a
	// failure: nothing of this rule is to be written.
	Reason string
	// Message says it in words: the rule, the place in the rule and the cause. It
	// never holds a value of the subject or of a record, so it is fit for
	// conditions and logs. At most MaxMessageLength characters.
	Message string
	// Expressions are the values of the named expressions as text, in their order,
	// up to one that failed. They may be personal data.
	Expressions []v1alpha1.ExpressionResult
	// ConditionMet is what the condition gave; nil when it was not evaluated, or failed. A
	// rule without a condition has a condition that is met.
	ConditionMet *bool
	// Changes are the changes of the record's spec, in the order of its fields.
	// They may be personal data.
	Changes []v1alpha1.FieldChange
	// Kind is the kind of record that the rule updates.
	Kind v1alpha1.RecordKind
	// Create is whether the record is to be created. Its namespace is the subject's,
	// its name the caller's to choose.
	Create bool
	// Before is a copy of the record as this rule finds it, with what the rules before
	// write. Nil where none was found, so also when Create is set.
	Before Record
	// Assigned names the fields to which the rule gave a value, or which it cleared,
	// whether that changed them or not. A value that was none assigns nothing. Nil
	// where the rule failed or its condition was not met.
	Assigned []string
	// Kept are the fields that the rule would change and leaves as they are, in the order of
	// its actions. The message tells of them.
	Kept []Kept
	// LastActive names the attributes of an inactive user that the rule read as they were when it
	// was last active, because they have changed since. The message tells of them.
	LastActive []string
	// Overruled is the field manager that applied "disabled: false" to the Person of somebody
	// who has left, which the rule disables all the same; "" where there is none.
	Overruled string
	// After is the record as this rule leaves it, equal to Before where nothing
	// changes. A field that a later rule sets differently is not among the changes:
	// each field is written once. Nil where the rule failed or its condition was not met.
	After Record
}

// Failed reports whether the rule failed for the subject.
func (o Outcome) Failed() bool {
	switch o.Reason {
	case v1alpha1.ReasonApplied, v1alpha1.ReasonNoChange:
		return false
	}
	return !o.Skipped()
}

// Skipped reports whether the rule had nothing to decide for the subject.
func (o Outcome) Skipped() bool {
	switch o.Reason {
	case v1alpha1.ReasonConditionNotMet, v1alpha1.ReasonNotNeeded, v1alpha1.ReasonPersonTakenOver, v1alpha1.ReasonPersonDeleted:
		return true
	}
	return false
}

// FieldDisabled is the field of a Person that says whether it is in use. Package
// controllers disables the Person of an inactive user unless a rule has decided.
const FieldDisabled = "disabled"

// FieldPrimaryEmail is the field of a Person that says whose it is.
const FieldPrimaryEmail = "primaryEmail"

// Assigned reports whether a rule that was carried out gave the field a value, or
// cleared it.
func Assigned(outcomes []Outcome, field string) bool {
	return slices.ContainsFunc(outcomes, func(o Outcome) bool { return !o.Failed() && slices.Contains(o.Assigned, field) })
}

// Withheld is the reason why a field is left as it is that somebody has to do something
// about, "" for none. The rest of the rule is carried out.
func (o Outcome) Withheld() string {
	for _, kept := range o.Kept {
		if kept.Reason != "" {
			return kept.Reason
		}
	}
	return ""
}
