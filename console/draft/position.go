package draft

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
)

var pathStep = regexp.MustCompile(`[^.\[\]]+`)

// at is where something is in the text: a line and column of the value at a path, such as spec.update.set[0].value, or with line 0
// the value itself. What is not there is where the innermost is that holds it.
func (t *Text) at(path string, line, column int) (int, int) {
	node, found := t.find(path)
	if node == nil {
		return 0, 0
	}
	if node.Kind != yamlv3.ScalarNode || line == 0 || !found {
		return node.Line, node.Column
	}
	switch node.Style {
	case yamlv3.LiteralStyle:
		return node.Line + line, t.indent(node.Line) + column
	case yamlv3.FoldedStyle: // which joins lines
		return node.Line + 1, 0
	case yamlv3.DoubleQuotedStyle, yamlv3.SingleQuotedStyle:
		column++
	}
	if line > 1 || !t.isPlainly(node) {
		return node.Line, 0
	}
	return node.Line, node.Column + column - 1
}

// isPlainly reports whether a value stands in one line as it is, so that its columns are those of the text.
func (t *Text) isPlainly(node *yamlv3.Node) bool {
	first, _, _ := strings.Cut(node.Value, "\n")
	return node.Line <= len(t.lines) && strings.Contains(t.lines[node.Line-1], first)
}

// indent is how far the lines of a block are indented that begins below a line.
func (t *Text) indent(line int) int {
	for _, text := range t.lines[min(line, len(t.lines)):] {
		if trimmed := strings.TrimLeft(text, " "); trimmed != "" && trimmed != "\r" {
			return utf8.RuneCountInString(text) - utf8.RuneCountInString(trimmed)
		}
	}
	return 0
}

// find follows a path as far as it goes, and reports whether that was to its end. A match has one value, whatever it is called.
func (t *Text) find(path string) (*yamlv3.Node, bool) {
	if t.root == nil || len(t.root.Content) == 0 {
		return nil, false
	}
	node := t.root.Content[0]
	for _, step := range pathStep.FindAllString(path, -1) {
		next := child(node, step)
		if next == nil {
			return node, false
		}
		node = next
	}
	if strings.HasSuffix(path, ".match") && node.Kind == yamlv3.MappingNode && len(node.Content) == 2 {
		node = node.Content[1]
	}
	return node, true
}

func child(node *yamlv3.Node, step string) *yamlv3.Node {
	if node.Kind == yamlv3.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i]; key.Value == step {
				value := node.Content[i+1]
				if value.Kind != yamlv3.ScalarNode {
					// Of a map or list people look for its name.
					named := *value
					named.Line, named.Column = key.Line, key.Column
					return &named
				}
				return value
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}
