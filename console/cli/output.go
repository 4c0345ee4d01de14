package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Formats of -o.
const (
	formatJSON = "json"
	formatYAML = "yaml"
	formatWide = "wide"
	formatName = "name"
)

// format is the flag -o of a command.
type format struct {
	value   string
	allowed []string
}

// bind adds the flag to a command.
func (f *format) bind(cmd *cobra.Command, allowed ...string) {
	f.allowed = allowed
	cmd.Flags().StringVarP(&f.value, "output", "o", "", "Output format. One of: ("+strings.Join(allowed, ", ")+").")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that is not there
}

// check refuses a format that the command does not have.
func (f *format) check() error {
	if f.value == "" || slices.Contains(f.allowed, f.value) {
		return nil
	}
	return fmt.Errorf("unable to match a printer suitable for the output format %q, allowed formats are: %s", f.value, strings.Join(f.allowed, ","))
}

// data prints a value where the format is one for programs, and reports whether it is.
func (f *format) data(out io.Writer, value any) (bool, error) {
	switch f.value {
	case formatJSON:
		return true, printJSON(out, value)
	case formatYAML:
		text, err := yaml.Marshal(value)
		if err != nil {
			return true, err
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }) {
			return true, printJSON(out, value) // which is YAML, too: plain scalars of YAML have no escapes
		}
		_, err = out.Write(text)
		return true, err
	}
	return false, nil
}

// printJSON prints a value with escapes for all that is not printable: encoding/json leaves DEL, C1 and the overrides of
// direction as they are, which a terminal obeys.
func printJSON(out io.Writer, value any) error {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(out, fold.PrintableJSON(encoded.String()))
	return err
}

// pair is a line of a description.
type pair struct{ name, value string }

// sheet prints what a command tells of one thing: names in one column, values in the next, as `kubectl describe` does.
type sheet struct {
	out   io.Writer
	lines []pair
}

// line adds a line; one without a value is left out. What users and others wrote cannot forge lines or move the cursor.
func (s *sheet) line(name, text string) {
	if text != "" {
		s.lines = append(s.lines, pair{name, fold.Printable(text)})
	}
}

// linef is line with a format.
func (s *sheet) linef(name, text string, args ...any) { s.line(name, fmt.Sprintf(text, args...)) }

// flush prints the lines.
func (s *sheet) flush() {
	width := 0
	for _, l := range s.lines {
		width = max(width, len(l.name))
	}
	for _, l := range s.lines {
		fmt.Fprintf(s.out, "%-*s  %s\n", width, l.name, l.value)
	}
	s.lines = nil
}

// ago is how long ago something was, as kubectl's columns have it.
func ago(t *v1alpha1.Timestamp) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return agoTime(t.Time)
}

func agoTime(t time.Time) string { return duration.HumanDuration(max(now().Sub(t), 0)) + " ago" }

// in is when something will be, or how long ago it was.
func in(t *v1alpha1.Timestamp) string {
	if left := t.Sub(now()); left > 0 {
		return "in " + duration.HumanDuration(left)
	}
	return ago(t)
}

// plural counts things by a noun that takes an s.
func plural[N ~int | ~int32 | ~int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// orNone stands for a missing text.
func orNone(text string) string { return cmp.Or(text, "none") }
