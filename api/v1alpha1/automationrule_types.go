package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SubjectKind is the kind of object that a rule reads.
// +kubebuilder:validation:Enum=ScimUser;ScimGroup
type SubjectKind string

const (
	// SubjectScimUser makes a rule run for every ScimUser.
	SubjectScimUser SubjectKind = "ScimUser"
	// SubjectScimGroup makes a rule run for every ScimGroup.
	SubjectScimGroup SubjectKind = "ScimGroup"
)

// RecordKind is the kind of record that a rule updates.
// +kubebuilder:validation:Enum=Person;Organization;Site
type RecordKind string

const (
	// RecordPerson is kind Person.
	RecordPerson RecordKind = "Person"
	// RecordOrganization is kind Organization.
	RecordOrganization RecordKind = "Organization"
	// RecordSite is kind Site.
	RecordSite RecordKind = "Site"
)

// SetWhen limits when a field is set.
// +kubebuilder:validation:Enum=created;active
type SetWhen string

const (
	// SetWhenCreated sets the field only on a record that the same run creates.
	SetWhenCreated SetWhen = "created"
	// SetWhenActive sets the field only while the subject is active, and on a record that
	// the same run creates. A group always is active.
	SetWhenActive SetWhen = "active"
)

// AutomationRuleSpec says how subjects become records. All expressions are CEL;
// the variables and functions are described in controllers/rules/README.md.
// +kubebuilder:validation:XValidation:rule="self.subject == oldSelf.subject",message="subject cannot be changed; make another rule"
// +kubebuilder:validation:XValidation:rule="self.subject == 'ScimUser' ? self.update.kind == 'Person' : self.update.kind in ['Organization', 'Site']",message="a rule for ScimUser updates a Person, a rule for ScimGroup an Organization or a Site"
type AutomationRuleSpec struct {
	// description says in a sentence what the rule is for.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`
	// disabled switches the rule off. Records keep what the rule has written, and
	// its executions are removed.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// subject is the kind of object that the rule reads. It cannot be changed.
	// +required
	Subject SubjectKind `json:"subject,omitempty"`
	// position is the order of execution among the rules of one subject, lowest
	// first; rules with the same position run in the order of their names.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Position *int32 `json:"position,omitempty"`
	// expressions are named values, evaluated in order. A later expression, the
	// condition and the update can use an earlier one by its name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Expressions []NamedExpression `json:"expressions,omitempty"`
	// condition is a boolean expression; when it is false the rule does nothing for
	// the subject. Unset: the rule always applies.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	Condition string `json:"condition,omitempty"`
	// update is what the rule does to which record.
	// +required
	Update RuleUpdate `json:"update,omitempty,omitzero"`
	// examples say what the rule makes of a subject. A rule with an example that does not
	// come true is refused, and does not run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Examples []RuleExample `json:"examples,omitempty"`
}

// NamedExpression is a value with a name.
type NamedExpression struct {
	// name is how later expressions refer to the value: letters, digits and
	// underscores, starting with a lower-case letter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][A-Za-z0-9_]*$`
	Name string `json:"name,omitempty"`
	// value is a CEL expression.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	Value string `json:"value,omitempty"`
}

// RuleUpdate names the record and the changes.
type RuleUpdate struct {
	// kind is the kind of record: Person for a ScimUser, Organization or Site for
	// a ScimGroup. Rules of one ScimGroup may update both.
	// +required
	Kind RecordKind `json:"kind,omitempty"`
	// match finds the record when none is linked to the subject yet: one field of
	// the record and the expression that its value must equal, whatever the case
	// of its letters. A Person is found by primaryEmail, an Organization or Site by name.
	// +required
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=1
	Match map[string]MatchExpression `json:"match,omitempty"`
	// create makes the record when match finds none. Unset: the subject is then
	// reported as not Ready and nothing is written.
	// +optional
	Create bool `json:"create,omitempty"`
	// set gives fields a value. An expression whose value is none (an empty
	// optional, or an empty result behind a leading "?") keeps what is there. For
	// contacts and addresses only the entries flagged integration are replaced.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Set []FieldAssignment `json:"set,omitempty"`
	// add puts a value, or each value of a list, into a list field that lacks it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Add []FieldAssignment `json:"add,omitempty"`
	// remove takes a value, or each value of a list, out of a list field.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Remove []FieldAssignment `json:"remove,omitempty"`
	// clear empties fields.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Clear []string `json:"clear,omitempty"`
	// force is force for all fields of set, add, remove and clear.
	// +optional
	Force bool `json:"force,omitempty"`
}

// MatchExpression is a CEL expression that gives a string.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=10240
type MatchExpression string

// FieldAssignment is a field of the record and the expression for its value.
type FieldAssignment struct {
	// field is the field's name in the record's spec, such as jobTitle, or
	// customFields.<id>.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`
	// value is a CEL expression.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	Value string `json:"value,omitempty"`
	// when limits the assignment: "created" to a record that this run creates, by this
	// rule or by one before it; "active" to such a record and to subjects that are active,
	// so that whoever leaves keeps the value. Unset: no limit.
	// +optional
	When SetWhen `json:"when,omitempty"`
	// force writes the field although another manager applied it, as Git does. Unset: such a
	// field is left alone, and the execution names the manager.
	// +optional
	Force bool `json:"force,omitempty"`
}

