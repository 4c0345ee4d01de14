package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClientProfile names the kind of SCIM client, for the few cases in which the RFC
// and a client contradict each other.
// +kubebuilder:validation:Enum=Standard;Okta;Entra
type ClientProfile string

const (
	// ClientProfileStandard keeps to RFC 7644.
	ClientProfileStandard ClientProfile = "Standard"
	// ClientProfileOkta is for Okta.
	ClientProfileOkta ClientProfile = "Okta"
	// ClientProfileEntra is for Microsoft Entra ID: a replace through a value path
	// that matches nothing creates the value, and a path may name an attribute of an
	// extension without its URN.
	ClientProfileEntra ClientProfile = "Entra"
)

// ListMembers says whether lists of groups have their members.
// +kubebuilder:validation:Enum=Include;Omit
type ListMembers string

const (
	// ListMembersInclude is as RFC 7643 wants it: every list of groups has all members of each.
	ListMembersInclude ListMembers = "Include"
	// ListMembersOmit leaves members out of lists, unless the client asks for them by name
	// (attributes=members).
	ListMembersOmit ListMembers = "Omit"
)

// ExecutionValues says whether executions hold the values that rules worked with.
// +kubebuilder:validation:Enum=Include;Omit
type ExecutionValues string

const (
	// ExecutionValuesInclude keeps values, but for those that may be secrets.
	ExecutionValuesInclude ExecutionValues = "Include"
	// ExecutionValuesOmit keeps no values.
	ExecutionValuesOmit ExecutionValues = "Omit"
)

// ScimEndpointSpec is what an administrator sets for one SCIM client.
type ScimEndpointSpec struct {
	// publicURL is the base URL that is typed into the client, without a trailing
	// slash, such as https://scim.example.com/scim/v2. It is used in the addresses
	// that the server returns. Unset: they are made from the request's Host.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/?#@ ]+(/[^?# ]*[^/?# ])?$')",message="publicURL must be an http or https URL without query, fragment or trailing slash"
	PublicURL string `json:"publicURL,omitempty"`
	// tokenSecretName is the name of the Secret that holds the bearer token under
	// the key "token", or under "tokenHash" the SHA-256 of one that is made elsewhere. The operator makes the
	// Secret when it is missing. Unset:
	// the endpoint's name followed by "-token".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	TokenSecretName string `json:"tokenSecretName,omitempty"`
	// tokenGeneration asks for a new token each time that it is raised. The token
	// before it stays valid for tokenOverlapSeconds. Unset counts as 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="tokenGeneration can only be raised"
	TokenGeneration int64 `json:"tokenGeneration,omitempty"`
	// tokenOverlapSeconds is how long the old token stays valid after a rotation.
	// Unset: 30 days. 0 ends it at once, also after the rotation; a longer time than at
	// the rotation does not bring it back.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TokenOverlapSeconds *int32 `json:"tokenOverlapSeconds,omitempty"`
	// clientProfile is the kind of client. Unset: Standard.
	// +optional
	ClientProfile ClientProfile `json:"clientProfile,omitempty"`
	// listMembers says whether lists of groups, also those of a search, have the members of
	// each group. Omit leaves them out unless the client asks for attributes=members, for
	// clients that list groups once for each user; a group that is read by its id has its
	// members always. Unset: Include.
	// +optional
	ListMembers ListMembers `json:"listMembers,omitempty"`
	// executionValues says whether AutomationRuleExecutions hold values: those of expressions, and
	// the old and new ones of fields. Omit leaves "(omitted)" in their place, also in what is
	// stored already, so that what happened to which field is still told. Names of fields and
	// of records, conditions and reasons stay. It holds for the whole namespace; if one of several
	// endpoints says Omit, they are omitted. Unset: Include.
	// +optional
	ExecutionValues ExecutionValues `json:"executionValues,omitempty"`
	// defaultOrganization is the Organization of a new Person for whom the client
	// names none. Unset: such a Person has none.
	// +optional
	DefaultOrganization *RecordReference `json:"defaultOrganization,omitempty"`
	// linkExisting says which Persons that exist already a user who has none may get:
	// ByEmail, each that a rule finds by its e-mail address; Former, only those that a SCIM
	// client has pushed before; Never, none. It holds for the whole namespace; of several
	// endpoints the strictest decides. Unset: ByEmail.
	// +optional
	LinkExisting LinkExisting `json:"linkExisting,omitempty"`
	// emailDomains are the domains that the primary e-mail addresses which users give their
	// Persons may have, such as "example.com"; a domain does not include those below it. It holds
	// for the whole namespace; of several endpoints that say so all have to name the domain.
	// Unset: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[^@\s]+$`
	EmailDomains []string `json:"emailDomains,omitempty"`
	// limits bound what the client may ask of the server. Unset: the defaults of its fields.
	// +optional
	Limits ScimEndpointLimits `json:"limits,omitempty,omitzero"`
	// authentication says who may send requests, and for how long. Unset: the holder of the token, for ever.
	// +optional
	Authentication ScimEndpointAuthentication `json:"authentication,omitempty,omitzero"`
	// allowedSources are the addresses that requests may come from, as CIDRs such as 203.0.113.0/24; others
	// get 403 before anything is read. It is the connection's address, or behind a proxy of
	// --trusted-proxies the one that the proxy names. Unset: any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="allowedSources must be CIDRs, such as 203.0.113.0/24 or 2001:db8::/32"
	AllowedSources []string `json:"allowedSources,omitempty"`
	// safety is when the operator stops disabling or enabling Persons, or changing their
	// primary e-mail addresses, and asks first. It holds for the
	// whole namespace; of several endpoints the strictest decides, field by field. Unset: the
	// defaults of its fields. Condition BrakeWeakened says when it is off, or lets the same
	// happen to more than half of all Persons within an hour or a day.
	// +optional
	Safety ScimEndpointSafety `json:"safety,omitempty,omitzero"`
	// retention is how long what provisioning keeps of people who have left is kept. It holds for
	// the whole namespace; of several endpoints the first one by name decides. Unset: for ever.
	// +optional
	Retention ScimEndpointRetention `json:"retention,omitempty,omitzero"`
}

