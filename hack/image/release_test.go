package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"
)

const repository = "registry.example.com/scim-operator"

// made is a release of the tests.
type made struct {
	folder string
	source source
	names  names
}

func (m made) file(name string) string { return filepath.Join(m.folder, name) }

func (m made) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(m.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// chart is the name of the packaged chart.
func (m made) chart() string { return "scim-operator-" + m.names.number + ".tgz" }

// makeRelease makes one of the working tree as it is, of one architecture and one platform, whose bytes depend on nothing
// but what those of the others depend on, too.
func makeRelease(t *testing.T) made {
	t.Helper()
	out := t.TempDir()
	if err := command(t.Context(), []string{
		"-root", root, "-out", out, "-release", "-dirty", "-name", repository, "-url", "https://example.com/{version}",
		"-arch", "amd64", "-platforms", "linux/amd64", "-builder", "https://ci.example.com",
	}, io.Discard); err != nil {
		t.Fatal(err)
	}
	from, err := readSource(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	names, err := newNames(options{root: root, name: repository}, from)
	if err != nil {
		t.Fatal(err)
	}
	return made{filepath.Join(out, from.version), from, names}
}

func TestRelease(t *testing.T) {
	m := makeRelease(t)
	files := []string{
		chartLayout, checksums, imageArchive, imageBill, installation, "kubectl-scim_linux_amd64.cdx.json", "kubectl-scim_linux_amd64.tar.gz",
		m.chart(), pluginManifest, provenanceFile, defaultRules,
	}
	slices.Sort(files)
	t.Run("has all files and no others", func(t *testing.T) {
		if diff := cmp.Diff(files, named(t, m.folder)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("is the same byte for byte when it is made again elsewhere", func(t *testing.T) {
		elsewhere(t)
		again := makeRelease(t)
		for _, name := range files {
			if sum(t, m.file(name)) != sum(t, again.file(name)) {
				t.Errorf("%s differs", name)
			}
			mode(t, again.file(name), 0o644)
		}
		mode(t, again.folder, fs.ModeDir|0o755)
	})
	t.Run("has the checksum of every other file", func(t *testing.T) {
		check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", checksums)
		check.Dir = m.folder
		output, err := check.CombinedOutput()
		if err != nil || strings.Count(string(output), ": OK\n") != len(files)-1 {
			t.Errorf("%v\n%s", err, output)
		}
	})
	t.Run("tells where every file comes from", func(t *testing.T) { checkProvenance(t, m) })
	t.Run("has a chart of its version that Helm takes", func(t *testing.T) { checkChart(t, m) })
	t.Run("has the same chart as it is in a registry", func(t *testing.T) { checkChartLayout(t, m) })
	t.Run("installs the image that is in it", func(t *testing.T) { checkInstallation(t, m) })
}

// elsewhere gives a test another user's settings, of which the bytes must not depend.
func elsewhere(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "env"), "GOFLAGS=-tags=elsewhere\n")
	write(t, filepath.Join(folder, "go.work"), "go 1.26\n")
	t.Setenv("GOENV", filepath.Join(folder, "env"))
	t.Setenv("GOWORK", filepath.Join(folder, "go.work"))
	t.Setenv("TZ", "Asia/Kathmandu")
	mask := syscall.Umask(0o077)
	t.Cleanup(func() { syscall.Umask(mask) })
}

// mode checks that of a file or a folder.
func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s is %s, not %s", filepath.Base(path), info.Mode(), want)
	}
}

func TestWhatAReleaseNeeds(t *testing.T) {
	for _, test := range []struct {
		flags []string
		says  string
	}{
		{nil, "-url"},
		{[]string{"-url", "https://example.com", "-dirty", "-name", repository + ":1"}, "without a tag"},
		{[]string{"-url", "https://example.com", "-dirty", "-name", "registry.example.com/a\"b"}, "without a tag"},
	} {
		err := command(t.Context(), append([]string{"-root", root, "-out", t.TempDir(), "-release"}, test.flags...), io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("with %v it says %v", test.flags, err)
		}
	}
}

func named(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func checkProvenance(t *testing.T, m made) {
	t.Helper()
	var says intoto.Statement
	if err := protojson.Unmarshal(m.read(t, provenanceFile), &says); err != nil {
		t.Fatal(err)
	}
	if err := says.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := protojson.Marshal(says.GetPredicate())
	if err != nil {
		t.Fatal(err)
	}
	var how slsa.Provenance
	if err := protojson.Unmarshal(predicate, &how); err != nil {
		t.Fatal(err)
	}
	if err := how.Validate(); err != nil {
		t.Error(err)
	}
	var commits, want []string
	for _, dependency := range how.GetBuildDefinition().GetResolvedDependencies() {
		commits = append(commits, dependency.GetDigest()["gitCommit"])
	}
	if m.source.changes == "" {
		want = []string{m.source.commit}
	}
	if diff := cmp.Diff(want, commits); diff != "" {
		t.Error(diff)
	}
	if got := how.GetRunDetails().GetBuilder().GetId(); got != "https://ci.example.com" {
		t.Errorf("made by %s", got)
	}
	files, subjects := map[string]string{}, map[string]string{}
	for _, name := range named(t, m.folder) {
		if name != provenanceFile && name != checksums {
			files[name] = fmt.Sprintf("%x", sum(t, m.file(name)))
		}
	}
	for _, subject := range says.GetSubject() {
		subjects[subject.GetName()] = subject.GetDigest()["sha256"]
	}
	if diff := cmp.Diff(files, subjects); diff != "" {
		t.Error(diff)
	}
}

// helm runs the real Helm, which a module of its own pins.
func helm(t *testing.T, arguments ...string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), "go", append([]string{"tool", "-C", "../neighbours/pins/helm", "helm"}, arguments...)...)
	home := t.TempDir()
	run.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var problems bytes.Buffer
	run.Stderr = &problems
	output, err := run.Output()
	if err != nil {
		t.Fatalf("helm %v: %v\n%s%s", arguments, err, output, &problems)
	}
	return string(output)
}

