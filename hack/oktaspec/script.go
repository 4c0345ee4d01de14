package oktaspec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// script does in Go what a JavaScript of the document does with the answer.
type script func(answer) error

// scripts holds the scripts of Okta's document by the SHA-256 of their text, so
// that a changed script is noticed and not run as the old one.
var scripts = map[string]script{
	"c9f901ae05222fcdd31c569eb0ed76abfb6592ce2ba8f34f05c06822e43581a5": groupsScript,
}

// lookUpScript returns nil for an empty script.
func lookUpScript(source string) (script, error) {
	if source == "" {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(source))
	digest := hex.EncodeToString(sum[:])
	s, ok := scripts[digest]
	if !ok {
		return nil, fmt.Errorf("unknown script with SHA-256 %s", digest)
	}
	return s, nil
}

// groupsScript is the script of the step "Verify Groups endpoint": no groups at
// all is fine, and with groups Resources is an array. Where Okta's script
// quietly asserts nothing (no count, or Resources of another type), this fails.
func groupsScript(got answer) error {
	total, err := got.value(sourceJSON, "totalResults")
	if err != nil {
		return fmt.Errorf("totalResults: %w", err)
	}
	n, ok := total.(json.Number)
	if !ok {
		return fmt.Errorf("totalResults is %s, want a number", render(total))
	}
	if n.String() == "0" {
		return nil
	}
	resources, err := got.value(sourceJSON, "Resources")
	if err != nil {
		return fmt.Errorf("Resources: %w", err)
	}
	if _, ok := resources.([]any); !ok {
		return errors.New("Resources is not an array")
	}
	return nil
}