// SubjectFailure names a subject for which a rule failed.
type SubjectFailure struct {
	// subject is the SCIM id of the subject.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Subject string `json:"subject,omitempty"`
	// reason is the reason of the execution's Succeeded condition.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// Reprocessing is how far the subjects are that a rule's change made the operator
// process again.
type Reprocessing struct {
	// total is the number of subjects that there were at the start.
	// +optional
	// +kubebuilder:default=0
	Total int64 `json:"total"`
	// processed is how many of them are done. It follows with a delay of up to half a
	// minute.
	// +optional
	// +kubebuilder:default=0
	Processed int64 `json:"processed"`
	// retrying is how many of them were tried without success, for a cause that passes, and
	// are tried again. The rule does not wait for them to be Ready.
	// +optional
	Retrying int64 `json:"retrying,omitempty"`
	// startedAt is when the change was seen, or, if another rule for the same kind of
	// subject has changed since, that one's.
	// +optional
	StartedAt *Timestamp `json:"startedAt,omitempty"`
	// finishedAt is when all subjects were done; unset until then.
	// +optional
	FinishedAt *Timestamp `json:"finishedAt,omitempty"`
}

// RuleEffect is what a version of a rule has changed.
type RuleEffect struct {
	// generation is the generation of the rule.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`
	// since is when the rule's subjects began to be processed for it.
	// +required
	Since Timestamp `json:"since,omitempty,omitzero"`
	// summary says what that did to records, also by other rules that run on the same
	// subjects, such as "did change 34 of 200 persons: jobTitle 34". It is added up when all
	// are processed, without what clients pushed of these meanwhile, except who joined or
	// left a group; unset until then.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`
}

// AutomationRuleStatus says whether the rule compiles and how it fares.
type AutomationRuleStatus struct {
	// conditions are Ready, SubjectsHealthy and, while they apply, Reconciling and Stalled.
	// Ready is about the rule: True when it compiles and has run on all subjects, whatever
	// came of them, Unknown until then. Stalled with reason InvalidRule names the expression,
	// line and column. SubjectsHealthy is False while the rule fails for some subjects.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation of the spec that this status tells of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// processed is the number of subjects that the rule has an execution for. It
	// follows with a delay of up to a minute.
	// +optional
	// +kubebuilder:default=0
	Processed int64 `json:"processed"`
	// changed is the number of subjects whose record this generation of the rule has changed;
	// runs that only find what an earlier one wrote do not count. It follows with the delay
	// of processed.
	// +optional
	// +kubebuilder:default=0
	Changed int64 `json:"changed"`
	// failed is the number of subjects for which the rule failed.
	// +optional
	// +kubebuilder:default=0
	Failed int64 `json:"failed"`
	// failures names the first subjects that failed, in the order of their ids.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Failures []SubjectFailure `json:"failures,omitempty"`
	// requestedRerun is the value of AnnotationRerun that was seen last. It is followed also
	// when the annotation is taken off.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RequestedRerun string `json:"requestedRerun,omitempty"`
	// lastRerun is the value of AnnotationRerun that all subjects have followed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	LastRerun string `json:"lastRerun,omitempty"`
	// reprocessing is how far the subjects are since the rule's last change.
	// +optional
	Reprocessing *Reprocessing `json:"reprocessing,omitempty"`
	// effect is what the rule's last change has changed.
	// +optional
	Effect *RuleEffect `json:"effect,omitempty"`
	// findings are what about the rule, together with the other ones, is probably a mistake.
	// It works all the same. They are those that applying it warns of.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=12
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=320
	Findings []string `json:"findings,omitempty"`
}

// AutomationRule maps subjects that a SCIM client pushed to records. Keep it in
// Git. When it changes, all its subjects are processed again.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=ar,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.subject`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.subject`
// +kubebuilder:printcolumn:name="Position",type=integer,JSONPath=`.spec.position`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Healthy",type=string,JSONPath=`.status.conditions[?(@.type=="SubjectsHealthy")].status`
// +kubebuilder:printcolumn:name="Processed",type=integer,JSONPath=`.status.processed`
// +kubebuilder:printcolumn:name="Changed",type=integer,JSONPath=`.status.changed`
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,priority=1,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Reprocessed",type=integer,priority=1,JSONPath=`.status.reprocessing.processed`
// +kubebuilder:printcolumn:name="Of",type=integer,priority=1,JSONPath=`.status.reprocessing.total`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="the name of a rule holds at most 63 characters, because it labels its executions"
type AutomationRule struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec says how subjects become records.
	// +required
	Spec AutomationRuleSpec `json:"spec,omitempty,omitzero"`
	// status says whether the rule compiles and how it fares.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "No controller has compiled this rule yet.", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status AutomationRuleStatus `json:"status,omitempty,omitzero"`
}

// AutomationRuleList is a list of AutomationRule.
// +kubebuilder:object:root=true
type AutomationRuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AutomationRule `json:"items"`
}
