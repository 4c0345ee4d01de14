package main

import (
	"fmt"
	"math/bits"
	"strings"

	"sigs.k8s.io/yaml"
)

type (
	// expression is a scalar of which a template makes the text.
	expression string
	// values is the path of what the chart's user gives: a map or a list, which stands there as it is.
	values string
)

// spread is the key below which a map of the user's lies beside other entries of a map.
const spread = "..."

// writer writes trees as templates.
type writer struct {
	strings.Builder

	// conditions say of each variant but the plain one when it is asked for.
	conditions map[variants]string
}

func (w *writer) line(indent int, text string) {
	fmt.Fprintf(w, "%s%s\n", strings.Repeat(" ", indent), text)
}

// when is the condition on which something is there, inside of what is there in whole.
func (w *writer) when(whole, in variants) string {
	if in == whole {
		return ""
	}
	if in&plain == 0 {
		return w.anyOf(in)
	}
	return "not " + parenthesized(w.anyOf(whole&^in))
}

func (w *writer) anyOf(in variants) string {
	var conditions []string
	for ; in != 0; in &= in - 1 {
		conditions = append(conditions, w.conditions[1<<bits.TrailingZeros64(uint64(in))])
	}
	if len(conditions) == 1 {
		return conditions[0]
	}
	for i, condition := range conditions {
		conditions[i] = parenthesized(condition)
	}
	return "or " + strings.Join(conditions, " ")
}

func parenthesized(condition string) string {
	if strings.Contains(condition, " ") {
		return "(" + condition + ")"
	}
	return condition
}

// within writes what body writes, on a condition, if there is one.
func (w *writer) within(condition string, body func()) {
	if condition == "" {
		body()
		return
	}
	w.line(0, "{{- if "+condition+" }}")
	body()
	w.line(0, "{{- end }}")
}

// children writes the entries of a map, or the items of a list, all of which are in whole.
func (w *writer) children(indent int, children []branch, whole variants) {
	for len(children) > 0 {
		n := 1
		for n < len(children) && children[n].in == children[0].in {
			n++
		}
		w.within(w.when(whole, children[0].in), func() {
			for _, child := range children[:n] {
				w.entry(indent, child)
			}
		})
		children = children[n:]
	}
}

func (w *writer) entry(indent int, b branch) {
	if b.tree.alternatives == nil {
		w.branches(indent, b)
		return
	}
	w.alternatives(indent, b)
}

func (w *writer) branches(indent int, b branch) {
	if b.key != "" {
		if len(b.tree.entries) == 0 {
			w.line(indent, key(b.key)+map[bool]string{false: " {}", true: " []"}[b.tree.list])
			return
		}
		w.line(indent, key(b.key))
		w.children(indent+2, b.tree.entries, b.in)
		return
	}
	inner := writer{conditions: w.conditions}
	inner.children(indent+2, b.tree.entries, b.in)
	text := inner.String()
	if strings.HasPrefix(text, "{{") || text == "" {
		w.line(indent, "-")
		w.WriteString(text)
		return
	}
	w.line(indent, "- "+strings.TrimLeft(strings.TrimSuffix(text, "\n"), " "))
}

func (w *writer) alternatives(indent int, b branch) {
	var last *alternative
	opened := false
	for i, a := range b.tree.alternatives {
		if a.in&plain != 0 || len(b.tree.alternatives) == 1 {
			last = &b.tree.alternatives[i]
			continue
		}
		w.line(0, map[bool]string{false: "{{- if ", true: "{{- else if "}[opened]+w.anyOf(a.in)+" }}")
		opened = true
		w.value(indent, b.key, a.value)
	}
	if last != nil {
		if opened {
			w.line(0, "{{- else }}")
		}
		w.value(indent, b.key, last.value)
	}
	if opened {
		w.line(0, "{{- end }}")
	}
}

func (w *writer) value(indent int, name string, value any) {
	before := "-"
	if name != "" {
		before = key(name)
	}
	switch value := value.(type) {
	case expression:
		w.line(indent, before+" {{ "+string(value)+" }}")
	case values:
		switch name {
		case "":
			w.line(0, fmt.Sprintf("{{- toYaml %s | nindent %d }}", value, indent))
		case spread:
			w.line(0, fmt.Sprintf("{{- with %s }}{{ toYaml . | nindent %d }}{{ end }}", value, indent))
		default:
			w.line(indent, before)
			w.line(0, fmt.Sprintf("{{- toYaml %s | nindent %d }}", value, indent+2))
		}
	case map[string]any, []any:
		w.entry(indent, branch{name, plain, merge(map[variants]any{plain: value})})
	default:
		for i, line := range strings.Split(scalar(value), "\n") {
			switch {
			case i == 0:
				w.line(indent, before+" "+line)
			case line == "":
				w.line(0, "")
			default:
				w.line(indent+2, line)
			}
		}
	}
}

func key(name string) string { return scalar(name) + ":" }

// scalar is a value as YAML has it; the lines of a text after the first are not indented.
func scalar(value any) string {
	data, err := yaml.Marshal(map[string]any{"k": value})
	if err != nil {
		panic(err) // what comes here was decoded from JSON
	}
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(data), "k: "), "\n"), "\n")
	for i := range lines[1:] {
		lines[i+1] = strings.TrimPrefix(lines[i+1], "  ")
	}
	return escape(strings.Join(lines, "\n"))
}

// escape lets templates write what looks like one of theirs, and the namespace where it is in the middle of a text.
func escape(text string) string {
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	return strings.ReplaceAll(text, namespace, "{{ .Release.Namespace }}")
}