// LinkExisting says which Persons that exist already a user may get.
// +kubebuilder:validation:Enum=ByEmail;Former;Never
type LinkExisting string

const (
	// LinkByEmail lets a user get each Person that a rule finds by its e-mail address.
	LinkByEmail LinkExisting = "ByEmail"
	// LinkFormer lets a user get a Person only if a SCIM client has pushed it before.
	LinkFormer LinkExisting = "Former"
	// LinkNever lets a user get no Person that exists.
	LinkNever LinkExisting = "Never"
)

// ScimEndpointSafety bounds how many Persons provisioning disables in a while, how many that
// were disabled it enables, and to how many it gives another primary e-mail address. Each of
// the three has a count of its own under the same limits. What goes beyond them is held until
// somebody releases it or its cause goes; everything else goes on. There are two windows, and
// both have to have room: in each the bound is the larger one of a part and a count. Persons
// that are younger than a window are not among those of which the part is, so after a restore
// the counts alone hold.
type ScimEndpointSafety struct {
	// disabled switches the brake off, and lets go of what it holds, where all endpoints of the
	// namespace say so.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// maxDisablePercent is the part of the namespace's Persons that may be disabled
	// within windowSeconds, and as many may be enabled, and get another address: a part of
	// those that a client has pushed, that are older than the window, and that were enabled
	// when it began. Unset: 20.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxDisablePercent *int32 `json:"maxDisablePercent,omitempty"`
	// minDisableCount is how many Persons may be disabled, enabled, and get another address
	// within windowSeconds however few there are. Unset: 10.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MinDisableCount *int32 `json:"minDisableCount,omitempty"`
	// windowSeconds is the length of the first window. The second one is a day; more than
	// that, 86400, counts as that. Unset: 3600.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	WindowSeconds *int32 `json:"windowSeconds,omitempty"`
	// maxPercentPerDay is as maxDisablePercent, within 24 hours. Unset: 40.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxPercentPerDay *int32 `json:"maxPercentPerDay,omitempty"`
	// minCountPerDay is as minDisableCount, within 24 hours. Unset: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MinCountPerDay *int32 `json:"minCountPerDay,omitempty"`
}

