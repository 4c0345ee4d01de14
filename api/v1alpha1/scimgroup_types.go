package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Classification says what a group stands for.
// +kubebuilder:validation:Enum=Unclassified;Organization;Site
type Classification string

const (
	// ClassificationUnclassified is a group that is linked to no record.
	ClassificationUnclassified Classification = "Unclassified"
	// ClassificationOrganization is a group that is linked to an Organization: its
	// members belong to it. It may be linked to a Site besides.
	ClassificationOrganization Classification = "Organization"
	// ClassificationSite is a group that is linked to a Site and to no Organization:
	// its members work there.
	ClassificationSite Classification = "Site"
)

// ScimGroupSpec is a group as the SCIM client sent it (RFC 7643 section 4.2).
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.members) || has(self.members)",message="members cannot be taken away: who writes this does not know where the members of groups are kept, and would lose them"
type ScimGroupSpec struct {
	// displayName is the group's name, unique in this namespace whatever the case
	// of its letters and the white space around.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	DisplayName string `json:"displayName,omitempty"`
	// externalId is the client's own identifier of the group.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ExternalID string `json:"externalId,omitempty"`
	// groupType is the product's free text for the kind of group.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	GroupType string `json:"groupType,omitempty"`
	// extensions holds every extension that the client sent, by schema URN.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	Extensions map[string]JSON `json:"extensions,omitempty"`
	// members are the first direct members of this group: its users and nested groups. Further ones
	// are in the ScimGroupPages of spec.pages; a group has no size limit. An id that is found several
	// times counts once, and one without a ScimUser or ScimGroup means nothing. As long as there is no
	// such list, not even an empty one, an operator from before there were pages has written the
	// group: its members are then those whose spec.groups names it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Members []GroupMember `json:"members,omitzero"`
	// pages are the numbers of the ScimGroupPages that hold further members, which are named after
	// the group's id and their number. A page that is not listed here means nothing.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=999999999
	Pages []int32 `json:"pages,omitempty"`
	// groups is where operators from before there were pages kept the ids of the groups that this
	// group is a direct member of, in the order of joining. An id counts until that group has
	// spec.members. Deprecated: nothing is added here any more.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=5000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Groups []string `json:"groups,omitempty"`
	// membersRevision is what operators from before there were pages noted of a change of
	// membership: the newest resourceVersion among the members written by it. Deprecated: a group
	// with spec.members has none.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9]+$`
	MembersRevision string `json:"membersRevision,omitempty"`
	// provisionedAt is when the client created the group, for sorting by Provisioned At. It
	// stays when the object is restored from a backup, which makes
	// metadata.creationTimestamp new. Unset on what was stored before there was this
	// field, until its next change: metadata.creationTimestamp stands for it then.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	ProvisionedAt Timestamp `json:"provisionedAt,omitempty,omitzero"`
	// lastModified is when the server last wrote this object, for sorting by Updated At. A change of
	// members in a page is noted in the page's own spec.lastModified, not here.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	LastModified Timestamp `json:"lastModified,omitempty,omitzero"`
	// The request that made the last accepted change.
	LastRequest `json:",inline"`
}

// ScimGroupStatus says what became of the group.
type ScimGroupStatus struct {
	// conditions are Ready and, while they apply, Reconciling and Stalled.
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
	// classification says what the group stands for.
	// +optional
	Classification Classification `json:"classification,omitempty"`
	// organization is the Organization that the group is linked to.
	// +optional
	Organization *RecordReference `json:"organization,omitempty"`
	// site is the Site that the group is linked to.
	// +optional
	Site *RecordReference `json:"site,omitempty"`
	// members is how many direct members the group has, in all pages together.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int32 `json:"members,omitempty"`
}

// ScimGroup is a group that a SCIM client has pushed, as the client sent it.
// Only the SCIM server writes its spec. metadata.name is the SCIM id.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=sg,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.displayName`
// +kubebuilder:selectablefield:JSONPath=`.spec.externalId`
// +kubebuilder:printcolumn:name="DisplayName",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Classification",type=string,JSONPath=`.status.classification`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.status.organization.name`
// +kubebuilder:printcolumn:name="Site",type=string,JSONPath=`.status.site.name`
// +kubebuilder:printcolumn:name="Provisioned At",type=string,JSONPath=`.spec.provisionedAt`
// +kubebuilder:printcolumn:name="Updated At",type=string,JSONPath=`.spec.lastModified`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="External ID",type=string,priority=1,JSONPath=`.spec.externalId`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')",message="metadata.name is the SCIM id and must be a UUID in lower case"
type ScimGroup struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata; the name is the SCIM id.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is the group as the client sent it.
	// +required
	Spec ScimGroupSpec `json:"spec,omitempty,omitzero"`
	// status says what became of the group.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has processed this group yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status ScimGroupStatus `json:"status,omitempty,omitzero"`
}

// ScimGroupList is a list of ScimGroup.
// +kubebuilder:object:root=true
type ScimGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimGroup `json:"items"`
}
