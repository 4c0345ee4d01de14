package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const definition = `
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      selectableFields: [{jsonPath: .spec.name}]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [name]
              properties:
                name: {type: string, maxLength: 100, minLength: 1}
                mode: {type: string, enum: [A, B], default: A}
                free: {type: string}
                count: {type: integer, minimum: 0}
                tags:
                  type: array
                  items: {type: string, maxLength: 10}
                labels:
                  type: object
                  additionalProperties: {type: string}
`

func TestCompare(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     []string
	}{
		"nothing changed":                 {"", "", nil},
		"a new optional field":            {"free: {type: string}", "free: {type: string}\n                more: {type: string}", nil},
		"a wider bound":                   {"maxLength: 100", "maxLength: 200", nil},
		"a bound less":                    {", maxLength: 10}", "}", nil},
		"another enumerated value":        {"[A, B]", "[A, B, C]", nil},
		"a field less":                    {"                free: {type: string}\n", "", []string{"v1.spec.free: is gone: stored values would be dropped"}},
		"another type":                    {"free: {type: string}", "free: {type: integer}", []string{"v1.spec.free: type changed from string to integer"}},
		"a narrower bound":                {"maxLength: 100", "maxLength: 50", []string{"v1.spec.name: maxLength is now 50 (100 before)"}},
		"a new bound":                     {"free: {type: string}", "free: {type: string, maxLength: 5}", []string{"v1.spec.free: maxLength is now 5 (none before)"}},
		"a new bound without meaning":     {"free: {type: string}", "free: {type: string, minLength: 0}", nil},
		"a higher minimum":                {"minimum: 0", "minimum: 1", []string{"v1.spec.count: minimum is now 1 (0 before)"}},
		"a new pattern":                   {"free: {type: string}", "free: {type: string, pattern: x}", []string{"v1.spec.free: pattern changed from none to x"}},
		"an enumerated value less":        {"[A, B]", "[A]", []string{"v1.spec.mode: B is not allowed any more"}},
		"a new enumeration":               {"free: {type: string}", "free: {type: string, enum: [x]}", []string{"v1.spec.free: only [x] are allowed now"}},
		"another default":                 {"default: A", "default: B", []string{"v1.spec.mode: default changed from A to B"}},
		"a new required field":            {"required: [name]", "required: [name, free]", []string{"v1.spec.free: has become required"}},
		"a required field with a default": {"required: [name]", "required: [name, mode]", nil},
		"a new rule": {
			"free: {type: string}", "free: {type: string, x-kubernetes-validations: [{rule: self != \"\"}]}", []string{`v1.spec.free: new rule self != ""`},
		},
		"within a list":             {"maxLength: 10}", "maxLength: 9}", []string{"v1.spec.tags[]: maxLength is now 9 (10 before)"}},
		"within a map":              {"additionalProperties: {type: string}", "additionalProperties: {type: integer}", []string{"v1.spec.labels{}: type changed from string to integer"}},
		"a version that is renamed": {"- name: v1", "- name: v2", []string{"v1: is not served any more"}},
		"another scope":             {"Namespaced", "Cluster", []string{"spec.scope: changed from Namespaced to Cluster"}},
		"no status any more":        {"subresources: {status: {}}", "subresources: {}", []string{"v1: has no subresource status any more"}},
		"no field selector any more": {
			"selectableFields: [{jsonPath: .spec.name}]", "selectableFields: []", []string{"v1: field selector .spec.name is gone"},
		},
		"another storage version": {"storage: true", "storage: false", []string{"v1: is not the storage version any more: stored objects have to be migrated"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(definition, test.old) {
				t.Fatalf("the definition does not contain %q", test.old)
			}
			var before, after object
			if err := yaml.Unmarshal([]byte(definition), &before); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(strings.Replace(definition, test.old, test.new, 1)), &after); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, compare(before, after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRun compares commits of a repository of its own.
func TestRun(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, folder, "things.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commands := func(all ...[]string) {
		t.Helper()
		for _, arguments := range all {
			if _, err := git(root, arguments...); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(definition)
	commands([]string{"init", "-q"}, []string{"add", "."}, []string{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "one"})
	var out strings.Builder
	if err := run(root, "", &out); err != nil || !strings.Contains(out.String(), "no release yet") {
		t.Errorf("without a tag: %v, %s", err, &out)
	}
	commands([]string{"tag", "v0.1.0"})
	if err := run(root, "", &out); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	write(strings.Replace(definition, "maxLength: 100", "maxLength: 50", 1))
	if err := run(root, "", &out); err == nil || !strings.Contains(out.String(), "things.yaml: v1.spec.name: maxLength is now 50") {
		t.Errorf("narrower: %v, %s", err, &out)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := run(root, "HEAD", &out); err == nil || !strings.Contains(out.String(), "the definition is gone") {
		t.Errorf("removed: %v, %s", err, &out)
	}
}