// ScimEndpointRetention lets provisioning delete Persons, which it does not otherwise.
type ScimEndpointRetention struct {
	// disabledPersonDays is after how many days a Person is deleted that provisioning has disabled,
	// while its user is inactive or gone. One that somebody has disabled by hand, or that has the
	// annotation provisioning.rservice.dev/protected, stays. Deleting begins a day after this is set
	// or made less, takes at most 1 % of the namespace's Persons in a day, or 10 where that is
	// more, and pauses while the safety brake holds anything. Unset: they are kept for ever.
	// +optional
	// +kubebuilder:validation:Minimum=7
	// +kubebuilder:validation:Maximum=36500
	DisabledPersonDays *int32 `json:"disabledPersonDays,omitempty"`
}

// ScimEndpointLimits bounds what each client of an endpoint may ask of each replica of the server: each token
// of its Secret, each of authentication.clients with all of its access tokens, and all bearers of an element of
// authentication.jwt together. What exceeds the operator's flags (--max-requests-per-second, --max-burst, --max-body-bytes, --max-page-size) does not
// hold, and condition LimitsReduced says so.
type ScimEndpointLimits struct {
	// requestsPerSecond is how many requests a client, as above, may send in a second, on the average. A request
	// beyond it is answered with 429 and Retry-After.
	// Unset: 100. 0 switches the limit off, where the operator allows that. Each operation of a bulk request counts as
	// one, and a body above 64 KiB as one more for each 64 KiB.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`
	// burst is how many requests a client may send at once after a pause. Unset: twice
	// requestsPerSecond.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=200000
	Burst *int32 `json:"burst,omitempty"`
	// maxBodyBytes is the largest body that the client may send; a larger one is 413. Unset: what the address
	// takes, 1 MiB, 4 MiB of a bulk request, 32 MiB of a group. More than that is of no use.
	// +optional
	// +kubebuilder:validation:Minimum=65536
	// +kubebuilder:validation:Maximum=33554432
	MaxBodyBytes *int32 `json:"maxBodyBytes,omitempty"`
	// maxPageSize is how many users and groups are on a page of a list at most, whatever the client asks for.
	// Unset: 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxPageSize *int32 `json:"maxPageSize,omitempty"`
}

// HeldPersons tells of the Persons that the safety brake keeps something from.
type HeldPersons struct {
	// generation names what is held now: the value of the annotation
	// provisioning.rservice.dev/release-held that lets go of it. It grows, and each time
	// that more is held, so that nothing is let go of that nobody could know of.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`
	// count is how many ScimUsers, and Persons without one, are held.
	// +optional
	// +kubebuilder:default=0
	Count int64 `json:"count"`
	// first names some of them, in the order of their names: SCIM ids, or the names of
	// Persons.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	First []string `json:"first,omitempty"`
	// releasedGeneration is the last generation that was let go of.
	// +optional
	ReleasedGeneration int64 `json:"releasedGeneration,omitempty"`
	// releasedAt is when that was. What happened before no longer counts.
	// +optional
	ReleasedAt *Timestamp `json:"releasedAt,omitempty"`
}

