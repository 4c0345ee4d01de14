package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Files of a release beside the image, its bill of materials, the plugin's archives and their manifest.
const (
	chartLayout    = "scim-operator-chart.tar"
	installation   = "install.yaml"
	defaultRules   = "rules.yaml"
	provenanceFile = "provenance.intoto.json"
	checksums      = "SHA256SUMS"
)

// names are what a release is called.
type names struct {
	// original is the image's repository in config, repository the one of the release.
	original, repository string
	// number is the version without v, and tag the same as a registry takes it, where it has no "+".
	number, tag string
}

// checksum is that of a file.
type checksum struct{ name, sha256 string }

// writeRelease makes everything that users get of a version, in a folder of that name.
func writeRelease(ctx context.Context, o options, out io.Writer) (err error) {
	if o.url == "" {
		return errors.New("-release needs -url, where its files will be, such as https://example.com/releases/{version}")
	}
	from, err := readSource(ctx, o.root)
	if err != nil {
		return err
	}
	if from.changes != "" && !o.dirty {
		return fmt.Errorf("files differ from the commit, so nobody could make this release again: commit them, or try it out with -dirty\n%s", from.changes)
	}
	r, err := newNames(o, from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	folder := filepath.Join(o.out, from.version)
	// In a folder of its own until it is complete, so that there never is a mixture of two.
	if o.out, err = os.MkdirTemp(o.out, "new-"); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.out)) }()
	o.name = r.repository
	if err := fillRelease(ctx, o, r, from); err != nil {
		return err
	}
	if err := errors.Join(open(o.out), os.RemoveAll(folder), os.Rename(o.out, folder)); err != nil {
		return fmt.Errorf("put the release where it belongs: %w", err)
	}
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute // this program runs in a folder of its own
	}
	fmt.Fprintf(out, "release  %s, commit %s\nimage    %s:%s\nfiles    %s\n", from.version, from.commit, r.repository, r.tag, folder)
	return nil
}

// open lets everybody read a folder and its files, whatever the umask of who makes them.
func open(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.Chmod(filepath.Join(folder, entry.Name()), 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(folder, 0o755)
}

func newNames(o options, from source) (names, error) {
	image, err := deploymentImage(filepath.Join(o.root, "config", "manager", "deployment.yaml"))
	if err != nil {
		return names{}, err
	}
	r := names{number: strings.TrimPrefix(from.version, "v"), repository: o.name}
	r.tag = strings.ReplaceAll(r.number, "+", "_")
	r.original, _, _ = strings.Cut(image, ":")
	if r.repository == "" {
		r.repository = r.original
	}
	if _, err := name.NewTag(r.repository + ":" + r.tag); err != nil {
		return names{}, fmt.Errorf("-name has to be an image's repository without a tag, which is the version: %w", err)
	}
	return r, nil
}

// fillRelease writes all files, and leaves nothing else.
func fillRelease(ctx context.Context, o options, r names, from source) error {
	o.name = r.repository + ":" + r.tag
	index, binaries, err := makeImage(ctx, o, from)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("compute the image's digest: %w", err)
	}
	plugins, err := makePlugin(ctx, o, from)
	if err != nil {
		return err
	}
	for _, plugin := range plugins { // each platform has modules of its own
		if err := writeBill(ctx, plugin.path+".cdx.json", o.root, plugin); err != nil {
			return err
		}
	}
	for _, b := range append(binaries, plugins...) {
		if err := os.Remove(b.path); err != nil {
			return fmt.Errorf("delete what is in the archives: %w", err)
		}
	}
	chart, err := packChart(o.root, r, digest.String(), from.committed)
	if err != nil {
		return fmt.Errorf("pack the chart: %w", err)
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(o.out, "scim-operator-"+r.number+".tgz"), chart.archive, 0o644),
		chart.writeLayout(filepath.Join(o.out, chartLayout), r, from.committed),
	); err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	pinned := kustomize.Image{Name: r.original, NewName: r.repository, NewTag: r.tag, Digest: digest.String()}
	if err := writeManifests(filepath.Join(o.out, installation), filepath.Join(o.root, "config", "default"), pinned); err != nil {
		return err
	}
	if err := writeManifests(filepath.Join(o.out, defaultRules), filepath.Join(o.root, "config", "rules"), pinned); err != nil {
		return err
	}
	return vouch(o, from, binaries[0].info.GoVersion)
}

// writeManifests writes what kustomize makes of a folder with the image of the release.
func writeManifests(file, folder string, image kustomize.Image) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Base(file), err)
		}
	}()
	work, err := os.MkdirTemp(filepath.Dir(file), "kustomization-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	base, err := between(work, folder)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(map[string]any{"resources": []string{base}, "images": []kustomize.Image{image}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "kustomization.yaml"), text, 0o600); err != nil {
		return err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), work)
	if err != nil {
		return err
	}
	if text, err = built.AsYaml(); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// between is the way from one folder to another: kustomize takes no absolute path, and follows links before it goes it.
func between(from, to string) (string, error) {
	for _, folder := range []*string{&from, &to} {
		absolute, err := filepath.Abs(*folder)
		if err != nil {
			return "", err
		}
		if *folder, err = filepath.EvalSymlinks(absolute); err != nil {
			return "", err
		}
	}
	return filepath.Rel(from, to)
}

// vouch writes the provenance of all files that are there, and the checksums of these and of the provenance.
func vouch(o options, from source, goVersion string) error {
	sums, err := sumsOf(o.out)
	if err != nil {
		return err
	}
	if err := writeProvenance(filepath.Join(o.out, provenanceFile), o, from, goVersion, sums); err != nil {
		return err
	}
	sum, err := sumOf(filepath.Join(o.out, provenanceFile))
	if err != nil {
		return err
	}
	sums = append(sums, checksum{provenanceFile, sum})
	slices.SortFunc(sums, func(a, b checksum) int { return strings.Compare(a.name, b.name) })
	var lines strings.Builder
	for _, one := range sums {
		fmt.Fprintf(&lines, "%s  %s\n", one.sha256, one.name)
	}
	return os.WriteFile(filepath.Join(o.out, checksums), []byte(lines.String()), 0o644)
}

// sumsOf computes the checksums of all files of a folder.
func sumsOf(folder string) ([]checksum, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("compute the checksums: %w", err)
	}
	var sums []checksum
	for _, entry := range entries {
		sum, err := sumOf(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		sums = append(sums, checksum{entry.Name(), sum})
	}
	return sums, nil
}

// sumOf computes the SHA-256 of a file, in hexadecimal digits.
func sumOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("compute a checksum: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
