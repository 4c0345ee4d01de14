package rules

// Limits of rules. They keep a single rule from stopping everybody's provisioning;
// the sizes are those that the API allows, so an estimate is never below the truth
// for a subject that the API server accepted.
const (
	// MaxEstimatedCost is the most that an expression may cost by the estimate made
	// at compile time, in CEL cost units: what Kubernetes allows a validation rule
	// of a CustomResourceDefinition.
	MaxEstimatedCost = 10_000_000
	// MaxCost is the most that an expression may cost when it runs, in CEL cost
	// units: what Kubernetes allows one call, about a tenth of a second.
	MaxCost = 1_000_000
	// InterruptCheckFrequency is the number of steps of a comprehension between two
	// looks at the context, so that a deadline stops an evaluation.
	InterruptCheckFrequency = 100
	// MaxTextLength is the most characters of a text field, a record reference
	// apart.
	MaxTextLength = 1024
	// MaxReferenceLength is the most characters of a record reference's name.
	MaxReferenceLength = 253
	// MinEmailLength is the fewest characters of a primary e-mail address.
	MinEmailLength = 3
	// MaxOtherEmails is the most entries of otherEmails.
	MaxOtherEmails = 100
	// MaxContacts is the most entries of contacts, and of addresses.
	MaxContacts = 200
	// MaxCustomFields is the most custom fields of a person.
	MaxCustomFields = 200
	// MaxFields is the most different fields that one rule may change, so that all
	// its changes fit in one execution.
	MaxFields = 120
	// MaxResultLength is the most characters of a value in an execution; longer
	// values are cut and end with "…".
	MaxResultLength = 1024
	// MaxMessageLength is the most characters of an outcome's message.
	MaxMessageLength = 1024
)