// RetentionStatus tells what spec.retention does.
type RetentionStatus struct {
	// days is what spec.retention.disabledPersonDays was when it was seen last.
	// +required
	// +kubebuilder:validation:Minimum=1
	Days int32 `json:"days,omitempty"`
	// startsAt is from when on Persons are deleted: a day after that was set or made less.
	// +required
	StartsAt Timestamp `json:"startsAt,omitempty,omitzero"`
	// due is how many Persons at most are due and not deleted yet. It follows within an hour.
	// +optional
	// +kubebuilder:default=0
	Due int64 `json:"due"`
	// dayStartedAt is when the day began in which deletedInDay is counted.
	// +required
	DayStartedAt Timestamp `json:"dayStartedAt,omitempty,omitzero"`
	// deletedInDay is how many Persons were chosen to be deleted in that day.
	// +optional
	// +kubebuilder:default=0
	DeletedInDay int64 `json:"deletedInDay"`
}

// ScimEndpointStatus is the connection information.
type ScimEndpointStatus struct {
	// conditions are Ready and, while they apply, Reconciling, Stalled, Held, BrakeWeakened,
	// LimitsReduced, TokenShared, CredentialInvalid, CredentialExpiring, IssuerShared, IssuerUnavailable,
	// SecretsNotOwned and Unreadable.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation of the spec that this status tells of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// tokenSecretName is the Secret that holds the token, under the key "token".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	TokenSecretName string `json:"tokenSecretName,omitempty"`
	// tokenGeneration is the tokenGeneration for which a token has been made.
	// +optional
	TokenGeneration int64 `json:"tokenGeneration,omitempty"`
	// tokens are those of the Secret: the current one, also when it has expired, and for a while the one before.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=2
	Tokens []TokenStatus `json:"tokens,omitempty"`
	// lastRequestAt is when a client last used one of the tokens. It follows with a delay
	// of about a minute.
	// +optional
	LastRequestAt *Timestamp `json:"lastRequestAt,omitempty"`
	// users is the number of ScimUsers in the namespace. It and the two below follow with
	// a delay of up to a minute.
	// +optional
	// +kubebuilder:default=0
	Users int64 `json:"users"`
	// groups is the number of ScimGroups in the namespace.
	// +optional
	// +kubebuilder:default=0
	Groups int64 `json:"groups"`
	// errors is the number of ScimUsers and ScimGroups that are not Ready for a reason
	// that somebody has to see to.
	// +optional
	// +kubebuilder:default=0
	Errors int64 `json:"errors"`
	// held tells of the Persons that are not disabled, not enabled or not given another
	// address although they should be. Unset: there never were any.
	// +optional
	Held *HeldPersons `json:"held,omitempty"`
	// retention tells of what spec.retention deletes. Unset: nothing.
	// +optional
	Retention *RetentionStatus `json:"retention,omitempty"`
	// connection is what is typed into the client.
	// +optional
	Connection ConnectionStatus `json:"connection,omitempty,omitzero"`
	// refusals tell of requests that were not let in, newest first, one element a reason and kind. What
	// nobody knows the endpoint of is in no status.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Refusals []Refusal `json:"refusals,omitempty"`
}

// ScimEndpoint is the connection of one SCIM client: its bearer token and its
// settings. Users and groups that the client pushes are stored in the endpoint's
// namespace.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=se,categories=scim
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.publicURL`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.tokenSecretName`
// +kubebuilder:printcolumn:name="Token Age",type=date,JSONPath=`.status.tokens[?(@.state=="Current")].issuedAt`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Groups",type=integer,JSONPath=`.status.groups`
// +kubebuilder:printcolumn:name="Errors",type=integer,JSONPath=`.status.errors`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held.count`
// +kubebuilder:printcolumn:name="Last Request",type=date,JSONPath=`.status.lastRequestAt`
// +kubebuilder:printcolumn:name="Last Refusal",type=string,JSONPath=`.status.refusals[0].reason`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ScimEndpoint struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is what an administrator sets.
	// +optional
	Spec ScimEndpointSpec `json:"spec,omitempty,omitzero"`
	// status is the connection information.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has processed this endpoint yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status ScimEndpointStatus `json:"status,omitempty,omitzero"`
}

// ScimEndpointList is a list of ScimEndpoint.
// +kubebuilder:object:root=true
type ScimEndpointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimEndpoint `json:"items"`
}
