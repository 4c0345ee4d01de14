package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What the Dockerfile says, too; a test compares them.
const (
	binaryPath = "/manager"
	user       = "65532:65532"
)

// newIndex is the multi-architecture image.
func newIndex(binaries []binary) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range binaries {
		image, err := newImage(b)
		if err != nil {
			return nil, fmt.Errorf("make the image for %s: %w", b.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: b.arch}},
		})
	}
	annotated, ok := mutate.Annotations(index, labels(binaries[0])).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("annotate the index: %T is no index", index)
	}
	return annotated, nil
}

func newImage(b binary) (v1.Image, error) {
	layer, err := newLayer(b)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: b.committed}
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "hack/image"}})
	if err != nil {
		return nil, fmt.Errorf("add the layer: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the configuration with the ids of the layers: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", b.arch, created
	file.Config = v1.Config{User: user, Entrypoint: []string{binaryPath}, WorkingDir: "/", Labels: labels(b)}
	return mutate.ConfigFile(image, file)
}

// labels are those of the OCI image specification.
func labels(b binary) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "scim-operator",
		"org.opencontainers.image.description": "SCIM 2.0 server and controllers that keep users and groups as Kubernetes resources",
		"org.opencontainers.image.version":     b.version,
		"org.opencontainers.image.revision":    b.commit,
		"org.opencontainers.image.created":     b.committed.UTC().Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
}

// newLayer holds the binary and nothing else: the operator opens no file of the image, needs no shell, and verifies no
// certificate but the API server's, whose authority is mounted into the pod.
func newLayer(b binary) (v1.Layer, error) {
	program, err := os.ReadFile(b.path)
	if err != nil {
		return nil, fmt.Errorf("read the operator: %w", err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: binaryPath[1:], Size: int64(len(program)), Mode: 0o555, ModTime: b.committed.UTC(), Format: tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	if _, err := w.Write(program); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
