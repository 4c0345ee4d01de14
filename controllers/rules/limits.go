package rules

import "time"

// Limits of rules. They keep one rule from stopping everybody's provisioning. What
// the API limits has the API's limit here.
const (
	// MaxEstimatedCost is the most that an expression may cost by the estimate made
	// at compile time, in CEL cost units: what Kubernetes allows a validation rule
	// of a CustomResourceDefinition. The estimate takes every text, list and map of
	// a subject at its largest.
	MaxEstimatedCost = 10_000_000
	// MaxCost is the most that an expression may cost when it runs, in CEL cost
	// units: what Kubernetes allows one call, about a tenth of a second.
	MaxCost = 1_000_000
	// MaxRuleCost is the most that all expressions of a rule may cost together for one
	// subject, in CEL cost units, so that many expensive ones do not add up.
	MaxRuleCost = 2_000_000
	// MaxValuesSize is the most bytes that the values of a rule's named expressions, and of
	// set, add and remove, may have together for one subject: their texts, and 16 for each
	// entry of a list or map and each field of an object.
	MaxValuesSize = 16 << 20
	// MaxMadeText is the most bytes of a text that replace(), join() or format() makes.
	MaxMadeText = 1 << 20
	// MaxRuleTime is how long one run of a rule may take, look-ups included. The costs
	// stop a rule long before; this is for what they do not foresee.
	MaxRuleTime = 10 * time.Second
	// LookupCost is what one call of a function of find costs, in CEL cost units.
	LookupCost = 100
	// MaxRange is the most entries that lists.range() makes, or a sum of lists. Whatever is done with each
	// entry costs once more, so more of them would reach MaxCost, but only when they are there.
	MaxRange = MaxCost / 2
	// InterruptCheckFrequency is the number of steps of a comprehension between two
	// looks at the context, so that a deadline stops an evaluation.
	InterruptCheckFrequency = 100
	// MaxExpressionLength is the most characters of an expression.
	MaxExpressionLength = 10_240
	// MaxRuleLength is the most characters of all expressions of a rule together, which
	// bounds the time to compile it: 65,536 take half a second at worst.
	MaxRuleLength = 65_536
	// MaxExpressions is the most named expressions of a rule, and the most entries
	// of each of set, add, remove and clear.
	MaxExpressions = 64
	// MaxFields is the most different fields that one rule may change, so that all
	// its changes fit in one execution.
	MaxFields = 120
	// MaxTextLength is the most characters of a text field.
	MaxTextLength = 1024
	// MaxRemarksLength is the most characters of an organization's remarks.
	MaxRemarksLength = 65_536
	// MaxReferenceLength is the most characters of the name of a record.
	MaxReferenceLength = 253
	// MinEmailLength is the fewest characters of an e-mail address.
	MinEmailLength = 3
	// MaxOtherEmails is the most entries of otherEmails.
	MaxOtherEmails = 100
	// MaxContacts is the most entries of contacts, and of addresses.
	MaxContacts = 200
	// MaxCustomFields is the most custom fields of a person.
	MaxCustomFields = 200
	// MaxCustomFieldSize is the most bytes of JSON in one custom field.
	MaxCustomFieldSize = 16_384
	// MaxResultLength is the most characters of a value in an execution; a longer
	// one is cut and ends with "…".
	MaxResultLength = 1024
	// MaxMessageLength is the most characters of an outcome's message.
	MaxMessageLength = 1024
)

// Sizes that the estimate of an expression's cost is made with.
const (
	// maxGroups is the most groups of a user.
	maxGroups = 5000
	// maxValues is the most values of a multi-valued attribute.
	maxValues = 100
	// maxExtensions is the most extensions of a subject.
	maxExtensions = 20
	// maxDynamic is the size of a part of an extension, whose schema is not known.
	// A larger one is stopped by MaxCost.
	maxDynamic = 10_000
)
