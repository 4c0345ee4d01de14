package assets

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnOwnFolderIsUsedAsItIs(t *testing.T) {
	tests := map[string]struct {
		programs []string
		missing  string
	}{
		"all programs":                     {[]string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}, ""},
		"kubectl is not needed":            {[]string{"etcd", "kube-apiserver", "kube-controller-manager"}, ""},
		"setup-envtest's set is too small": {[]string{"etcd", "kube-apiserver", "kubectl"}, "has no kube-controller-manager;"},
		"an empty folder":                  {nil, "has no etcd, kube-apiserver, kube-controller-manager;"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, program := range test.programs {
				if err := os.WriteFile(filepath.Join(dir, program), nil, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv(DirEnv, dir)
			got, err := Ensure(t.Context(), &bytes.Buffer{})
			if got != dir {
				t.Errorf("got folder %s, want %s", got, dir)
			}
			switch {
			case test.missing == "" && err != nil:
				t.Errorf("got %v", err)
			case test.missing != "" && (err == nil || !strings.Contains(err.Error(), test.missing)):
				t.Errorf("got %v, want %q in it", err, test.missing)
			}
		})
	}
}

func TestVersionAndStampFollowTheModuleFiles(t *testing.T) {
	write := func(kubernetes, sum string) (version, stamp string) {
		t.Helper()
		dir := t.TempDir()
		mod := "module m\n\nrequire k8s.io/kubernetes " + kubernetes + "\n"
		for name, text := range map[string]string{"go.mod": mod, "go.sum": sum} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := inspect(dir, controlPlane.module)
		if err != nil {
			t.Fatal(err)
		}
		return got.version, got.stamp
	}
	version, stamp := write("v1.37.2", "a")
	if version != "v1.37.2" {
		t.Errorf("got version %s", version)
	}
	if _, same := write("v1.37.2", "a"); same != stamp {
		t.Error("the same files have another stamp, so the programs would be built again")
	}
	if _, other := write("v1.37.2", "b"); other == stamp {
		t.Error("another go.sum has the same stamp, so old programs would be used")
	}
}

func TestTheLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var log bytes.Buffer
	unlock, err := lock(t.Context(), path, &log)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(over, path, &log); !errors.Is(err, context.Canceled) {
		t.Errorf("a held lock was given again: %v", err)
	}
	if !strings.Contains(log.String(), "another process") {
		t.Errorf("the wait was not explained: %q", log.String())
	}
	unlock()
	again, err := lock(t.Context(), path, &log)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestLdflagsGiveTheVersion(t *testing.T) {
	flags := controlPlane.ldflags("v1.37.2")
	for _, want := range []string{"version.gitVersion=v1.37.2", "version.gitMajor=1 ", "version.gitMinor=37 "} {
		if !strings.Contains(flags+" ", want) {
			t.Errorf("%q is missing in %q", want, flags)
		}
	}
}
