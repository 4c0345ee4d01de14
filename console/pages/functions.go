package pages

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// prose is a text with what is between backticks as code.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		escaped := template.HTMLEscapeString(part)
		if i%2 == 1 {
			escaped = "<code>" + escaped + "</code>"
		}
		b.WriteString(escaped)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

// trigger says why a rule ran.
func trigger(t v1alpha1.Trigger) string {
	switch t {
	case v1alpha1.TriggerCreated:
		return "first run"
	case v1alpha1.TriggerSubjectChanged:
		return "the client changed it"
	case v1alpha1.TriggerRuleChanged:
		return "the rule was edited"
	case v1alpha1.TriggerContextChanged:
		return "what the rule looks at changed"
	case v1alpha1.TriggerRequested:
		return "somebody asked for it"
	}
	return string(t)
}

// reasonPill shows the reason of a run.
func reasonPill(reason string) pill {
	switch reason {
	case v1alpha1.ReasonApplied, v1alpha1.ReasonNoChange:
		return newPill("good", reason)
	case v1alpha1.ReasonConditionNotMet, v1alpha1.ReasonNotNeeded, v1alpha1.ReasonPersonDeleted, v1alpha1.ReasonPersonTakenOver:
		return newPill("off", reason)
	}
	return newPill(toneOf(reason), reason)
}

// capital is a text that begins like a sentence: messages of conditions may go on where another one ends.
func capital(text string) string {
	if first, size := utf8.DecodeRuneInString(text); size > 0 && first != utf8.RuneError {
		return string(unicode.ToUpper(first)) + text[size:]
	}
	return text
}
