package rulescmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// document is one YAML document, or a JSON file.
type document struct {
	path string
	json []byte
}

// manifest is a rule and the file that it is in.
type manifest struct {
	*v1alpha1.AutomationRule
	path string
}

// readDocuments reads files, and the YAML and JSON files in folders and their folders, in
// the order of their names.
func readDocuments(roots []string) ([]document, error) {
	var documents []document
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if path != root && !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
				return nil
			}
			found, err := readFile(path)
			documents = append(documents, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return documents, nil
}

func readFile(path string) ([]document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var documents []document
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		converted, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if string(converted) != "null" {
			documents = append(documents, document{path: path, json: converted})
		}
	}
}

// loadRules reads the AutomationRules among the documents. Two rules of one name are an
// error, and so is none at all.
func loadRules(roots []string) ([]manifest, error) {
	documents, err := readDocuments(roots)
	if err != nil {
		return nil, err
	}
	var manifests []manifest
	known := map[string]string{}
	for _, d := range documents {
		var kind struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal(d.json, &kind); err != nil || kind.Kind != "AutomationRule" {
			continue
		}
		rule := &v1alpha1.AutomationRule{}
		if err := yaml.UnmarshalStrict(d.json, rule); err != nil {
			return nil, fmt.Errorf("%s: %w", d.path, err)
		}
		if other, twice := known[rule.Name]; twice {
			return nil, fmt.Errorf("%s: rule %s is in %s, too", d.path, rule.Name, other)
		}
		known[rule.Name] = d.path
		manifests = append(manifests, manifest{rule, d.path})
	}
	if len(manifests) == 0 {
		return nil, fmt.Errorf("there is no AutomationRule in %s", strings.Join(roots, ", "))
	}
	return manifests, nil
}

// load reads the rules that -f names, and compiles them.
func (c *Command) load() ([]manifest, []*rules.Rule, error) {
	manifests, err := loadRules(c.files)
	if err != nil {
		return nil, nil, err
	}
	compiled, err := c.compileAll(manifests)
	return manifests, compiled, err
}

// compileAll compiles rules and prints what is wrong with them.
func (c *Command) compileAll(manifests []manifest) ([]*rules.Rule, error) {
	var compiled []*rules.Rule
	broken := false
	for _, m := range manifests {
		problems, err := rules.Check(m.AutomationRule)
		if err != nil {
			return nil, err
		}
		for _, p := range problems {
			broken = true
			c.printProblem(m, p)
		}
		if len(problems) > 0 {
			continue
		}
		rule, err := rules.Compile(m.AutomationRule)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, rule)
	}
	if broken {
		return nil, ErrFindings
	}
	rules.Sort(compiled)
	return compiled, nil
}

// printProblem prints what is wrong, with the line and a mark below the column.
func (c *Command) printProblem(m manifest, p rules.Problem) {
	c.printf("ERROR %s: rule %s, %s\n", m.path, m.Name, p.Error())
	if p.Line == 0 {
		return
	}
	line := sourceLine(strings.TrimRight(strings.Split(p.Text, "\n")[p.Line-1], " \t"))
	c.printf("        %s\n        %s^\n", line, strings.Repeat(" ", p.Column-1))
}
