package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ContactProtocol is the means of a contact.
// +kubebuilder:validation:Enum=telephone;email;chat;website
type ContactProtocol string

// The protocols of R-Service's contacts.
const (
	ContactTelephone ContactProtocol = "telephone"
	ContactEmail     ContactProtocol = "email"
	ContactChat      ContactProtocol = "chat"
	ContactWebsite   ContactProtocol = "website"
)

// PersonContact is a way to reach a person.
type PersonContact struct {
	// protocol is telephone, email, chat or website.
	// +required
	Protocol ContactProtocol `json:"protocol,omitempty"`
	// label is the kind of contact, such as work, home or mobile.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Label string `json:"label,omitempty"`
	// uri is the number or address.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	URI string `json:"uri,omitempty"`
	// integration is true on entries that a rule wrote; the next run replaces them.
	// Entries without it are yours and stay.
	// +optional
	Integration bool `json:"integration,omitempty"`
}

// PersonAddress is a postal address of a person or a site.
type PersonAddress struct {
	// label is the kind of address, such as work or home.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Label string `json:"label,omitempty"`
	// address is street and house number.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Address string `json:"address,omitempty"`
	// city is the city or town.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	City string `json:"city,omitempty"`
	// state is the state or region.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	State string `json:"state,omitempty"`
	// zip is the postal code.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Zip string `json:"zip,omitempty"`
	// country is the country.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Country string `json:"country,omitempty"`
	// integration is true on entries that a rule wrote; the next run replaces them.
	// Entries without it are yours and stay.
	// +optional
	Integration bool `json:"integration,omitempty"`
}

// PersonSpec is the record of a person.
type PersonSpec struct {
	// name is the person's name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name,omitempty"`
	// primaryEmail is the e-mail address that identifies the person, whatever the
	// case of its letters and the white space around. No two Persons of a namespace
	// should have the same.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.contains('@')",message="primaryEmail must be an e-mail address"
	PrimaryEmail string `json:"primaryEmail,omitempty"`
	// otherEmails are the person's further e-mail addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	OtherEmails []string `json:"otherEmails,omitempty"`
	// jobTitle is the person's job title.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	JobTitle string `json:"jobTitle,omitempty"`
	// organization is the Organization that the person belongs to.
	// +optional
	Organization *RecordReference `json:"organization,omitempty"`
	// site is the Site where the person works.
	// +optional
	Site *RecordReference `json:"site,omitempty"`
	// location is the place within the site, such as a room.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Location string `json:"location,omitempty"`
	// manager is the Person who manages this one.
	// +optional
	Manager *RecordReference `json:"manager,omitempty"`
	// employeeID is the number or code that the organization gave the person.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	EmployeeID string `json:"employeeID,omitempty"`
	// supportID is the number by which the service desk knows the person.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SupportID string `json:"supportID,omitempty"`
	// costCenter is the name of the cost center.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CostCenter string `json:"costCenter,omitempty"`
	// locale is the person's location for dates and numbers, such as en-US.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locale string `json:"locale,omitempty"`
	// preferredLanguage is the person's language, such as en-GB.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PreferredLanguage string `json:"preferredLanguage,omitempty"`
	// timeZone is the person's time zone in IANA form, such as Europe/Amsterdam.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	TimeZone string `json:"timeZone,omitempty"`
	// vip marks a very important person.
	// +optional
	VIP bool `json:"vip,omitempty"`
	// disabled means that the person may not log in and cannot be selected. All
	// data is kept.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// contacts are the ways to reach the person.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Contacts []PersonContact `json:"contacts,omitempty"`
	// addresses are the person's postal addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Addresses []PersonAddress `json:"addresses,omitempty"`
	// customFields are the account's own fields, by id.
	// +optional
	// +kubebuilder:validation:MaxProperties=200
	CustomFields map[string]JSON `json:"customFields,omitempty"`
	// source is SCIM on a person that a ScimUser is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source,omitempty"`
	// sourceID is the SCIM id of the ScimUser that the person is linked to.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SourceID string `json:"sourceID,omitempty"`
}

// PersonStatus says what is wrong with the record; it is empty while nothing is.
type PersonStatus struct {
	// conditions are Ready and, while they apply, Reconciling and Stalled. There are none until
	// something is wrong with the record; from then on Ready says whether that is so still.
	// They have no observedGeneration, because they are written only when they change.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// heldGeneration is set while the safety brake keeps a Person whose user is gone from
	// being disabled; the one of a user is on that.
	// +optional
	HeldGeneration int64 `json:"heldGeneration,omitempty"`
}

// Person is the R-Service person record. Provisioning creates, updates, disables
// and enables it. It outlives its ScimUser, and is deleted by provisioning only where
// spec.retention of a ScimEndpoint says so.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=persons,shortName=pe,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.primaryEmail`
// +kubebuilder:selectablefield:JSONPath=`.spec.sourceID`
// +kubebuilder:printcolumn:name="Full Name",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Primary Email",type=string,JSONPath=`.spec.primaryEmail`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="VIP",type=boolean,JSONPath=`.spec.vip`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organization.name`
// +kubebuilder:printcolumn:name="Site",type=string,priority=1,JSONPath=`.spec.site.name`
// +kubebuilder:printcolumn:name="Problem",type=string,JSONPath=`.status.conditions[?(@.status=="False")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.status=="False")].message`
// +kubebuilder:printcolumn:name="Job Title",type=string,priority=1,JSONPath=`.spec.jobTitle`
// +kubebuilder:printcolumn:name="Manager",type=string,priority=1,JSONPath=`.spec.manager.name`
// +kubebuilder:printcolumn:name="Source ID",type=string,priority=1,JSONPath=`.spec.sourceID`
type Person struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is the record.
	// +required
	Spec PersonSpec `json:"spec,omitempty,omitzero"`
	// status says what is wrong with the record, if anything is. It has one owner; in spec every field has its own, such
	// as a rule.
	// +optional
	// +structType=atomic
	Status PersonStatus `json:"status,omitempty,omitzero"`
}

// IsProtected reports whether all rules and clients are to be kept off the Person.
func (p *Person) IsProtected() bool { return p.Annotations[AnnotationProtected] == "true" }

// PersonList is a list of Person.
// +kubebuilder:object:root=true
type PersonList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Person `json:"items"`
}
