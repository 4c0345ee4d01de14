package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxGroupMembers is how many members a ScimGroup or a ScimGroupPage holds.
const MaxGroupMembers = 500

// GroupMember is a direct member of a group.
type GroupMember struct {
	// id is that of a ScimUser or a ScimGroup in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ID string `json:"id,omitempty"`
	// joined says in which order a member has joined its groups: the second of joining since 1970, or a later one where a
	// member joined several groups in one second. Unset is before all others.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Joined int64 `json:"joined,omitempty"`
}

// ScimGroupPageSpec is a part of a group's members.
type ScimGroupPageSpec struct {
	// group is the id of the ScimGroup whose members these are, if its spec.pages lists this page.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a page stays with its group"
	Group string `json:"group,omitempty"`
	// members are direct members of the group beyond those in its own spec.members, in no order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Members []GroupMember `json:"members,omitzero"`
	// lastModified is when the server last accepted a change of these members.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	LastModified Timestamp `json:"lastModified,omitempty,omitzero"`
	// The request that made the last accepted change.
	LastRequest `json:",inline"`
}

// ScimGroupPage holds members of a ScimGroup that has more of them than fit into it. Only the SCIM
// server writes it. It has no owner reference: pages are written before the group that lists
// them, and one with the uid of a group from before a restore would be deleted as garbage.
// metadata.name is the group's id and the page's number.
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=sgp,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.group`
// +kubebuilder:printcolumn:name="Updated At",type=string,JSONPath=`.spec.lastModified`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.startsWith(self.spec.group) && self.metadata.name.substring(size(self.spec.group)).matches('^-[1-9][0-9]{0,8}$')",message="metadata.name must be spec.group, a hyphen and a number"
type ScimGroupPage struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata; the name is the group's id, a hyphen and a number.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is what the page holds.
	// +required
	Spec ScimGroupPageSpec `json:"spec,omitempty,omitzero"`
}

// ScimGroupPageList is a list of ScimGroupPage.
// +kubebuilder:object:root=true
type ScimGroupPageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimGroupPage `json:"items"`
}