func checkChart(t *testing.T, m made) {
	t.Helper()
	helm(t, "lint", "--strict", m.file(m.chart()))
	var about struct {
		Version    string `json:"version"`
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal([]byte(helm(t, "show", "chart", m.file(m.chart()))), &about); err != nil {
		t.Fatal(err)
	}
	if about.Version != m.names.number || about.AppVersion != m.names.tag {
		t.Errorf("%+v, not %+v", about, m.names)
	}
	// The pods of the Deployment and of `helm test`.
	for set, image := range map[string]string{
		"":                      repository + ":" + m.names.tag + "@" + imageIn(t, m).Digest.String(),
		"image.repository=copy": "copy:" + m.names.tag + "@" + imageIn(t, m).Digest.String(),
		"image.tag=mine":        repository + ":mine",
	} {
		templates := helm(t, "template", "scim-operator", m.file(m.chart()), "--set", set)
		if strings.Count(templates, "image: \""+image+"\"\n") != 2 {
			t.Errorf("with %q not in twice: %s", set, image)
		}
	}
	folder := extract(t, m.file(m.chart()))
	if err := fs.WalkDir(os.DirFS(filepath.Join(root, "config", "helm")), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == "Chart.yaml" || path == "values.yaml" {
			return err
		}
		if sum(t, filepath.Join(folder, "scim-operator", path)) != sum(t, filepath.Join(root, "config", "helm", path)) {
			t.Errorf("%s differs", path)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// extract unpacks an archive into a folder.
func extract(t *testing.T, archive string) string {
	t.Helper()
	folder := t.TempDir()
	if output, err := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return folder
}

func checkChartLayout(t *testing.T, m made) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(extract(t, m.file(chartLayout)))
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := index.Image(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	defer server.Close()
	// As a registry has no "+", Helm makes it "_".
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/charts/scim-operator:" + m.names.tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, packed, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	helm(t, "pull", "oci://"+tag.RegistryStr()+"/charts/scim-operator", "--version", m.names.number, "--plain-http", "--destination", to)
	if sum(t, filepath.Join(to, m.chart())) != sum(t, m.file(m.chart())) {
		t.Error("Helm gets another chart from the registry than the packaged one")
	}
}

func checkInstallation(t *testing.T, m made) {
	t.Helper()
	list := imageIn(t, m)
	if list.Annotations["io.containerd.image.name"] != repository+":"+m.names.tag {
		t.Errorf("the archive names the image %v", list.Annotations)
	}
	kinds := map[string]int{}
	for document := range strings.SplitSeq(string(m.read(t, installation)), "\n---\n") {
		var object struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		kinds[object.Kind]++
		if want := "image: " + repository + ":" + m.names.tag + "@" + list.Digest.String() + "\n"; object.Kind == "Deployment" && !strings.Contains(document, want) {
			t.Errorf("no %s in\n%s", want, document)
		}
	}
	definitions, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if kinds["CustomResourceDefinition"] != len(definitions) || kinds["Deployment"] != 1 || kinds["Namespace"] != 1 {
		t.Errorf("%v, and there are %d definitions", kinds, len(definitions))
	}
	rules := string(m.read(t, defaultRules))
	if strings.Count("\n"+rules, "\nkind: ") != strings.Count("\n"+rules, "\nkind: AutomationRule\n") {
		t.Errorf("not only rules:\n%s", rules)
	}
}

// imageIn describes the image in the archive.
func imageIn(t *testing.T, m made) v1.Descriptor {
	t.Helper()
	index, err := layout.ImageIndexFromPath(extract(t, m.file(imageArchive)))
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return list.Manifests[0]
}
