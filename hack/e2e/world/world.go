// Package world is what tests on a real Kubernetes node share: the node, the operator's image as it is shipped, an
// administrator's kubectl, and SCIM clients of tenants.
package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/cluster/node"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

const (
	// System is the namespace of the operator.
	System = "scim-system"
	// Name is that of its Deployment, and of most of what belongs to it.
	Name = "scim-operator"
)

// World is a node of this machine's.
type World struct {
	Node *node.Node
	// Client is an administrator's, without a cache.
	Client client.Client
	// Root is the repository, Results a folder for logs and reports below it, which stays.
	Root, Results string
	// Oktasim is the simulated Okta's program.
	Oktasim string
	// Stop ends the node. A second call does nothing.
	Stop func() error
}

// RunSuite runs a suite of Ginkgo that starts a World, and fails if that leaves something on the machine. It skips the
// suite unless the environment variable has a value.
func RunSuite(t *testing.T, name, variable, target string) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skip("a whole node is started only by `" + target + "`")
	}
	format.MaxLength = 0
	if err := node.Clean(); err != nil { // of a run that was killed, which is not this one's to answer for
		t.Fatal(err)
	}
	before := traces(t)
	suite.Run(t, name)
	checkTraces(t, before)
}

// Start starts a node with an empty etcd, which ends with the suite or spec that calls it. results is the name of a folder
// below bin.
func Start(ctx context.Context, results string, more ...func(*runtime.Scheme) error) *World {
	GinkgoHelper()
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond) // pods take their time
	root, err := assets.RepositoryRoot()
	Expect(err).NotTo(HaveOccurred())
	w := &World{Root: root, Results: filepath.Join(root, "bin", results), Oktasim: filepath.Join(GinkgoT().TempDir(), "oktasim")}
	Expect(os.MkdirAll(w.Results, 0o755)).To(Succeed())
	w.Node, err = node.Start(ctx, node.Options{Out: GinkgoWriter, Logs: filepath.Join(w.Results, "logs")})
	Expect(err).NotTo(HaveOccurred())
	w.Stop = sync.OnceValue(w.Node.Stop)
	DeferCleanup(w.Stop)
	DeferCleanup(w.Show)
	w.Client = suite.Client(w.Node.Config, append(more, appsv1.AddToScheme)...)
	output, err := exec.CommandContext(ctx, "go", "build", "-o", w.Oktasim, "rservice.dev/scim-operator/hack/oktasim").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return w
}

// Show prints what a person would look at first when something has gone wrong. The logs are in the folder of results.
func (w *World) Show(ctx SpecContext) {
	for _, arguments := range [][]string{
		{"get", "pods", "--all-namespaces", "--output=wide"},
		{"--namespace", System, "describe", "pods"},
		{"get", "scimendpoints,automationrules", "--all-namespaces"},
	} {
		output, err := w.TryKubectl(ctx, arguments...)
		GinkgoWriter.Println(output, err)
	}
}

// LoadOperator makes the image that is shipped and gives it to the node.
func (w *World) LoadOperator(ctx context.Context) {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	command := exec.CommandContext(ctx, "go", "run", ".", "-arch", "amd64", "-out", folder)
	command.Dir = filepath.Join(w.Root, "hack", "image")
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	Expect(w.Node.LoadArchive(filepath.Join(folder, "scim-operator.tar"))).To(Succeed())
}

// Kubectl runs kubectl as an administrator and returns what it printed.
func (w *World) Kubectl(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	output, err := w.TryKubectl(ctx, arguments...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// TryKubectl is Kubectl where it may fail.
func (w *World) TryKubectl(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, w.Node.Kubectl, append([]string{"--kubeconfig", w.Node.Kubeconfig}, arguments...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return string(output), nil
}
