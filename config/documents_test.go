package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// maxLine is how many characters a line of a document has at most, where it can be broken.
const maxLine = 120

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingPattern = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// unbreakable is one word, such as a long link, behind what begins a paragraph.
	unbreakable = regexp.MustCompile(`^\s*(?:[-*>] |\d+\. )?(?:\S+|\S*(?:` + "`[^`]*`" + `|\[[^\]]*\]\([^)]*\))\S*)$`)
)

// documents are the repository's Markdown files, by their paths from its top.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (path == "bin" || entry.Name() == "testdata" || entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		found[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// prose calls f with each line that is neither in a table nor in a block of code.
func prose(text string, f func(number int, line string)) {
	fenced, block, blank := false, false, true
	for i, line := range strings.Split(text, "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "```"):
			fenced = !fenced
		case fenced, strings.HasPrefix(trimmed, "|"), strings.HasPrefix(trimmed, "<"):
		case trimmed == "":
			blank = true
			continue
		case strings.HasPrefix(line, "    ") && (blank || block):
			block, blank = true, false
			continue
		default:
			f(i+1, line)
		}
		block, blank = false, false
	}
}

func TestLinesOfDocumentsAreShort(t *testing.T) {
	for path, text := range documents(t) {
		prose(text, func(number int, line string) {
			if length := utf8.RuneCountInString(line); length > maxLine && !unbreakable.MatchString(line) {
				t.Errorf("%s:%d has %d characters", path, number, length)
			}
		})
	}
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	found := documents(t)
	anchors := map[string]map[string]bool{}
	for path, text := range found {
		anchors[path] = map[string]bool{}
		for _, heading := range headingPattern.FindAllStringSubmatch(text, -1) {
			anchors[path][anchor(heading[1])] = true
		}
	}
	for path, text := range found {
		for _, link := range linkPattern.FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], ":") {
				continue // of another place
			}
			file, heading, inside := strings.Cut(link[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %s leads to no file", path, link[1])
			} else if inside && !anchors[target][heading] {
				t.Errorf("%s: %s leads to no heading", path, link[1])
			}
		}
	}
}

// anchor is what a heading is called in links.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// kubectl takes no flag before the name of a plugin.
func TestDocumentsHaveFlagsBehindThePluginsName(t *testing.T) {
	wrong := regexp.MustCompile(`kubectl -[^\n` + "`" + `|;&]* scim (?:connection|console|errors|release|rerun|rules|what-if|why)`)
	for path, text := range documents(t) {
		for _, command := range wrong.FindAllString(text, -1) {
			t.Errorf("%s: %s: kubectl refuses flags before the plugin's name", path, command)
		}
	}
}
