package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestPlugin builds the plugin for this machine, and has krew look at the manifest.
func TestPlugin(t *testing.T) {
	out := t.TempDir()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if err := command(t.Context(), []string{"-root", root, "-out", out, "-plugin", "-platforms", platform, "-url", "https://example.com/{version}"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	from, err := readSource(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	name := "kubectl-scim_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
	path := filepath.Join(out, pluginName+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	manifest := krewManifest{}
	if err := yaml.UnmarshalStrict(text, &manifest); err != nil {
		t.Fatal(err)
	}
	packed := sum(t, filepath.Join(out, name))
	if diff := cmp.Diff([]krewPlatform{{
		Selector: krewSelector{MatchLabels: map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH}},
		URI:      "https://example.com/" + from.version + "/" + name, SHA256: hex.EncodeToString(packed[:]), Bin: "kubectl-scim",
	}}, manifest.Spec.Platforms); diff != "" {
		t.Error(diff)
	}
	t.Run("is a manifest that krew takes", func(t *testing.T) {
		output, err := exec.CommandContext(t.Context(), "go", "tool", "-C", "../tools/krew", "validate-krew-manifest", "-skip-install", "-manifest", path).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
	t.Run("is an archive with the program and its license", func(t *testing.T) {
		folder := unpack(t, filepath.Join(out, name))
		output, err := exec.CommandContext(t.Context(), filepath.Join(folder, "kubectl-scim"), "version").CombinedOutput()
		if err != nil || !strings.Contains(string(output), from.commit) {
			t.Errorf("version says %q (%v), which does not name commit %s", output, err, from.commit)
		}
		if _, err := os.Stat(filepath.Join(folder, "LICENSE")); err != nil {
			t.Error(err)
		}
	})
}

func TestPluginNeedsAnAddress(t *testing.T) {
	if err := command(t.Context(), []string{"-root", root, "-out", t.TempDir(), "-plugin"}, io.Discard); err == nil || !strings.Contains(err.Error(), "-url") {
		t.Errorf("without -url it says %v", err)
	}
}

// unpack unpacks a compressed archive of files into a folder.
func unpack(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return folder
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, header.Name), data, header.FileInfo().Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}
