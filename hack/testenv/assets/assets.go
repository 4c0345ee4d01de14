// Package assets builds the control plane that the tests and the dev runner start: etcd, kube-apiserver,
// kube-controller-manager and kubectl, from the sources pinned in hack/controlplane/go.mod.
package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/modfile"
)

// DirEnv names the environment variable that replaces the built binaries by a folder of one's own.
const DirEnv = "KUBEBUILDER_ASSETS"

const (
	kubernetesModule = "k8s.io/kubernetes"
	mainModule       = "rservice.dev/scim-operator"
	// stampFile holds the digest of the go.mod and go.sum that the binaries beside it were built from.
	stampFile = "built-from"
)

// binary is one program of the control plane.
type binary struct {
	name string
	pkg  string
	cold time.Duration // measured on two cores with empty caches
}

var binaries = []binary{
	{"etcd", "go.etcd.io/etcd/server/v3", 80 * time.Second},
	{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 4 * time.Minute},
	{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 100 * time.Second},
	{"kubectl", "k8s.io/kubernetes/cmd/kubectl", time.Minute},
}

// Ensure returns the folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl, and builds them into
// bin/controlplane/<Kubernetes version> of the repository when they are missing or were built from other versions. It
// reports progress to log. Processes that call it at the same time wait for one of them to build.
//
// With KUBEBUILDER_ASSETS set it builds nothing and returns that folder, or an error when a program is missing there.
func Ensure(ctx context.Context, log io.Writer) (string, error) {
	if dir := os.Getenv(DirEnv); dir != "" {
		return dir, checkOwn(dir)
	}
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, "hack", "controlplane")
	version, stamp, err := inspect(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "controlplane", version)
	if isBuilt(dir, stamp) {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the control plane's folder: %w", err)
	}
	unlock, err := lock(ctx, dir+".lock", log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isBuilt(dir, stamp) { // by the process that held the lock
		return dir, nil
	}
	return dir, build(ctx, source, dir, version, stamp, log)
}

// RepositoryRoot returns the folder of the main module's go.mod, looked for from the working directory upwards.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(data) == mainModule {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("finding the repository: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod of module %s here or above: run this inside the repository", mainModule)
		}
		dir = parent
	}
}

// checkOwn says which programs a folder named by KUBEBUILDER_ASSETS lacks. kubectl is only for people, so it may be missing.
func checkOwn(dir string) error {
	var missing []string
	for _, b := range binaries {
		if _, err := os.Stat(filepath.Join(dir, b.name)); err != nil && b.name != "kubectl" {
			missing = append(missing, b.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s=%s has no %s; put it there (setup-envtest does not bring kube-controller-manager, which garbage "+
		"collection and namespace deletion need), or unset %s to have everything built from hack/controlplane",
		DirEnv, dir, strings.Join(missing, ", "), DirEnv)
}

// inspect returns the Kubernetes version that source requires, and a digest of all versions it pins.
func inspect(source string) (version, stamp string, err error) {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", "", fmt.Errorf("reading the control plane's versions: %w", err)
	}
	sum, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return "", "", fmt.Errorf("reading the control plane's versions: %w", err)
	}
	file, err := modfile.Parse("hack/controlplane/go.mod", mod, nil)
	if err != nil {
		return "", "", fmt.Errorf("reading the control plane's versions: %w", err)
	}
	for _, require := range file.Require {
		if require.Mod.Path == kubernetesModule {
			digest := sha256.Sum256(append(mod, sum...))
			return require.Mod.Version, hex.EncodeToString(digest[:]), nil
		}
	}
	return "", "", fmt.Errorf("hack/controlplane/go.mod does not require %s", kubernetesModule)
}

func isBuilt(dir, stamp string) bool {
	have, err := os.ReadFile(filepath.Join(dir, stampFile))
	return err == nil && string(have) == stamp
}

// lock takes an exclusive lock on path, which ends with the process at the latest.
func lock(ctx context.Context, path string, log io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the control plane's folder: %w", err)
	}
	release := func() { _ = file.Close() } // closing drops the lock
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return release, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			release()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if !told {
			fmt.Fprintln(log, "controlplane: another process is building it, waiting for that")
		}
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("waiting for the process that builds the control plane: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// build compiles every program under a temporary name and renames it, so that nobody ever runs half a file.
func build(ctx context.Context, source, dir, version, stamp string, log io.Writer) error {
	fmt.Fprintf(log, "controlplane: building Kubernetes %s from source, once: up to 10 minutes on two cores\n", version)
	start := time.Now()
	for i, b := range binaries {
		fmt.Fprintf(log, "controlplane: building %s (%d of %d, about %s with empty caches)\n", b.name, i+1, len(binaries), b.cold)
		began := time.Now()
		target := filepath.Join(dir, b.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags(version),
			"-o", target+".new", b.pkg)
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building %s in hack/controlplane: %w", b.name, err)
		}
		if err := os.Rename(target+".new", target); err != nil {
			return fmt.Errorf("installing %s: %w", b.name, err)
		}
		fmt.Fprintf(log, "controlplane: built %s in %s\n", b.name, time.Since(began).Round(time.Second))
	}
	if err := os.WriteFile(filepath.Join(dir, stampFile), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("finishing the control plane's folder: %w", err)
	}
	fmt.Fprintf(log, "controlplane: ready in %s after %s\n", dir, time.Since(start).Round(time.Second))
	return nil
}

// ldflags strips the programs and gives them their version; without one /version answers a placeholder, which misleads
// clients that look at it.
func ldflags(version string) string {
	flags := []string{"-s", "-w"}
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version,
			"-X "+pkg+".gitMajor="+major,
			"-X "+pkg+".gitMinor="+minor,
			"-X "+pkg+".gitTreeState=archive",
			"-X "+pkg+".gitCommit=unknown",
		)
	}
	return strings.Join(flags, " ")
}
