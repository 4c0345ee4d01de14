// Package assets builds the programs that tests and the dev runner start, from sources that modules under hack pin: the
// control plane, and what a node needs on top of it.
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
	mainModule = "rservice.dev/scim-operator"
	// stampFile holds the digest of the go.mod and go.sum that the binaries beside it were built from.
	stampFile = "built-from"
)

// binary is one program of a set.
type binary struct {
	name string
	pkg  string
	cold time.Duration // measured on two cores with empty caches
}

// set is a number of programs that one module pins as tools.
type set struct {
	// name is for messages, and of the folder under bin.
	name string
	// source is the folder of the module's go.mod, relative to the repository.
	source string
	// module gives the version that the programs are known by.
	module   string
	binaries []binary
	// flags are for the linker, besides those that strip the program.
	flags func(version string) []string
}

var controlPlane = set{"controlplane", "hack/controlplane", "k8s.io/kubernetes", []binary{
	{"etcd", "go.etcd.io/etcd/server/v3", 80 * time.Second},
	{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 4 * time.Minute},
	{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 100 * time.Second},
	{"kubectl", "k8s.io/kubernetes/cmd/kubectl", time.Minute},
}, kubernetesVersion}

var node = set{"node", "hack/controlplane", "k8s.io/kubernetes", []binary{
	{"kubelet", "k8s.io/kubernetes/cmd/kubelet", 2 * time.Minute},
	{"kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", 20 * time.Second},
	{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 20 * time.Second},
}, kubernetesVersion}

var ingress = set{"ingress", "hack/cluster/ingress", "github.com/zalando/skipper", []binary{
	{"skipper", "github.com/zalando/skipper/cmd/skipper", time.Minute},
}, nil}

var kine = set{"kine", "hack/kine/pin", "github.com/k3s-io/kine", []binary{
	{"kine", "github.com/k3s-io/kine", 3 * time.Minute},
}, nil}

// Ensure returns the folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl, and builds them into
// bin/controlplane/<Kubernetes version> of the repository when they are missing or were built from other versions. It
// reports progress to log. Processes that call it at the same time wait for one of them to build.
//
// With KUBEBUILDER_ASSETS set it builds nothing and returns that folder, or an error when a program is missing there.
func Ensure(ctx context.Context, log io.Writer) (string, error) {
	if dir := os.Getenv(DirEnv); dir != "" {
		return dir, checkOwn(dir)
	}
	return controlPlane.ensure(ctx, log)
}

// EnsureNode is Ensure for kubelet, kube-proxy and kube-scheduler, in bin/node/<Kubernetes version>.
func EnsureNode(ctx context.Context, log io.Writer) (string, error) {
	return node.ensure(ctx, log)
}

// EnsureIngress is Ensure for the ingress controller skipper, in bin/ingress/<skipper's version>.
func EnsureIngress(ctx context.Context, log io.Writer) (string, error) {
	return ingress.ensure(ctx, log)
}

// EnsureKine is Ensure for kine, which stores what an API server gives to etcd in PostgreSQL, in bin/kine/<kine's version>.
func EnsureKine(ctx context.Context, log io.Writer) (string, error) {
	return kine.ensure(ctx, log)
}

func (s *set) ensure(ctx context.Context, log io.Writer) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, s.source)
	pinned, err := inspect(source, s.module)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", s.name, pinned.version)
	if isBuilt(dir, pinned.stamp) {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of the %s's programs: %w", s.name, err)
	}
	unlock, err := lock(ctx, dir+".lock", log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isBuilt(dir, pinned.stamp) { // by the process that held the lock
		return dir, nil
	}
	return dir, s.build(ctx, source, dir, pinned, log)
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
	for _, b := range controlPlane.binaries {
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

// pins are what a folder of programs is built from.
type pins struct {
	// version is that of the module that the set is about.
	version string
	// stamp is a digest of the versions of all modules.
	stamp string
}

// inspect returns what source pins; it has to require module.
func inspect(source, module string) (pins, error) {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return pins{}, fmt.Errorf("reading the pinned versions: %w", err)
	}
	sum, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err != nil {
		return pins{}, fmt.Errorf("reading the pinned versions: %w", err)
	}
	file, err := modfile.Parse(filepath.Join(source, "go.mod"), mod, nil)
	if err != nil {
		return pins{}, fmt.Errorf("reading the pinned versions: %w", err)
	}
	for _, require := range file.Require {
		if require.Mod.Path == module {
			digest := sha256.Sum256(append(mod, sum...))
			return pins{require.Mod.Version, hex.EncodeToString(digest[:])}, nil
		}
	}
	return pins{}, fmt.Errorf("%s does not require %s", filepath.Join(source, "go.mod"), module)
}

func isBuilt(dir, stamp string) bool {
	have, err := os.ReadFile(filepath.Join(dir, stampFile))
	return err == nil && string(have) == stamp
}

// lock takes an exclusive lock on path, which ends with the process at the latest.
func lock(ctx context.Context, path string, log io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the programs' folder: %w", err)
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
			fmt.Fprintln(log, "another process is building them, waiting for that: "+strings.TrimSuffix(path, ".lock"))
		}
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("waiting for the process that builds the programs: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// build compiles every program under a temporary name and renames it, so that nobody ever runs half a file.
func (s *set) build(ctx context.Context, source, dir string, pinned pins, log io.Writer) error {
	fmt.Fprintf(log, "%s: building %s %s from source, once: up to %s on two cores\n", s.name, s.module, pinned.version, s.cold())
	start := time.Now()
	for i, b := range s.binaries {
		fmt.Fprintf(log, "%s: building %s (%d of %d, about %s with empty caches)\n", s.name, b.name, i+1, len(s.binaries), b.cold)
		began := time.Now()
		target := filepath.Join(dir, b.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", s.ldflags(pinned.version),
			"-o", target+".new", b.pkg)
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building %s in %s: %w", b.name, s.source, err)
		}
		if err := os.Rename(target+".new", target); err != nil {
			return fmt.Errorf("installing %s: %w", b.name, err)
		}
		fmt.Fprintf(log, "%s: built %s in %s\n", s.name, b.name, time.Since(began).Round(time.Second))
	}
	if err := os.WriteFile(filepath.Join(dir, stampFile), []byte(pinned.stamp), 0o644); err != nil {
		return fmt.Errorf("finishing %s: %w", dir, err)
	}
	fmt.Fprintf(log, "%s: ready in %s after %s\n", s.name, dir, time.Since(start).Round(time.Second))
	return nil
}

func (s *set) cold() time.Duration {
	var sum time.Duration
	for _, b := range s.binaries {
		sum += b.cold
	}
	return sum
}

// ldflags strips the programs and gives them their version.
func (s *set) ldflags(version string) string {
	flags := []string{"-s", "-w"}
	if s.flags != nil {
		flags = append(flags, s.flags(version)...)
	}
	return strings.Join(flags, " ")
}

// kubernetesVersion is what /version answers; without it that is a placeholder, which misleads clients that look at it.
func kubernetesVersion(version string) []string {
	var flags []string
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
	return flags
}
