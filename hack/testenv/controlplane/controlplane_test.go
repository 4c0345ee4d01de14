package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

func TestARestartFindsDataAndAcceptsTheOldKubeconfig(t *testing.T) {
	binaries, err := assets.Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	opts := Options{Binaries: binaries, Dir: dir, Durable: true}
	// The kubeconfig names the port, so the second start needs the same one.
	if err := fillPorts(t.Context(), &opts.APIPort); err != nil {
		t.Fatal(err)
	}
	first := start(t, opts)
	if err := first.WriteKubeconfig(kubeconfig, "default", "alice", adminGroup); err != nil {
		t.Fatal(err)
	}
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"}}
	if err := newClient(t, kubeconfig).Create(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	start(t, opts)
	if err := newClient(t, kubeconfig).Get(t.Context(), client.ObjectKeyFromObject(kept), kept); err != nil {
		t.Fatal(err)
	}
}

func TestAStartThatFailsSaysWhyAndLeavesNothingRunning(t *testing.T) {
	binaries := t.TempDir()
	script := "#!/bin/sh\necho no space left >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(binaries, "etcd"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cp, err := Start(t.Context(), Options{Binaries: binaries, Dir: t.TempDir()})
	if err == nil {
		t.Fatalf("started %v", cp)
	}
	for _, want := range []string{"etcd ended unexpectedly", "no space left"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %q", want, err)
		}
	}
}

func start(t *testing.T, opts Options) *ControlPlane {
	t.Helper()
	cp, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cp
}

func newClient(t *testing.T, kubeconfig string) client.Client {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
