package rulecache

import (
	"regexp"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// hiddenText stands in an execution for a value that may be a secret.
const hiddenText = "(hidden)"

const secretWord = `passw|passphrase|secret|token|credential|api[-_ ]?key|private[-_ ]?key`

var (
	// secretLike matches the names of what is taken for a secret.
	secretLike = regexp.MustCompile(`(?i)` + secretWord)
	// secretKey matches a value in JSON that has a key with such a name.
	secretKey = regexp.MustCompile(`(?i)"[^"]*(?:` + secretWord + `)[^"]*"\s*:`)
	// celWord matches what may be the name of an expression in CEL.
	celWord = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// secrets are the expressions and fields of a rule whose values are not for
// executions: those with the name of a secret, and those that are made of one.
type secrets struct {
	expressions, fields map[string]bool
}

func secretsOf(spec *v1alpha1.AutomationRuleSpec) secrets {
	found := secrets{expressions: map[string]bool{}, fields: map[string]bool{}}
	for _, e := range spec.Expressions {
		if secretLike.MatchString(e.Name) || found.in(e.Value) {
			found.expressions[e.Name] = true
		}
	}
	for _, a := range slices.Concat(spec.Update.Set, spec.Update.Add, spec.Update.Remove) {
		if found.in(a.Value) {
			found.fields[a.Field] = true
		}
	}
	return found
}

// in reports whether a CEL expression reads a secret.
func (s secrets) in(expression string) bool {
	return secretLike.MatchString(expression) ||
		slices.ContainsFunc(celWord.FindAllString(expression, -1), func(word string) bool { return s.expressions[word] })
}

// hide returns a copy of the outcome in which no value is a secret.
func (s secrets) hide(outcome rules.Outcome) rules.Outcome {
	outcome.Expressions = slices.Clone(outcome.Expressions)
	for i, e := range outcome.Expressions {
		outcome.Expressions[i].Value = hideIf(s.expressions[e.Name], e.Value)
	}
	outcome.Changes = slices.Clone(outcome.Changes)
	for i, c := range outcome.Changes {
		secret := s.fields[c.Field] || secretLike.MatchString(c.Field) || secretKey.MatchString(c.From) || secretKey.MatchString(c.To)
		outcome.Changes[i].From, outcome.Changes[i].To = hideIf(secret, c.From), hideIf(secret, c.To)
	}
	return outcome
}

func hideIf(secret bool, value string) string {
	if value != "" && (secret || secretKey.MatchString(value)) {
		return hiddenText
	}
	return value
}
