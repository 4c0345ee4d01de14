package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// buildType says what the parameters mean: the flags of this program. README.md describes it.
const buildType = "https://" + modulePath + "/hack/image/release/v1"

// statement is an in-toto statement (https://in-toto.io/Statement/v1) of a SLSA provenance (https://slsa.dev/spec/v1.2/provenance).
// It has no times of the build and no id of one, so that whoever builds the release again gets the same bytes.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

type provenance struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	ResolvedDependencies []resource     `json:"resolvedDependencies,omitempty"`
}

type runDetails struct {
	Builder builder `json:"builder"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// writeProvenance says of files, by their checksums, of which commit and how they were made; of a tree with changes no commit,
// because they are of none. What they are linked from is in the bills of materials, which are among them.
func writeProvenance(path string, o options, from source, goVersion string, sums []checksum) error {
	repository := "git+https://" + modulePath
	s := statement{
		Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1",
		Predicate: provenance{
			BuildDefinition: buildDefinition{
				BuildType: buildType,
				ExternalParameters: map[string]any{
					"source": repository, "version": from.version, "image": o.name, "url": o.url, "arch": o.archs, "platforms": o.platforms,
				},
			},
			RunDetails: runDetails{Builder: builder{ID: o.builder, Version: map[string]string{"go": strings.TrimPrefix(goVersion, "go")}}},
		},
	}
	if from.changes == "" {
		s.Predicate.BuildDefinition.ResolvedDependencies = []resource{
			{URI: repository + "@" + from.commit, Digest: map[string]string{"gitCommit": from.commit}},
		}
	}
	for _, one := range sums {
		s.Subject = append(s.Subject, resource{Name: one.name, Digest: map[string]string{"sha256": one.sha256}})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return fmt.Errorf("write the provenance: %w", err)
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
