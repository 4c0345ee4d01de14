package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"rservice.dev/scim-operator/api/fold"
)

// page prints paragraphs within a width. What it is given may come from clients, and is printed so that it can neither forge
// lines nor move the cursor.
type page struct {
	out   io.Writer
	width int
}

func (p *page) blank() { fmt.Fprintln(p.out) }

// text prints a paragraph: first is before its first line, rest before the others. Words that are longer than a line stay whole, so
// that they can be copied.
func (p *page) text(first, rest, text string) {
	line, used := first, utf8.RuneCountInString(first)
	begun := false
	for word := range strings.FieldsSeq(fold.Printable(text)) {
		length := utf8.RuneCountInString(word)
		if begun && used+1+length > p.width {
			fmt.Fprintln(p.out, line)
			line, used, begun = rest, utf8.RuneCountInString(rest), false
		}
		if begun {
			line, used = line+" ", used+1
		}
		line, used, begun = line+word, used+length, true
	}
	fmt.Fprintln(p.out, strings.TrimRight(line, " "))
}

// command prints a command for a shell on one line, whatever its length: it is there to be copied.
func (p *page) command(indent, command string) {
	fmt.Fprintln(p.out, indent+"$ "+fold.Printable(command))
}

// labelled prints a paragraph beside a word in the left column.
func (p *page) labelled(label, text string) {
	if text != "" {
		p.text(fmt.Sprintf("%-*s ", labelWidth-1, label), strings.Repeat(" ", labelWidth), text)
	}
}

// labelWidth is that of the left column.
const labelWidth = 9

// cut makes a text at most n characters long.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:max(n-1, 0)]) + "…"
}
