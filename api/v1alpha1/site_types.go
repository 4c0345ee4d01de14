package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SiteSpec is the record of a site.
type SiteSpec struct {
	// name is the site's name. A pushed group with this display name is linked to
	// it, whatever the case of its letters and the white space around; afterwards
	// the name follows the group.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`
	// disabled means that no person is put at the site any more.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// timeZone is the site's time zone in IANA form, such as Europe/Amsterdam.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	TimeZone string `json:"timeZone,omitempty"`
	// addresses are the site's postal addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Addresses []PersonAddress `json:"addresses,omitempty"`
	// remarks is free text.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Remarks string `json:"remarks,omitempty"`
	// source is SCIM on a site that a ScimGroup is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source,omitempty"`
	// sourceID is the SCIM id of the ScimGroup that the site is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SourceID string `json:"sourceID,omitempty"`
}

// SiteStatus says whether the record is consistent.
type SiteStatus struct {
	// conditions are Ready and, while they apply, Reconciling and Stalled.
	// They have no observedGeneration, because they are written only when they change.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Site is the R-Service site record: a place where people work. An administrator
// or Git makes it; a pushed group of the same name is linked to it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.sourceID`
// +kubebuilder:printcolumn:name="Full Name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Time Zone",type=string,JSONPath=`.spec.timeZone`
// +kubebuilder:printcolumn:name="Source ID",type=string,JSONPath=`.spec.sourceID`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Site struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is the record.
	// +required
	Spec SiteSpec `json:"spec,omitempty,omitzero"`
	// status says whether the record is consistent.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has processed this site yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SiteStatus `json:"status,omitempty,omitzero"`
}

// SiteList is a list of Site.
// +kubebuilder:object:root=true
type SiteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Site `json:"items"`
}
