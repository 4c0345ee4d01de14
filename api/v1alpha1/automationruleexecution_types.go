package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Trigger says why a rule ran.
// +kubebuilder:validation:Enum=Created;SubjectChanged;RuleChanged;ContextChanged;Requested
type Trigger string

const (
	// TriggerCreated is the first run of the rule on this subject.
	TriggerCreated Trigger = "Created"
	// TriggerSubjectChanged means that the client changed the subject.
	TriggerSubjectChanged Trigger = "SubjectChanged"
	// TriggerRuleChanged means that the rule was edited.
	TriggerRuleChanged Trigger = "RuleChanged"
	// TriggerContextChanged means that something the rule looks up or writes
	// changed, such as a group, an Organization, a Site, a manager or the record itself.
	TriggerContextChanged Trigger = "ContextChanged"
	// TriggerRequested means that somebody asked for the run with AnnotationRerun.
	TriggerRequested Trigger = "Requested"
)

// ExecutionResult is what a run came to. The words sort with the failed ones first.
// +kubebuilder:validation:Enum=failed;skipped;succeeded
type ExecutionResult string

const (
	// ResultFailed means that nothing of the rule was written for the subject.
	ResultFailed ExecutionResult = "failed"
	// ResultSkipped means that the rule had nothing to decide.
	ResultSkipped ExecutionResult = "skipped"
	// ResultSucceeded means that the record is as the rule wants it.
	ResultSucceeded ExecutionResult = "succeeded"
)

// AutomationRuleExecutionSpec names the rule and the subject.
type AutomationRuleExecutionSpec struct {
	// rule is the name of the AutomationRule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Rule string `json:"rule,omitempty"`
	// subject is the object that the rule ran on.
	// +required
	Subject SubjectReference `json:"subject,omitempty,omitzero"`
}

