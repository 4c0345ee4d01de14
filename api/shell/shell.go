// Package shell writes commands that people paste into a shell.
package shell

import (
	"regexp"
	"strings"
)

var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

// Word is a text as one word for a POSIX shell, in which nothing of it means anything: some come from clients, or from people who may
// do less than who runs the command.
func Word(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
