package fold

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// IsLine reports whether s is one line of text without control characters: none of C0,
// DEL and C1, with NUL, escape and the ends of lines among them, no line or paragraph
// separator (U+2028, U+2029), and none of the characters that embed, override or isolate
// directions (U+202A to U+202E, U+2066 to U+2069), with which a name reads as another one.
// Names and addresses are such lines.
func IsLine(s string) bool { return !holds(s, false) }

// IsText is IsLine for several lines: LF, CR and TAB may be in them.
func IsText(s string) bool { return !holds(s, true) }

func holds(s string, lines bool) bool {
	for _, r := range s {
		switch {
		case ' ' <= r && r < 0x7f:
		case lines && (r == '\n' || r == '\r' || r == '\t'):
		case r < ' ', 0x7f <= r && r <= 0x9f, r == 0x2028, r == 0x2029, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
			return true
		}
	}
	return false
}

// Printable returns s as a terminal may show it within a line: as it is, or quoted with
// escapes if it holds anything that is not printable, so that data can neither forge lines
// nor send commands to the terminal.
func Printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}

// PrintableJSON returns JSON as a terminal may show it: with escapes for all that is not printable but ends of lines, as
// encoding/json leaves DEL, C1 and the overrides of direction as they are.
func PrintableJSON(encoded string) string {
	var escaped strings.Builder
	for _, r := range encoded {
		if r == '\n' || strconv.IsPrint(r) {
			escaped.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	return escaped.String()
}
