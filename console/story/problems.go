package story

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// tellProblems tells what is wrong now, the most important first.
func (t *teller) tellProblems(ctx context.Context) error {
	t.tellNotSeen()
	if t.user != nil {
		t.tellCondition(t.user, t.user.Status.Conditions)
	}
	if t.group != nil {
		t.tellCondition(t.group, t.group.Status.Conditions)
	}
	t.tellFailedRules()
	for _, record := range t.records {
		t.tellRecordCondition(record)
	}
	for i := range t.endpoints {
		t.tellEndpoint(&t.endpoints[i])
	}
	for _, find := range []func(context.Context) error{t.findOthers, t.findGaps} {
		if err := find(ctx); err != nil {
			return err
		}
	}
	t.tellDisabled()
	t.tellKept()
	rank := []Severity{SeverityError, SeverityWaiting, SeverityNotice}
	slices.SortStableFunc(t.story.Problems, func(a, b Problem) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
	for i := range t.story.Problems {
		t.remedy(&t.story.Problems[i])
	}
	return nil
}

// problem adds a problem.
func (t *teller) problem(p Problem) { t.story.Problems = append(t.story.Problems, p) }

// tellNotSeen tells that the rules have not seen the client's last change.
func (t *teller) tellNotSeen() {
	if sent := t.story.Sent; sent != nil && sent.Processed < sent.Generation {
		t.problem(Problem{
			Severity: SeverityWaiting, On: sent.By, Reason: ReasonNotSeen, Since: sent.LastModified,
			Message: fmt.Sprintf("The rules have seen change %d of %d.", sent.Processed, sent.Generation),
		})
	}
}

// orderly are reasons of what is as it should be, or in order.
var orderly = []string{v1alpha1.ReasonPersonTakenOver, v1alpha1.ReasonPersonDeleted}

// tellCondition tells of the condition Ready of an object, if that is not as it should be.
func (t *teller) tellCondition(on client.Object, conditions []metav1.Condition) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return
	}
	severity := SeverityError
	switch {
	case slices.Contains(orderly, ready.Reason):
		severity = SeverityNotice
	case ready.Status == metav1.ConditionTrue:
		return
	case ready.Status == metav1.ConditionUnknown, ready.Reason == v1alpha1.ReasonRetrying:
		severity = SeverityWaiting
	}
	t.problem(Problem{
		Severity: severity, On: subjectOf(on), Condition: ready.Type, Reason: ready.Reason, Message: ready.Message, Since: timeOf(ready.LastTransitionTime),
	})
}

func (t *teller) tellRecordCondition(record rules.Record) {
	switch record := record.(type) {
	case *v1alpha1.Person:
		t.tellCondition(record, record.Status.Conditions)
	case *v1alpha1.Organization:
		t.tellCondition(record, record.Status.Conditions)
	case *v1alpha1.Site:
		t.tellCondition(record, record.Status.Conditions)
	}
}

// tellFailedRules tells of the rules that failed, but for the one that the subject's condition is about, which may have a reason of
// its own for it.
func (t *teller) tellFailedRules() {
	for i := range t.story.Rules {
		rule := &t.story.Rules[i]
		told := rule.Message != "" && slices.ContainsFunc(t.story.Problems, func(p Problem) bool {
			return p.Condition == v1alpha1.ConditionReady && strings.HasPrefix(p.Message, strings.TrimSuffix(rule.Message, "…"))
		})
		if rule.failed() && !told {
			t.problem(Problem{
				Severity: SeverityError, On: Subject{KindExecution, t.namespace, rule.Execution}, Condition: v1alpha1.ConditionSucceeded,
				Reason: rule.Reason, Message: rule.Message, Since: rule.Time,
			})
		}
	}
}

// tellEndpoint tells what keeps the operator or the client from working at all.
func (t *teller) tellEndpoint(endpoint *v1alpha1.ScimEndpoint) {
	t.tellCondition(endpoint, endpoint.Status.Conditions)
	if c := meta.FindStatusCondition(endpoint.Status.Conditions, v1alpha1.ConditionUnreadable); c != nil && c.Status == metav1.ConditionTrue {
		t.problem(Problem{
			Severity: SeverityError, On: subjectOf(endpoint), Condition: c.Type, Reason: c.Reason, Message: c.Message, Since: timeOf(c.LastTransitionTime),
		})
	}
}