// SubjectReference names a ScimUser or ScimGroup in the same namespace.
type SubjectReference struct {
	// kind is ScimUser or ScimGroup.
	// +required
	Kind SubjectKind `json:"kind,omitempty"`
	// name is the SCIM id.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// TargetReference names the record that a rule updates.
type TargetReference struct {
	// kind is Person, Organization or Site.
	// +required
	Kind RecordKind `json:"kind,omitempty"`
	// name is the metadata.name of the record.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// ExpressionResult is the value that a named expression had.
type ExpressionResult struct {
	// name is the expression's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// value is the value as text, cut where it is long, and "(hidden)" where it may be a
	// secret, "(omitted)" where a ScimEndpoint says so. An expression without a value is left out;
	// operators before have stored it with this field unset.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
}

// ConditionResult is a rule's condition and what it gave.
type ConditionResult struct {
	// expression is the condition on one line, cut where it is long. Unset when it was met: the rule has it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Expression string `json:"expression,omitempty"`
	// result is True when the condition was met and False when not; Unknown when it
	// failed, or something before it did.
	// +required
	// +kubebuilder:validation:Enum=True;False;Unknown
	Result metav1.ConditionStatus `json:"result,omitempty"`
}

// FieldChange is one change of the record.
type FieldChange struct {
	// field is the field's name in the record's spec.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`
	// from is the old value as text, cut where it is long, and "(hidden)" where it may be
	// a secret, "(omitted)" where a ScimEndpoint says so. Unset when there was none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	From string `json:"from,omitempty"`
	// to is the new value as text, cut where it is long, and "(hidden)" where it may be a
	// secret, "(omitted)" where a ScimEndpoint says so. Unset when it is cleared.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	To string `json:"to,omitempty"`
}

// ExecutionRun is an earlier run in short.
type ExecutionRun struct {
	// time is when the run ended.
	// +required
	Time Timestamp `json:"time,omitempty,omitzero"`
	// trigger says why the rule ran.
	// +required
	Trigger Trigger `json:"trigger,omitempty"`
	// reason is the reason of the Succeeded condition.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
	// message is the message of the Succeeded condition.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// AutomationRuleExecutionStatus is the outcome.
type AutomationRuleExecutionStatus struct {
	// conditions is Succeeded: True when the rule applied or had nothing to change,
	// False when it failed, Unknown when its condition was not met.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z'))",message="lastTransitionTime must be a time in the form of RFC 3339"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// result is the outcome in a word, by which executions can be sorted and selected.
	// +optional
	Result ExecutionResult `json:"result,omitempty"`
	// log repeats in sentences what the other fields say. It is deprecated: nothing writes it any
	// more, and what an operator before has written goes with the next run that has something to
	// tell.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=2048
	Log []string `json:"log,omitempty"`
	// trigger says why the rule ran.
	// +optional
	Trigger Trigger `json:"trigger,omitempty"`
	// time is when the run ended, the last one that had something to tell.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`
	Time Timestamp `json:"time,omitempty,omitzero"`
	// ruleGeneration is the generation of the rule that ran. Generations in between that came
	// to the same are not told of.
	// +optional
	RuleGeneration int64 `json:"ruleGeneration,omitempty"`
	// subjectGeneration is the generation of the subject that the rule read. Runs on later ones
	// that came to the same are not told of: status.observedGeneration of the subject says how
	// far the rules are.
	// +optional
	SubjectGeneration int64 `json:"subjectGeneration,omitempty"`
	// requestID is the id of the HTTP request that made this generation of the subject;
	// the SCIM server's log has it, too.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	RequestID string `json:"requestID,omitempty"`
	// subjectRerun is the value of AnnotationRerun on the subject that has been followed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SubjectRerun string `json:"subjectRerun,omitempty"`
	// ruleRerun is the value of AnnotationRerun on the rule that has been followed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuleRerun string `json:"ruleRerun,omitempty"`
	// record is the record that the rule found or created.
	// +optional
	Record *TargetReference `json:"record,omitempty"`
	// expressions are the values of the rule's expressions that have one, in their order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Expressions []ExpressionResult `json:"expressions,omitempty"`
	// condition is the rule's condition and what it gave. Unset when the rule has none.
	// +optional
	Condition *ConditionResult `json:"condition,omitempty"`
	// changes are what the run changed, field by field. Of a record that it created they leave out
	// source and sourceID, which link it to the subject.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Changes []FieldChange `json:"changes,omitempty"`
	// history are the runs before the last, newest first, at most five.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	History []ExecutionRun `json:"history,omitempty"`
	// Digest stands in the operator's cache for the values and the condition, which it does not hold. It is not stored.
	Digest uint64 `json:"-"`
}

// AutomationRuleExecution is what one rule did for one subject the last time.
// Its name is the rule's name, a dash and the subject's SCIM id. It goes with the
// rule and with the subject. Sort by .status.result to have the failed ones first.
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=are,categories=scim
// +kubebuilder:selectablefield:JSONPath=`.spec.rule`
// +kubebuilder:selectablefield:JSONPath=`.spec.subject.name`
// +kubebuilder:selectablefield:JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="Rule",type=string,JSONPath=`.spec.rule`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.subject.name`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="Record",type=string,JSONPath=`.status.record.name`
// +kubebuilder:printcolumn:name="Trigger",type=string,JSONPath=`.status.trigger`
// +kubebuilder:printcolumn:name="Time",type=string,JSONPath=`.status.time`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Succeeded")].message`
type AutomationRuleExecution struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec names the rule and the subject. It cannot be changed. One writer owns all of it: ownership of each field
	// would take as many bytes as the fields.
	// +required
	// +structType=atomic
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the rule and subject of an execution cannot be changed"
	Spec AutomationRuleExecutionSpec `json:"spec,omitempty,omitzero"`
	// status is the outcome; it has one owner, like spec.
	// +optional
	// +structType=atomic
	Status AutomationRuleExecutionStatus `json:"status,omitempty,omitzero"`
}

// AutomationRuleExecutionList is a list of AutomationRuleExecution.
// +kubebuilder:object:root=true
type AutomationRuleExecutionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AutomationRuleExecution `json:"items"`
}
