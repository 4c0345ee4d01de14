package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// pluginName is what krew calls the plugin: kubectl <name>.
const pluginName = "scim"

// pluginManifest is the file by which krew installs it.
const pluginManifest = pluginName + ".yaml"

// krewManifest is a plugin for krew (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest).
type krewManifest struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Metadata   krewMetadata `json:"metadata"`
	Spec       krewSpec     `json:"spec"`
}

type krewMetadata struct {
	Name string `json:"name"`
}

type krewSpec struct {
	Version          string         `json:"version"`
	ShortDescription string         `json:"shortDescription"`
	Description      string         `json:"description"`
	Caveats          string         `json:"caveats"`
	Platforms        []krewPlatform `json:"platforms"`
}

type krewPlatform struct {
	Selector krewSelector `json:"selector"`
	URI      string       `json:"uri"`
	SHA256   string       `json:"sha256"`
	Bin      string       `json:"bin"`
}

type krewSelector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

// writePlugin makes an archive of the plugin for each platform, and the manifest by which krew installs it from url, where the archives
// of a version are to be put.
func writePlugin(ctx context.Context, o options, out io.Writer) error {
	if o.url == "" {
		return errors.New("-plugin needs -url, where the archives will be, such as https://example.com/releases/{version}")
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	from, err := readSource(ctx, o.root)
	if err != nil {
		return err
	}
	if _, err := makePlugin(ctx, o, from); err != nil {
		return err
	}
	fmt.Fprintf(out, "plugin   version %s for %s\nmanifest %s\n", from.version, strings.Join(o.platforms, ", "), filepath.Join(o.out, pluginManifest))
	return nil
}

// makePlugin compiles the plugin for each platform, and writes its archives and their manifest.
func makePlugin(ctx context.Context, o options, from source) ([]binary, error) {
	manifest := newManifest(from.version)
	var binaries []binary
	for _, platform := range o.platforms {
		system, arch, found := strings.Cut(platform, "/")
		if !found {
			return nil, fmt.Errorf("-platforms has %q, which is not of the form linux/amd64", platform)
		}
		built, one, err := pluginFor(ctx, o, from, system, arch)
		if err != nil {
			return nil, err
		}
		binaries = append(binaries, built)
		manifest.Spec.Platforms = append(manifest.Spec.Platforms, one)
	}
	text, err := yaml.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("write the manifest for krew: %w", err)
	}
	if err := os.WriteFile(filepath.Join(o.out, pluginManifest), text, 0o644); err != nil {
		return nil, fmt.Errorf("write the manifest for krew: %w", err)
	}
	return binaries, nil
}

func newManifest(version string) krewManifest {
	return krewManifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin", Metadata: krewMetadata{Name: pluginName},
		Spec: krewSpec{
			Version: version, ShortDescription: "See what SCIM provisioning did to a user, and why",
			Description: "Tells what happened to users and groups that a SCIM client has pushed to the scim-operator:\n" +
				"what is wrong and the commands that mend it, what each rule made of somebody, who set which field.\n",
			Caveats: "Completion with Tab needs a link beside kubectl-scim in krew's bin:\n" +
				"  ln -s kubectl-scim \"${KREW_ROOT:-$HOME/.krew}/bin/kubectl_complete-scim\"\n",
		},
	}
}

// pluginFor builds the plugin for a platform and puts it into an archive.
func pluginFor(ctx context.Context, o options, from source, system, arch string) (binary, krewPlatform, error) {
	program := "kubectl-" + pluginName
	if system == "windows" {
		program += ".exe"
	}
	name := fmt.Sprintf("kubectl-%s_%s_%s", pluginName, system, arch)
	built, err := compile(ctx, o.root, from, filepath.Join(o.out, name), system, arch)
	if err != nil {
		return binary{}, krewPlatform{}, err
	}
	archive := filepath.Join(o.out, name+".tar.gz")
	if err := packPlugin(archive, from.committed, map[string]string{program: built.path, "LICENSE": filepath.Join(o.root, "LICENSE")}, []string{"LICENSE", program}); err != nil {
		return binary{}, krewPlatform{}, fmt.Errorf("pack the plugin for %s/%s: %w", system, arch, err)
	}
	sum, err := sumOf(archive)
	if err != nil {
		return binary{}, krewPlatform{}, err
	}
	return built, krewPlatform{
		Selector: krewSelector{MatchLabels: map[string]string{"os": system, "arch": arch}},
		URI:      strings.ReplaceAll(o.url, "{version}", from.version) + "/" + filepath.Base(archive),
		SHA256:   sum, Bin: program,
	}, nil
}

// packPlugin writes files to an archive. All times are the commit's, so that the same commit gives the same bytes.
func packPlugin(path string, committed time.Time, files map[string]string, order []string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	compressed := gzip.NewWriter(file)
	archive := tar.NewWriter(compressed)
	for _, name := range order {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if name != "LICENSE" {
			mode = 0o755
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: committed, Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}
