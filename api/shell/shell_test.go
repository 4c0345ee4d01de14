package shell

import (
	"os/exec"
	"testing"
)

func TestAWordIsOne(t *testing.T) {
	for _, text := range []string{"", "okta", "ann+x@example.com", "it's", "'", "a; echo b", "$(echo b) `echo b` $HOME", "two\nlines", `\`, `"`, "*", "~", "-n"} {
		output, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s|' "+Word(text)).CombinedOutput()
		if err != nil || string(output) != text+"|" {
			t.Errorf("%q: the shell got %q, error %v", text, output, err)
		}
	}
	if Word("https://acme.example/a_b@1") != "https://acme.example/a_b@1" {
		t.Error("a plain word is in quotes")
	}
}
