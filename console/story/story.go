package story

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Kinds of subjects.
const (
	KindUser         = "ScimUser"
	KindGroup        = "ScimGroup"
	KindPerson       = "Person"
	KindOrganization = "Organization"
	KindSite         = "Site"
	KindRule         = "AutomationRule"
	KindEndpoint     = "ScimEndpoint"
	KindExecution    = "AutomationRuleExecution"
)

// Subject names one thing that a story is about, or that it tells of.
type Subject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Story is what happened to a subject, in the order in which it happened. It holds personal data.
type Story struct {
	Subject Subject `json:"subject"`
	// Title is what people call the subject: userName, display name, or a record's name.
	Title string `json:"title"`
	// Summary says in a sentence or two how things are.
	Summary string `json:"summary"`
	// Sent is what the client did last. Unset for a record that no client's subject is linked to.
	Sent *Sent `json:"sent,omitempty"`
	// Stored are the attributes that the client sent, in the order of their definition.
	Stored []Attribute `json:"stored,omitempty"`
	// Memberships are the groups that a user or group is a direct member of, in the order of joining.
	Memberships []Membership `json:"memberships,omitempty"`
	// Members is how many direct members a group has; unset for other subjects, and where no controller has counted.
	Members *int32 `json:"members,omitempty"`
	// Rules are those for the kind of the subject in the order in which they run, and what each made of it.
	Rules []Rule `json:"rules,omitempty"`
	// Records are the Person, Organization or Site of the subject, or the subject itself.
	Records []Record `json:"records,omitempty"`
	// Problems are what is wrong now or may surprise, the most important first.
	Problems []Problem `json:"problems,omitempty"`
	// Related are other things that the story is of: the user of a Person, the Person that a user had before.
	Related []Related `json:"related,omitempty"`
	// NotAllowed names the resources that the reader may not read, so that the story lacks what they hold.
	NotAllowed []string `json:"notAllowed,omitempty"`
}

// Sent is what the client sent, and when.
type Sent struct {
	// By is the ScimUser or ScimGroup.
	By Subject `json:"by"`
	// ProvisionedAt is when the client created it, LastModified when it last changed it.
	ProvisionedAt time.Time `json:"provisionedAt,omitzero"`
	LastModified  time.Time `json:"lastModified,omitzero"`
	// RequestID and TokenID are those of the request that made the last change; the server's log has them, too.
	RequestID string `json:"requestID,omitempty"`
	TokenID   string `json:"tokenID,omitempty"`
	// Endpoint is the ScimEndpoint whose token that was, "" where no endpoint has that token now.
	Endpoint string `json:"endpoint,omitempty"`
	// Active is whether the client has a user in use; unset for a group.
	Active *bool `json:"active,omitempty"`
	// DeletedAt is when the client deleted it, while that is being carried out.
	DeletedAt time.Time `json:"deletedAt,omitzero"`
	// Generation counts the changes; Processed is the one that the rules have seen last.
	Generation int64 `json:"generation"`
	Processed  int64 `json:"processed"`
}

