package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const root = "../.."

func TestTheChartIsThatOfTheManifests(t *testing.T) {
	want, err := generate(filepath.Join(root, "config"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config", "helm", "templates", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), header) {
			got[filepath.Base(file)] = string(text)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("`make generate` would change config/helm/templates (- to, + from):\n%s", diff)
	}
}

func TestDefaultsAreWhatTheManifestsSay(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root, "config"))); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, old, new, says string }{
		{"helm/values.yaml", "replicas: 2", "replicas: 3", "values.yaml 3 in .Values.replicas"},
		{"helm/values.yaml", "host: scim.example.com", "host: scim.example.org", ".Values.host"},
		{"helm/values.yaml", "proxy-body-size: 32m", "proxy-body-size: 1m", "proxy-body-size of metadata/annotations"},
		{"helm/Chart.yaml", "appVersion: 0.1.0", "appVersion: 0.2.0", "0.2.0"},
		{"manager/deployment.yaml", "memory: 768Mi", "memory: 1Gi", ".Values.resources"},
	} {
		path := filepath.Join(folder, test.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), test.old, test.new, 1)
		if changed == string(text) {
			t.Fatalf("%s has no %q", test.file, test.old)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(folder); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s with %q: %v", test.file, test.new, err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// asTheyAre are values that are told as a whole.
var asTheyAre = []string{"resources", "tls.certManager.issuerRef"}

// leaves returns the paths of values, down to where the schema knows of no names.
func leaves(t *testing.T, schema, definitions map[string]any, path string) []string {
	t.Helper()
	if reference, ok := schema["$ref"].(string); ok {
		schema, _ = definitions[strings.TrimPrefix(reference, "#/definitions/")].(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	if schema["type"] != "object" || properties == nil || slices.Contains(asTheyAre, path) {
		return []string{path}
	}
	if schema["additionalProperties"] != false {
		t.Errorf("the schema lets anything be below %q", path)
	}
	var found []string
	for name, property := range properties {
		below, _ := property.(map[string]any)
		found = append(found, leaves(t, below, definitions, strings.TrimPrefix(path+"."+name, "."))...)
	}
	return found
}

func TestEveryValueIsInSchemaAndREADME(t *testing.T) {
	folder := filepath.Join(root, "config", "helm")
	text, err := os.ReadFile(filepath.Join(folder, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	definitions, _ := schema["definitions"].(map[string]any)
	known := slices.DeleteFunc(leaves(t, schema, definitions, ""), func(path string) bool { return path == "global" })
	defaults, err := readValues(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range known {
		if lookup(defaults, ".Values."+path) == nil {
			t.Errorf("values.yaml has no %s", path)
		}
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(string(readme), -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			told = append(told, code[1])
		}
	}
	if diff := cmp.Diff(known, told, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("the README's table of values is not that of the schema (- not told, + not there):\n%s", diff)
	}
}

func TestTreesOfVariants(t *testing.T) {
	w := writer{conditions: map[variants]string{2: ".a", 4: ".b", 8: "and .c .d"}}
	in := map[variants]any{
		1: map[string]any{"same": "x {{ y }}", "scalar": "one", "gone": int64(1), "list": []any{map[string]any{"name": "first"}}},
		2: map[string]any{"same": "x {{ y }}", "scalar": "two", "gone": int64(1), "list": []any{map[string]any{"name": "first", "more": true}}},
		4: map[string]any{"same": "x {{ y }}", "scalar": "one", "new": map[string]any{}, "list": []any{map[string]any{"name": "first"}, "item"}},
		8: map[string]any{"same": "x {{ y }}", "scalar": "one", "gone": int64(1), "new": map[string]any{}, "list": []any{map[string]any{"name": "first"}}},
	}
	w.children(0, merge(in).entries, 15)
	want := `{{- if not .b }}
gone: 1
{{- end }}
list:
  -
{{- if .a }}
    more: true
{{- end }}
    name: first
{{- if .b }}
  - item
{{- end }}
{{- if or .b (and .c .d) }}
new: {}
{{- end }}
same: x {{ "{{" }} y }}
{{- if .a }}
scalar: two
{{- else }}
scalar: one
{{- end }}
`
	if diff := cmp.Diff(want, w.String()); diff != "" {
		t.Error(diff)
	}
	if fmt.Sprintf("%v %v %v", get(in[4], "list/1"), get(in[4], "list/2"), get(in[4], "none/0")) != "item <nil> <nil>" {
		t.Error("pointers into lists")
	}
}

// TestTheConsolesConfigurationReplacesThePods changes it: pods of before have their ConfigMap until they are gone, as it keeps its name.
func TestTheConsolesConfigurationReplacesThePods(t *testing.T) {
	template := func(file, lifetime string) string {
		t.Helper()
		helm := exec.CommandContext(t.Context(), "go", "tool", "-C", filepath.Join(root, "hack", "neighbours", "pins", "helm"), "helm", "template", "scim-operator",
			"../../../../config/helm", "--show-only", "templates/"+file, "--set", "console.enabled=true,console.config.session.lifetime="+lifetime)
		var problems strings.Builder
		helm.Stderr = &problems
		output, err := helm.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &problems)
		}
		return string(output)
	}
	const name = "scim-operator-console-config"
	for _, lifetime := range []string{"1h", "2h"} {
		if config := template("console-config.yaml", lifetime); !strings.Contains(config, "\n  name: "+name+"\n") || !strings.Contains(config, "lifetime: "+lifetime) {
			t.Errorf("not %s of %s:\n%s", name, lifetime, config)
		}
	}
	before, after := template("deployment.yaml", "1h"), template("deployment.yaml", "2h")
	if !strings.Contains(before, "name: "+name+"\n") || before != template("deployment.yaml", "1h") || before == after {
		t.Errorf("not other pods with another configuration:\n%s", cmp.Diff(before, after))
	}
}