// tellDisabled tells why a Person is disabled.
func (t *teller) tellDisabled() {
	for _, record := range t.story.Records {
		if record.Subject.Kind != KindPerson || !record.Disabled {
			continue
		}
		p := Problem{Severity: SeverityNotice, On: record.Subject, Reason: ReasonPersonDisabled, Message: "The Person is disabled: " + t.whyDisabled(record) + "."}
		if t.user != nil && t.user.Status.DeprovisionedAt != nil {
			p.Since = t.user.Status.DeprovisionedAt.UTC()
		}
		t.problem(p)
	}
}

func (t *teller) whyDisabled(record Record) string {
	setter := ""
	for _, field := range record.Fields {
		if field.Name == rules.FieldDisabled && len(field.SetBy) > 0 {
			setter = field.SetBy[0].Text
		}
	}
	switch {
	case t.user != nil && slices.Contains(t.user.Status.HeldEffects, v1alpha1.HeldEnable):
		return "the client has the user in use again, and the safety brake holds that"
	case t.user != nil && !t.user.DeletionTimestamp.IsZero(), record.LinkedTo != nil && t.user == nil && len(t.story.NotAllowed) == 0:
		return "the client has deleted the user"
	case t.user != nil && !t.user.IsActive():
		return "the client has deactivated the user"
	case setter != "":
		return "that was set " + setBy(setter)
	}
	return "nobody knows any more who set that"
}

// setBy is a setter's text behind "set".
func setBy(text string) string {
	if strings.HasPrefix(text, "by hand") || strings.HasPrefix(text, "applied") {
		return text
	}
	return "by " + text
}

// keeps is what a rule's message says of a field that it leaves as it is.
const keeps = "because field manager "

// tellKept tells of fields that a rule leaves to who applies them.
func (t *teller) tellKept() {
	for i := range t.story.Rules {
		if rule := &t.story.Rules[i]; strings.Contains(rule.Message, keeps) {
			t.problem(Problem{Severity: SeverityNotice, On: Subject{KindExecution, t.namespace, rule.Execution}, Reason: ReasonKept, Message: rule.Message})
		}
	}
}

// summary says in a sentence or two how things are.
func (t *teller) summary() string {
	var said []string
	switch {
	case t.user != nil && !t.user.DeletionTimestamp.IsZero():
		said = append(said, "The client has deleted this user.")
	case t.user != nil && !t.user.IsActive():
		said = append(said, "The client has deactivated this user.")
	case t.user != nil:
		said = append(said, "The client has this user in use.")
	case t.group != nil:
		said = append(said, "The client has pushed this group.")
	default:
		said = append(said, "No client's user or group is linked to this record.")
	}
	for _, record := range t.story.Records {
		if record.Subject != t.story.Subject {
			said = append(said, fmt.Sprintf("It is %s %s.", record.Subject.Kind, record.Title))
		}
	}
	switch errors := t.count(SeverityError); {
	case errors == 1:
		said = append(said, "One thing is wrong: "+t.story.Problems[0].Reason+".")
	case errors > 1:
		said = append(said, fmt.Sprintf("%d things are wrong, the first: %s.", errors, t.story.Problems[0].Reason))
	case t.count(SeverityWaiting) > 0:
		said = append(said, "Something is not done yet.")
	default:
		said = append(said, "Nothing is wrong.")
	}
	if hidden := t.story.NotAllowed; len(hidden) > 0 {
		said = append(said, fmt.Sprintf("You may not read %s, so this is not all.", strings.Join(hidden, ", ")))
	}
	return strings.Join(said, " ")
}

func (t *teller) count(severity Severity) int {
	count := 0
	for _, p := range t.story.Problems {
		if p.Severity == severity {
			count++
		}
	}
	return count
}
