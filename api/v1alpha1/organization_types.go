package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// OrganizationSpec is the record of an organization.
type OrganizationSpec struct {
	// name is the organization's name. A pushed group with this display name is
	// linked to it, whatever the case of its letters and the white space around;
	// afterwards the name follows the group.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`
	// disabled means that no person is put into the organization any more.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// parent is the Organization that this one is part of.
	// +optional
	Parent *RecordReference `json:"parent,omitempty"`
	// manager is the Person who manages the organization.
	// +optional
	Manager *RecordReference `json:"manager,omitempty"`
	// financialID is the organization's number in the books.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FinancialID string `json:"financialID,omitempty"`
	// region is the part of the world that the organization is in.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Region string `json:"region,omitempty"`
	// remarks is free text.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Remarks string `json:"remarks,omitempty"`
	// source is SCIM on an organization that a ScimGroup is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source,omitempty"`
	// sourceID is the SCIM id of the ScimGroup that the organization is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SourceID string `json:"sourceID,omitempty"`
}

// OrganizationStatus says whether the record is consistent.
type OrganizationStatus struct {
	// conditions are Ready and, while they apply, Reconciling and Stalled.
	// They have no observedGeneration, because they are written only when they change.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Organization is the R-Service organization record. An administrator or Git
// makes it; a pushed group of the same name is linked to it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=org,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.sourceID`
// +kubebuilder:printcolumn:name="Full Name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Source ID",type=string,JSONPath=`.spec.sourceID`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Organization struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is the record.
	// +required
	Spec OrganizationSpec `json:"spec,omitempty,omitzero"`
	// status says whether the record is consistent.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has processed this organization yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status OrganizationStatus `json:"status,omitempty,omitzero"`
}

// OrganizationList is a list of Organization.
// +kubebuilder:object:root=true
type OrganizationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Organization `json:"items"`
}
