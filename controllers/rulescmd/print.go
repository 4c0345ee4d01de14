package rulescmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/fold"
)

// printf prints lines. What it is given as text, error or Stringer may come from users and
// from rules of others, and is quoted where it is not printable.
func (c *Command) printf(format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = fold.Printable(arg)
		case error:
			args[i] = printableLines(arg.Error())
		case fmt.Stringer:
			args[i] = fold.Printable(arg.String())
		}
	}
	fmt.Fprintf(c.out, format, args...)
}

// printableLines is for text that has lines of its own, such as several errors: each is
// printable, and those after the first are indented.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = fold.Printable(line)
	}
	return strings.Join(lines, "\n    ")
}

// sourceLine is a line of an expression with a column a character, tabs and what is not
// printable among them.
func sourceLine(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !strconv.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, line)
}

// printJSON prints a value with escapes for all that is not printable: encoding/json leaves
// DEL, C1 and the overrides of direction as they are.
func printJSON(out io.Writer, value any) error {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(out, fold.PrintableJSON(encoded.String()))
	return err
}
