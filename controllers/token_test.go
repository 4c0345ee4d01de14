package controllers

import (
	"bytes"
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestTokensAreLongAndPrintable(t *testing.T) {
	if a, b := newToken(), newToken(); bytes.Equal(a, b) || checkToken(a) != "" {
		t.Errorf("two tokens are equal, or a new one is not good enough: %s", checkToken(a))
	}
	for name, token := range map[string]string{
		"too short":        strings.Repeat("a", v1alpha1.MinTokenLength-1),
		"with a blank":     strings.Repeat("a", v1alpha1.MinTokenLength) + " a",
		"with a line end":  strings.Repeat("a", v1alpha1.MinTokenLength) + "\n",
		"outside of ASCII": strings.Repeat("é", v1alpha1.MinTokenLength),
	} {
		if checkToken([]byte(token)) == "" {
			t.Errorf("a token %s is accepted", name)
		}
	}
}