// Attribute is an attribute that the client sent, as text.
type Attribute struct {
	// Name is the attribute's path, such as name.familyName.
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Place is an Organization or Site that a group is linked to.
type Place struct {
	Subject Subject `json:"subject"`
	// Title is the record's name, "" where it is not known.
	Title    string `json:"title,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
}

// Membership is that of the subject in a group.
type Membership struct {
	Group Subject `json:"group"`
	// Title is the group's display name.
	Title string `json:"title"`
	// Since is when the subject joined, where that is known.
	Since time.Time `json:"since,omitzero"`
	// Classification says what the group stands for.
	Classification v1alpha1.Classification `json:"classification,omitempty"`
	Places         []Place                 `json:"places,omitempty"`
	// Gave names the fields of the subject's Person that have their value by this group.
	Gave []string `json:"gave,omitempty"`
	// Reason and Message say why the group is not Ready; empty while it is.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Rule is a rule and what it made of the subject.
type Rule struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Position    int32  `json:"position"`
	// Generation is the rule's own, which the run need not have seen.
	Generation int64 `json:"generation"`
	Disabled   bool  `json:"disabled,omitempty"`
	// Execution is the name of the AutomationRuleExecution, "" where the rule has not run on the subject.
	Execution string `json:"execution,omitempty"`
	// Result, Reason and Message are what came of it.
	Result  v1alpha1.ExecutionResult `json:"result,omitempty"`
	Reason  string                   `json:"reason,omitempty"`
	Message string                   `json:"message,omitempty"`
	// Trigger says why it ran, Time when, RuleGeneration and SubjectGeneration on what, and RequestID by which request.
	Trigger           v1alpha1.Trigger `json:"trigger,omitempty"`
	Time              time.Time        `json:"time,omitzero"`
	RuleGeneration    int64            `json:"ruleGeneration,omitempty"`
	SubjectGeneration int64            `json:"subjectGeneration,omitempty"`
	RequestID         string           `json:"requestID,omitempty"`
	// Condition is the rule's condition and what it gave; unset where the rule has none or has not run.
	Condition *Condition `json:"condition,omitempty"`
	// Expressions are the rule's named expressions, in order, with the values that they had.
	Expressions []Expression `json:"expressions,omitempty"`
	// Changes are what the last run changed.
	Changes []v1alpha1.FieldChange `json:"changes,omitempty"`
	// Runs are the last run and those before it, newest first.
	Runs []Run `json:"runs,omitempty"`
	// Narrative tells the last run in sentences.
	Narrative []string `json:"narrative,omitempty"`
}

// Condition is a rule's condition and what it gave.
type Condition struct {
	// Expression is "" where an older generation of the rule had another one that was met.
	Expression string                 `json:"expression,omitempty"`
	Result     metav1.ConditionStatus `json:"result"`
}

// Expression is a named expression and its value.
type Expression struct {
	Name string `json:"name"`
	// Source is the expression; "" where the run was of another generation of the rule.
	Source string `json:"source,omitempty"`
	// Value is "" for none.
	Value string `json:"value,omitempty"`
}

// Run is one run of a rule.
type Run struct {
	Time    time.Time        `json:"time,omitzero"`
	Trigger v1alpha1.Trigger `json:"trigger,omitempty"`
	Reason  string           `json:"reason"`
	Message string           `json:"message,omitempty"`
}

// Record is a Person, Organization or Site.
type Record struct {
	Subject Subject `json:"subject"`
	Title   string  `json:"title"`
	// LinkedTo is the ScimUser or ScimGroup of the record, also when that is gone.
	LinkedTo *Subject `json:"linkedTo,omitempty"`
	// Disabled and Protected are as on the record.
	Disabled  bool `json:"disabled,omitempty"`
	Protected bool `json:"protected,omitempty"`
	// Fields are those that have a value, in the order of their definition.
	Fields []Field `json:"fields"`
}

// Field is a field of a record and who set it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Title is the name of the record that a reference leads to, where it is known.
	Title string `json:"title,omitempty"`
	// SetBy are those who set the value it has, the one whose word counts first; empty where nobody knows.
	SetBy []Setter `json:"setBy,omitempty"`
}

// SetterKind is what kind of writer set a field.
type SetterKind string

// Kinds of writers.
const (
	// SetByRule is an automation rule.
	SetByRule SetterKind = "Rule"
	// SetByOperator is the operator itself, as when it disables the Person of somebody who has left whatever the rules say.
	SetByOperator SetterKind = "Operator"
	// SetByApply is what applies records from a source of its own, such as Git: Flux, Argo CD, kubectl apply.
	SetByApply SetterKind = "Apply"
	// SetByHand is anything else, such as kubectl edit.
	SetByHand SetterKind = "Hand"
	// SetLongAgo is a writer whom the API server has forgotten: it keeps ten.
	SetLongAgo SetterKind = "Forgotten"
)

// Setter is who set a field.
type Setter struct {
	Kind SetterKind `json:"kind"`
	// Manager is the field manager.
	Manager string `json:"manager"`
	// Rule is the rule's name, and Generation that of the rule when it set the field; 0 where a later run of the rule, which
	// changed other fields, hides it.
	Rule       string `json:"rule,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	// At is when the manager last wrote the record.
	At time.Time `json:"at,omitzero"`
	// Text says it in words, such as "rule default-user-mapping, generation 3".
	Text string `json:"text"`
}

// Severity says how much a problem matters.
type Severity string

// Severities, the highest first.
const (
	// SeverityError is for what stays wrong until somebody does something.
	SeverityError Severity = "Error"
	// SeverityWaiting is for what is not done yet, and goes on by itself.
	SeverityWaiting Severity = "Waiting"
	// SeverityNotice is for what is in order, and may surprise.
	SeverityNotice Severity = "Notice"
)

// Problem is what is wrong now, or what may surprise.
type Problem struct {
	Severity Severity `json:"severity"`
	// On is the object that says it.
	On Subject `json:"on"`
	// Condition is the type of the condition that says it, "" where it is this package that has noticed.
	Condition string `json:"condition,omitempty"`
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	// Since is when it began, where that is known.
	Since time.Time `json:"since,omitzero"`
	// Facts are what else is known about it, a sentence each.
	Facts []string `json:"facts,omitempty"`
	// Remedies are what to do, what is tried first first.
	Remedies []Remedy `json:"remedies,omitempty"`
	// names are what is known for its remedies.
	names Names
}

// Related is something else that a story is of.
type Related struct {
	Subject Subject `json:"subject"`
	Title   string  `json:"title,omitempty"`
	// As says what it is to the subject, such as "the user of this Person".
	As string `json:"as"`
}

// Remedy is what to do about one reason.
type Remedy struct {
	Reason string `json:"reason"`
	// Text is a sentence or some.
	Text string `json:"text"`
	// Commands are for a shell, with the names of the objects in them.
	Commands []string `json:"commands,omitempty"`
	// Link is where there is more, if there is: a path in this repository, mostly with a heading.
	Link string `json:"link,omitempty"`
}
