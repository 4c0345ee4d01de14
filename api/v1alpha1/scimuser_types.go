package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ScimUserSpec is a user as the SCIM client sent it (RFC 7643 sections 4.1 and
// 4.3). An attribute that is missing here was not sent or was cleared.
// +kubebuilder:validation:XValidation:rule="!has(self.emails) || self.emails.filter(e, has(e.primary) && e.primary).size() <= 1",message="at most one e-mail address may be primary"
// +kubebuilder:validation:XValidation:rule="!has(self.phoneNumbers) || self.phoneNumbers.filter(e, has(e.primary) && e.primary).size() <= 1",message="at most one phone number may be primary"
// +kubebuilder:validation:XValidation:rule="!has(self.addresses) || self.addresses.filter(e, has(e.primary) && e.primary).size() <= 1",message="at most one address may be primary"
type ScimUserSpec struct {
	// userName is the user's login name at the client, unique in this namespace
	// whatever the case of its letters and the white space around. It may change; the
	// user's id does not.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`
	// externalId is the client's own identifier of the user. It need not be unique.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`
	// active is false when the client has deactivated the user: the Person is then
	// disabled and keeps all its data. A user whom the client never said it of is active.
	// +optional
	// +kubebuilder:default=true
	Active *bool `json:"active,omitempty"`
	// name holds the parts of the user's name.
	// +optional
	Name *ScimName `json:"name,omitempty"`
	// displayName is the name to show to people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
	// nickName is the casual name of the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	NickName string `json:"nickName,omitempty"`
	// profileUrl is the address of the user's online profile.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	ProfileURL string `json:"profileUrl,omitempty"`
	// title is the user's job title.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`
	// userType is the relation between the organization and the user, such as
	// Contractor or Employee. The default mapping makes a Person VIP when it
	// contains VIP.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	UserType string `json:"userType,omitempty"`
	// preferredLanguage is the user's language in the form of an Accept-Language
	// header, such as en-GB.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	PreferredLanguage string `json:"preferredLanguage,omitempty"`
	// locale is the user's location for currency, dates and numbers, such as en-US.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Locale string `json:"locale,omitempty"`
	// timezone is the user's time zone in IANA form, such as Europe/Amsterdam.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Timezone string `json:"timezone,omitempty"`
	// emails are the user's e-mail addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Emails []ScimValue `json:"emails,omitempty"`
	// phoneNumbers are the user's phone numbers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	PhoneNumbers []ScimValue `json:"phoneNumbers,omitempty"`
	// ims are the user's instant messaging addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	IMs []ScimValue `json:"ims,omitempty"`
	// photos are addresses of pictures of the user.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Photos []ScimValue `json:"photos,omitempty"`
	// addresses are the user's postal addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Addresses []ScimAddress `json:"addresses,omitempty"`
	// entitlements are things that the user may use.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Entitlements []ScimValue `json:"entitlements,omitempty"`
	// roles are the user's roles.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Roles []ScimValue `json:"roles,omitempty"`
	// x509Certificates are certificates of the user.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	X509Certificates []ScimCertificate `json:"x509Certificates,omitempty"`
	// enterprise holds the attributes of the enterprise extension
	// (RFC 7643 section 4.3) and the product's site, location and supportID.
	// +optional
	Enterprise *ScimEnterprise `json:"enterprise,omitempty"`
	// extensions holds every other extension that the client sent, by schema URN.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	Extensions map[string]JSON `json:"extensions,omitempty"`
	// groups is where operators from before there were ScimGroupPages kept the ids of the groups that
	// the user is a direct member of, in the order of joining. An id counts until that group has
	// spec.members. Deprecated: nothing is added here any more.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=5000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Groups []string `json:"groups,omitempty"`
	// lastActive is what the user was called when it was last active. It is set while a user is
	// inactive who has been active: some clients rename whom they deactivate, and rules go on
	// reading these values then, so that its Person stays known by them. SCIM answers do not
	// tell of it.
	// +optional
	LastActive *ScimIdentity `json:"lastActive,omitempty"`
	// provisionedAt is when the client created the user, for sorting by Provisioned At. It
	// stays when the object is restored from a backup, which makes
	// metadata.creationTimestamp new. Unset on what was stored before there was this
	// field, until its next change: metadata.creationTimestamp stands for it then.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	ProvisionedAt Timestamp `json:"provisionedAt,omitempty,omitzero"`
	// lastModified is when the server last accepted a change, for sorting by
	// Updated At.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	LastModified Timestamp `json:"lastModified,omitempty,omitzero"`
	// The request that made the last accepted change.
	LastRequest `json:",inline"`
}

// ScimIdentity is what a user is called: the attributes by which its Person is known.
type ScimIdentity struct {
	// userName is the user's login name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`
	// name holds the parts of the user's name.
	// +optional
	Name *ScimName `json:"name,omitempty"`
	// displayName is the name to show to people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
	// emails are the user's e-mail addresses.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Emails []ScimValue `json:"emails,omitempty"`
}

// ScimName holds the parts of a user's name (RFC 7643 section 4.1.1).
type ScimName struct {
	// formatted is the full name, ready to show.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Formatted string `json:"formatted,omitempty"`
	// familyName is the last name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	FamilyName string `json:"familyName,omitempty"`
	// givenName is the first name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	GivenName string `json:"givenName,omitempty"`
	// middleName is the middle name or names.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	MiddleName string `json:"middleName,omitempty"`
	// honorificPrefix is a title before the name, such as Dr.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	// honorificSuffix is a suffix after the name, such as III.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// ScimEnterprise holds the enterprise user attributes (RFC 7643 section 4.3).
type ScimEnterprise struct {
	// employeeNumber is the number or code that the organization gave the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	EmployeeNumber string `json:"employeeNumber,omitempty"`
	// costCenter is the name of the cost center.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CostCenter string `json:"costCenter,omitempty"`
	// organization is the name of the organization.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Organization string `json:"organization,omitempty"`
	// division is the name of the division.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Division string `json:"division,omitempty"`
	// department is the name of the department.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Department string `json:"department,omitempty"`
	// site is the name of the site where the user works.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Site string `json:"site,omitempty"`
	// location is the place within the site, such as a room.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Location string `json:"location,omitempty"`
	// supportID is the number by which the service desk knows the user.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	SupportID string `json:"supportID,omitempty"`
	// manager is the user's manager.
	// +optional
	Manager *ScimManager `json:"manager,omitempty"`
}

// ScimManager refers to a user's manager (RFC 7643 section 4.3).
type ScimManager struct {
	// value identifies the manager: a SCIM id, or what the client can send
	// instead, an externalId or a userName.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
	// ref is the SCIM "$ref": the address of the manager's resource.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Ref string `json:"ref,omitempty"`
	// displayName is the manager's name.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
}

// ScimUserStatus says what became of the user.
type ScimUserStatus struct {
	// conditions are Ready and, while they apply, Reconciling and Stalled. Ready is
	// False when a rule failed for this user or no Person came of it; the message
	// names the rule, the expression and the reason.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation of the spec that this status tells of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// requestedRerun is the value of AnnotationRerun that was seen last. It is followed also
	// when the annotation is taken off.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RequestedRerun string `json:"requestedRerun,omitempty"`
	// lastRerun is the value of AnnotationRerun that the rules have followed last.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	LastRerun string `json:"lastRerun,omitempty"`
	// person is the Person that this user is linked to.
	// +optional
	Person *RecordReference `json:"person,omitempty"`
	// formerPerson is the Person that this user was linked to and that another user has by now.
	// While it is set, the user is inactive and rules make no Person for it.
	// +optional
	FormerPerson *RecordReference `json:"formerPerson,omitempty"`
	// personDeletedAt is when spec.retention of a ScimEndpoint deleted the Person of this user.
	// While the user is inactive, rules make no other one.
	// +optional
	PersonDeletedAt *Timestamp `json:"personDeletedAt,omitempty"`
	// deprovisionedAt is since when the Person of this user, whom the client has deactivated or
	// deleted, has been known to be disabled. Unset while the user is active. What would enable
	// the Person while it is set is the rules' doing, and what disables it again does not
	// count for the safety brake: it has counted.
	// +optional
	DeprovisionedAt *Timestamp `json:"deprovisionedAt,omitempty"`
	// heldGeneration is set while the safety brake keeps something from the user's Person: what
	// status.held.generation of the ScimEndpoint has to reach, and the annotation that
	// releases to name.
	// +optional
	HeldGeneration int64 `json:"heldGeneration,omitempty"`
	// heldEffects are what is held: that the Person is disabled or enabled, or that it gets
	// another primary e-mail address. Everything else is written.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=3
	HeldEffects []HeldEffect `json:"heldEffects,omitempty"`
	// heldCause is who wants the Person disabled or enabled, or, where only its address is
	// held, changed: the rules or the client. A user whom the client takes out of use, or has
	// in use again, is no longer held for what rules do to it.
	// +optional
	HeldCause HeldCause `json:"heldCause,omitempty"`
}

// HeldEffect is what becomes of a Person and is too much when it happens to many at once.
// +kubebuilder:validation:Enum=Disable;Enable;ChangePrimaryEmail
type HeldEffect string

// What the safety brake counts and holds.
const (
	// HeldDisable is that a Person is disabled.
	HeldDisable HeldEffect = "Disable"
	// HeldEnable is that a Person which was disabled is enabled.
	HeldEnable HeldEffect = "Enable"
	// HeldChangePrimaryEmail is that a Person gets another primary e-mail address.
	HeldChangePrimaryEmail HeldEffect = "ChangePrimaryEmail"
)

// HeldCause is who wants what the safety brake holds.
// +kubebuilder:validation:Enum=Rules;Client
type HeldCause string

// Causes of what the safety brake holds.
const (
	// HeldByRules means that rules do it, whatever the client has said of the user.
	HeldByRules HeldCause = "Rules"
	// HeldByClient means that the client has deactivated, deleted, activated or renamed the
	// user.
	HeldByClient HeldCause = "Client"
)

// ScimUser is a user that a SCIM client has provisioned, as the client sent it.
// Only the SCIM server writes its spec. metadata.name is the SCIM id; sort by
// .spec.provisionedAt (Provisioned At) or .spec.lastModified (Updated At).
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=su,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:selectablefield:JSONPath=`.spec.active`
// +kubebuilder:printcolumn:name="UserName",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Active",type=boolean,JSONPath=`.spec.active`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Person",type=string,JSONPath=`.status.person.name`
// +kubebuilder:printcolumn:name="Provisioned At",type=string,JSONPath=`.spec.provisionedAt`
// +kubebuilder:printcolumn:name="Updated At",type=string,JSONPath=`.spec.lastModified`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="External ID",type=string,priority=1,JSONPath=`.spec.externalId`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')",message="metadata.name is the SCIM id and must be a UUID in lower case"
type ScimUser struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata; the name is the SCIM id.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is the user as the client sent it. The SCIM server alone writes it, so it has one owner: ownership of each
	// field would take as many bytes as the fields.
	// +required
	// +structType=atomic
	Spec ScimUserSpec `json:"spec,omitempty,omitzero"`
	// status says what became of the user; it has one owner, like spec.
	// +optional
	// +structType=atomic
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has processed this user yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status ScimUserStatus `json:"status,omitempty,omitzero"`
}

// ScimUserList is a list of ScimUser.
// +kubebuilder:object:root=true
type ScimUserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimUser `json:"items"`
}
