package oktaspec

import (
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

var reference = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// initialVariables are those that the environment of Okta's test sets before
// the first step: the address, the header, two values that nobody has, and a
// user made up for this run.
func initialVariables(cfg Config) map[string]string {
	suffix := strings.ToLower(rand.Text()[:12])
	userName := "runscope300" + suffix + "@example.com"
	vars := map[string]string{
		"SCIMBaseURL":            strings.TrimSuffix(cfg.BaseURL, "/"),
		"auth":                   cfg.Auth,
		"InvalidUserEmail":       "abcdefgh@atko.com",
		"UserIdThatDoesNotExist": "010101001010101011001010101011",
		"randomGivenName":        "Given" + suffix,
		"randomFamilyName":       "Family" + suffix,
		"randomUsername":         userName,
		"randomUsernameCaps":     strings.ToUpper(userName),
		"randomEmail":            userName,
	}
	maps.Copy(vars, cfg.Variables)
	return vars
}

// fill replaces every {{name}} in s. Runscope sends an unknown one as it
// stands; here it is an error, since the step would test something else.
func fill(s string, vars map[string]string) (string, error) {
	var missing []string
	out := reference.ReplaceAllStringFunc(s, func(ref string) string {
		name := reference.FindStringSubmatch(ref)[1]
		value, ok := vars[name]
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("no value for {{%s}}: no earlier step has set it", strings.Join(missing, "}}, {{"))
	}
	return out, nil
}
