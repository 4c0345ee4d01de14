package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/yaml"
)

// By these Helm knows a chart in a registry.
const (
	chartAbout   types.MediaType = "application/vnd.cncf.helm.config.v1+json"
	chartContent types.MediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// chart is the Helm chart as a file, and what it says about itself.
type chart struct {
	about   map[string]any
	archive []byte
}

// imageDigest is the annotation of a release's chart with the digest of its image, for the chart's helper of that name.
const imageDigest = "provisioning.rservice.dev/image-digest"

// packChart packs config/helm as `helm package` does, with the version of the release and its image as the default.
func packChart(root string, r names, digest string, committed time.Time) (packed chart, err error) {
	work, err := os.MkdirTemp("", "chart-")
	if err != nil {
		return chart{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	folder := filepath.Join(work, "scim-operator") // as Chart.yaml names it
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root, "config", "helm"))); err != nil {
		return chart{}, err
	}
	if packed.about, err = editAbout(filepath.Join(folder, "Chart.yaml"), r, digest); err != nil {
		return chart{}, err
	}
	if err := editValues(filepath.Join(folder, "values.yaml"), r); err != nil {
		return chart{}, err
	}
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	if err := errors.Join(writeTar(compressed, os.DirFS(work), committed), compressed.Close()); err != nil {
		return chart{}, err
	}
	packed.archive = archive.Bytes()
	return packed, nil
}

// editAbout pins the image in an annotation and not in the values: with a digest there, a tag of the user's would be ignored, and
// `helm upgrade --reuse-values` would go on with the image of before.
func editAbout(path string, r names, digest string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var about map[string]any
	if err := yaml.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	about["version"], about["appVersion"], about["annotations"] = r.number, r.tag, map[string]string{imageDigest: digest}
	if text, err = yaml.Marshal(about); err != nil {
		return nil, err
	}
	return about, os.WriteFile(path, text, 0o644)
}

// editValues keeps the comments, which people read by `helm show values`.
func editValues(path string, r names) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	line := func(repository string) string { return "\n  repository: " + repository + "\n" }
	if strings.Count(string(text), line(r.original)) != 1 {
		return fmt.Errorf("%s has no line with repository: %s, or more than one", path, r.original)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), line(r.original), line(r.repository), 1)), 0o644)
}

// writeLayout writes the chart as it is in a registry: what `helm push` would put there.
func (c chart) writeLayout(path string, r names, committed time.Time) error {
	about, err := json.Marshal(c.about)
	if err != nil {
		return err
	}
	return writeLayout(path, committed, func(l layout.Path) error {
		config, err := writeBlob(l, chartAbout, about)
		if err != nil {
			return err
		}
		content, err := writeBlob(l, chartContent, c.archive)
		if err != nil {
			return err
		}
		manifest, err := json.Marshal(v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{content},
			Annotations: map[string]string{
				"org.opencontainers.image.title":       fmt.Sprint(c.about["name"]),
				"org.opencontainers.image.description": fmt.Sprint(c.about["description"]),
				"org.opencontainers.image.version":     r.number,
				"org.opencontainers.image.created":     committed.UTC().Format(time.RFC3339),
			},
		})
		if err != nil {
			return err
		}
		whole, err := writeBlob(l, types.OCIManifestSchema1, manifest)
		if err != nil {
			return err
		}
		whole.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.tag}
		return l.AppendDescriptor(whole)
	})
}

func writeBlob(l layout.Path, kind types.MediaType, data []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: kind, Size: size, Digest: digest}, l.WriteBlob(digest, io.NopCloser(bytes.NewReader(data)))
}
