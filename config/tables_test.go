package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	codePattern   = regexp.MustCompile("`([^`]+)`")
	metricPattern = regexp.MustCompile(`"(scim_[a-z_]+)"`)
	namedMetric   = regexp.MustCompile("`(scim_[a-z_]+)")
	// makePattern finds what make is asked for, in code.
	makePattern = regexp.MustCompile("(?m)(?:`|\\$ |^    )make ([a-z0-9-]+)")
)

// firstColumn returns what is in code in the first cells of the tables whose first column has one of these headings.
func firstColumn(text string, headings ...string) []string {
	var found []string
	in := false
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			in = false
			continue
		}
		if slices.Contains(headings, strings.TrimSpace(cells[1])) {
			in = true
		}
		if in {
			for _, code := range codePattern.FindAllStringSubmatch(cells[1], -1) {
				found = append(found, code[1])
			}
		}
	}
	return found
}

func TestTablesOfFilesNameFilesThatAreThere(t *testing.T) {
	for path, text := range documents(t) {
		if filepath.Base(path) != "README.md" {
			continue
		}
		folder := filepath.Join("..", filepath.Dir(path))
		named := firstColumn(text, "File", "Folder", "Package", "Controller")
		for _, name := range named {
			if name == filepath.Base(filepath.Dir(path)) {
				continue // a package that has other ones below it
			}
			if found, err := filepath.Glob(filepath.Join(folder, name)); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s (%v)", path, name, err)
			}
		}
		if len(firstColumn(text, "File")) == 0 {
			continue
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			if strings.HasSuffix(name, "_test.go") || name == "doc.go" {
				continue
			}
			if !slices.ContainsFunc(named, func(pattern string) bool { is, _ := filepath.Match(pattern, name); return is }) {
				t.Errorf("%s: the table of files does not have %s", path, name)
			}
		}
	}
}

// What the operator measures, the table in operate.md tells, and nothing else; labels are beside the names there.
func TestTheTableOfMetricsIsThatOfTheCode(t *testing.T) {
	inCode, told := map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"api", "controllers", "scimserver"} {
		err := filepath.WalkDir(filepath.Join("..", folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, name := range metricPattern.FindAllStringSubmatch(string(source), -1) {
				inCode[name[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, code := range firstColumn(documents(t)["config/operate.md"], "Metric") {
		if name := namedMetric.FindStringSubmatch("`" + code); name != nil {
			told[name[1]] = true
		}
	}
	if !maps.Equal(inCode, told) {
		t.Errorf("the code has %v,\nthe table %v", slices.Sorted(maps.Keys(inCode)), slices.Sorted(maps.Keys(told)))
	}
}

func TestTargetsOfMakeInDocumentsExist(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range documents(t) {
		for _, target := range makePattern.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(makefile), "\n"+target[1]+":") {
				t.Errorf("%s: there is no make %s", path, target[1])
			}
		}
	}
}
