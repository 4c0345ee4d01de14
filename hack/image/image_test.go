package main

import (
	"archive/tar"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const root = "../.."

// TestImage builds twice, for all architectures, from the working tree as it is.
func TestImage(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, out := range []string{first, second} {
		if err := command(t.Context(), []string{"-root", root, "-out", out}, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	index := readArchive(t, filepath.Join(first, "scim-operator.tar"))
	t.Run("is the same byte for byte when it is built again elsewhere", func(t *testing.T) {
		for _, name := range []string{"scim-operator.tar", "scim-operator.cdx.json"} {
			if diff := cmp.Diff(sum(t, filepath.Join(first, name)), sum(t, filepath.Join(second, name))); diff != "" {
				t.Errorf("%s differs", name)
			}
		}
	})
	t.Run("is a valid index with an image for each architecture", func(t *testing.T) {
		if err := validate.Index(index); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"amd64", "arm64"}, architectures(t, index)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("has the program and nothing else, and does not run as root", func(t *testing.T) {
		for _, image := range images(t, index) {
			checkImage(t, image)
		}
	})
	t.Run("runs and says from which commit it is", func(t *testing.T) {
		output, err := exec.CommandContext(t.Context(), filepath.Join(first, "manager-linux-amd64"), "--version").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		head, err := exec.CommandContext(t.Context(), "git", "-C", root, "rev-parse", "HEAD").Output()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(output), strings.TrimSpace(string(head))) {
			t.Errorf("--version says %q, which does not name the commit %s", output, head)
		}
	})
	t.Run("is made of the same modules on every architecture, so that one bill of materials is true of all", func(t *testing.T) {
		if diff := cmp.Diff(modules(t, filepath.Join(first, "manager-linux-amd64")), modules(t, filepath.Join(first, "manager-linux-arm64"))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("comes with a bill of materials", func(t *testing.T) { checkBill(t, filepath.Join(first, "scim-operator.cdx.json")) })
	t.Run("is pushed whole to a registry", func(t *testing.T) { checkPush(t, index) })
}

// readArchive unpacks an archive and returns the index in it.
func readArchive(t *testing.T, path string) v1.ImageIndex {
	t.Helper()
	folder := t.TempDir()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(folder, header.Name)
		if header.Typeflag == tar.TypeDir {
			if err := os.Mkdir(target, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := deploymentImage(filepath.Join(root, "config", "manager", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := manifest.Manifests[0].Annotations["io.containerd.image.name"]; got != want {
		t.Errorf("the archive names the image %q, the Deployment %q", got, want)
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func architectures(t *testing.T, index v1.ImageIndex) []string {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var archs []string
	for _, descriptor := range manifest.Manifests {
		archs = append(archs, descriptor.Platform.Architecture)
	}
	return archs
}

func images(t *testing.T, index v1.ImageIndex) []v1.Image {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []v1.Image
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, image)
	}
	return found
}

func checkImage(t *testing.T, image v1.Image) {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.Config.User != "65532:65532" || !cmp.Equal(file.Config.Entrypoint, []string{"/manager"}) {
		t.Errorf("user %q, entry point %q", file.Config.User, file.Config.Entrypoint)
	}
	if file.Config.Labels["org.opencontainers.image.revision"] == "" || file.Created.Before(time.Unix(1, 0)) {
		t.Errorf("labels %v, created %s", file.Config.Labels, file.Created)
	}
	contents := mutate.Extract(image)
	defer contents.Close()
	var names []string
	for archive := tar.NewReader(contents); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if header.Mode != 0o555 || header.Uid != 0 {
			t.Errorf("%s has mode %o and owner %d: the operator could overwrite itself", header.Name, header.Mode, header.Uid)
		}
	}
	if diff := cmp.Diff([]string{"manager"}, names); diff != "" {
		t.Error(diff)
	}
}

func checkBill(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var bill cdx.BOM
	if err := json.Unmarshal(data, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.BOMFormat != "CycloneDX" || bill.SpecVersion != cdx.SpecVersion1_6 {
		t.Errorf("format %s %v", bill.BOMFormat, bill.SpecVersion)
	}
	required, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, c := range *bill.Components {
		if c.Name == "sigs.k8s.io/controller-runtime" {
			seen = true
			if !strings.Contains(string(required), c.Name+" "+c.Version) {
				t.Errorf("%s is %s here and not in go.mod", c.Name, c.Version)
			}
		}
		if c.Licenses == nil || len(*c.Licenses) == 0 || c.Version == "" || (c.Name != "std" && c.Hashes == nil) {
			t.Errorf("incomplete: %+v", c)
		}
	}
	if !seen {
		t.Error("controller-runtime is missing")
	}
}

func checkPush(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	server := httptest.NewServer(registry.New())
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/scim-operator:test"
	if err := push(t.Context(), reference, index, io.Discard); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Index(tag, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := pushed.Digest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the registry has %s, not %s", got, want)
	}
}

func modules(t *testing.T, path string) []string {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dep := range info.Deps {
		found = append(found, dep.Path+" "+dep.Version)
	}
	return found
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// TestDockerfile holds the other way to build the image to the same result.
func TestDockerfile(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)
	if version == nil {
		t.Fatal("go.mod names no version of Go")
	}
	for _, line := range []string{
		"ARG GO_IMAGE=golang:" + string(version[1]), "FROM ${GO_IMAGE} AS build",
		"FROM scratch", "USER " + user, "ENTRYPOINT [\"" + binaryPath + "\"]", "COPY --from=build /manager " + binaryPath,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `$`).Match(data) {
			t.Errorf("the Dockerfile has no line %q", line)
		}
	}
	if images := regexp.MustCompile(`(?m)^FROM `).FindAll(data, -1); len(images) != 2 {
		t.Errorf("the Dockerfile is made from %d images; pin each by a build argument", len(images))
	}
	t.Run("copies all that the program is built from", func(t *testing.T) { buildCopied(t, data) })
}

// buildCopied builds the program from what the Dockerfile copies, and from nothing else.
func buildCopied(t *testing.T, dockerfile []byte) {
	t.Helper()
	ignored, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, line := range regexp.MustCompile(`(?m)^COPY ([^-\n].*) \S+$`).FindAllSubmatch(dockerfile, -1) {
		for pattern := range strings.FieldsSeq(string(line[1])) {
			if !slices.Contains(strings.Split(string(ignored), "\n"), "!"+pattern) {
				t.Errorf(".dockerignore leaves %s out", pattern)
			}
			copyMatches(t, pattern, folder)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(t.TempDir(), "manager"), ".")
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("building what the Dockerfile copies: %v: %s", err, output)
	}
}

func copyMatches(t *testing.T, pattern, folder string) {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(matches) == 0 {
		t.Fatalf("%s: %d matches, error %v", pattern, len(matches), err)
	}
	for _, match := range matches {
		to := filepath.Join(folder, filepath.Base(match))
		info, err := os.Stat(match)
		if err == nil && info.IsDir() {
			err = os.CopyFS(to, os.DirFS(match))
		} else if err == nil {
			var data []byte
			if data, err = os.ReadFile(match); err == nil {
				err = os.WriteFile(to, data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTimeZonesAreInTheProgram: rules name them, and there are no files of them in the image.
func TestTimeZonesAreInTheProgram(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir = root
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(packages), "\n"), "time/tzdata") {
		t.Error("the program has no time zones")
	}
}
