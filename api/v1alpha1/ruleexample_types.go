package v1alpha1

// RuleExample is a subject, and what its rule alone makes of it: a test that travels
// with the rule.
type RuleExample struct {
	// name says in a few words what the example shows.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name,omitempty"`
	// input is an object: the subject, as user or group, and what the rule looks up:
	// groups, record, persons, organizations, sites, users, endpoint. The form is
	// described in controllers/preview/README.md.
	// +required
	Input *JSON `json:"input,omitempty"`
	// expected is what the rule makes of it.
	// +required
	Expected RuleExpectation `json:"expected,omitempty,omitzero"`
}

// RuleExpectation is what is expected of a rule.
// +kubebuilder:validation:MinProperties=1
type RuleExpectation struct {
	// outcome is the reason of the outcome, such as Applied, NoChange,
	// ConditionNotMet or ExpressionError. Unset: Applied or NoChange, unless message
	// is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Outcome string `json:"outcome,omitempty"`
	// record is an object with fields of the record's spec as they are afterwards;
	// null stands for a field that is empty. Fields that it does not name are not
	// looked at.
	// +optional
	Record *JSON `json:"record,omitempty"`
	// message is a part of the outcome's message.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
