package execution

import (
	"fmt"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

const (
	// maxToldValue is the most characters of a value in a narration.
	maxToldValue = 200
	// maxToldText is the most characters of a condition or message there.
	maxToldText = 1024
)

// Narrate tells the last run of an execution in sentences, in the order of events, for whoever shows it to people.
func Narrate(execution *v1alpha1.AutomationRuleExecution) []string {
	status := &execution.Status
	log := []string{
		fmt.Sprintf("%s: %s", status.Time.UTC().Format(time.RFC3339), whyRun(execution)),
		fmt.Sprintf("Rule %s, generation %d, on %s %s, generation %d%s.", execution.Spec.Rule, status.RuleGeneration,
			execution.Spec.Subject.Kind, execution.Spec.Subject.Name, status.SubjectGeneration, pushedBy(status.RequestID)),
	}
	for _, e := range status.Expressions {
		log = append(log, fmt.Sprintf("Expression %s: %s", e.Name, told(e.Value)))
	}
	if status.Condition != nil {
		log = append(log, strings.TrimSuffix(fmt.Sprintf("Condition: %s: %s", status.Condition.Result, clip(status.Condition.Expression, maxToldText)), ": "))
	}
	if status.Record != nil {
		log = append(log, fmt.Sprintf("Record: %s %s", status.Record.Kind, status.Record.Name))
	}
	for _, c := range status.Changes {
		log = append(log, fmt.Sprintf("Change %s: %s -> %s", c.Field, told(c.From), told(c.To)))
	}
	condition := succeededCondition(execution)
	return append(log, fmt.Sprintf("Result: %s, %s: %s", status.Result, condition.Reason, clip(condition.Message, maxToldText)))
}

func whyRun(execution *v1alpha1.AutomationRuleExecution) string {
	switch execution.Status.Trigger {
	case v1alpha1.TriggerCreated:
		return "Created: the first run of this rule on this subject."
	case v1alpha1.TriggerSubjectChanged:
		return "SubjectChanged: the client changed the subject."
	case v1alpha1.TriggerRuleChanged:
		return "RuleChanged: the rule was edited."
	case v1alpha1.TriggerRequested:
		return "Requested: somebody asked for it with annotation " + v1alpha1.AnnotationRerun + "."
	}
	return string(execution.Status.Trigger) + ": something that the rule looks up or writes has changed."
}

func pushedBy(requestID string) string {
	if requestID == "" {
		return ""
	}
	return " of request " + requestID
}

func told(value string) string {
	if value == "" {
		return "(none)"
	}
	return clip(value, maxToldValue)
}

// clip puts a text on one line and cuts it.
func clip(text string, most int) string {
	return rules.Cut(strings.Join(strings.Fields(text), " "), most)
}
