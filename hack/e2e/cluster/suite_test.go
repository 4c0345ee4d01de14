// Package cluster installs the operator on a real Kubernetes node behind an ingress with TLS, as a user would, and
// breaks one thing after the other while a simulated Okta works with it.
//
// `make e2e` runs it. `go test` alone skips it: it needs root, and takes a quarter of an hour.
package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/cluster/node"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// wantedEnv is set by `make e2e`.
const wantedEnv = "SCIM_E2E"

const (
	system = "scim-system"
	name   = "scim-operator"
	host   = "scim.example.test"
	// previousImage is the same program with another version in it.
	previousImage   = "rservice.dev/scim-operator:previous"
	previousVersion = "v0.0.1-previous"
	ingressImage    = "scim-operator.test/skipper:1"
)

var (
	machine *node.Node
	// cluster is an administrator's client, without a cache.
	cluster client.Client
	clients *kubernetes.Clientset
	root    string
	// results is the folder of the report and the logs.
	results string
	oktasim string
	// tenants have a namespace and a token each; acme is the first one.
	tenants []*tenant
	acme    *tenant
)

func TestCluster(t *testing.T) {
	if os.Getenv(wantedEnv) == "" {
		t.Skip("a whole node is started only by `make e2e`")
	}
	format.MaxLength = 0
	if err := node.Clean(); err != nil { // of a run that was killed, which is not this one's to answer for
		t.Fatal(err)
	}
	before := traces(t)
	suite.Run(t, "Cluster")
	checkTraces(t, before)
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond) // pods take their time
	var err error
	root, err = assets.RepositoryRoot()
	Expect(err).NotTo(HaveOccurred())
	results = filepath.Join(root, "bin", "e2e")
	Expect(os.MkdirAll(results, 0o755)).To(Succeed())
	ingress, err := assets.EnsureIngress(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	machine, err = node.Start(ctx, node.Options{Out: GinkgoWriter, Logs: filepath.Join(results, "logs")})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(machine.Stop)
	DeferCleanup(show)
	connect()
	oktasim = filepath.Join(GinkgoT().TempDir(), "oktasim")
	output, err := exec.CommandContext(ctx, "go", "build", "-o", oktasim, "rservice.dev/scim-operator/hack/oktasim").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))

	Expect(machine.LoadProgram(ctx, ingressImage, filepath.Join(ingress, "skipper"))).To(Succeed())
	previous, err := machine.Compile(ctx, "manager", "rservice.dev/scim-operator", "-X rservice.dev/scim-operator/api/kube.release="+previousVersion)
	Expect(err).NotTo(HaveOccurred())
	Expect(machine.LoadProgram(ctx, previousImage, previous)).To(Succeed())
	Expect(machine.LoadArchive(operatorImage(ctx))).To(Succeed())
	install(ctx)
}, NodeTimeout(30*time.Minute))

func connect() {
	GinkgoHelper()
	cluster = suite.Client(machine.Config, appsv1.AddToScheme)
	var err error
	clients, err = kubernetes.NewForConfig(machine.Config)
	Expect(err).NotTo(HaveOccurred())
}

// show prints what a person would look at first when something has gone wrong. The logs are in the folder of results.
func show(ctx SpecContext) {
	for _, arguments := range [][]string{
		{"get", "pods", "--all-namespaces", "--output=wide"},
		{"--namespace", system, "describe", "pods"},
		{"get", "scimendpoints,automationrules", "--all-namespaces"},
	} {
		output, err := tryKubectl(ctx, arguments...)
		GinkgoWriter.Println(output, err)
	}
}

var _ = AfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		show(ctx)
	}
})

// operatorImage makes the image that is shipped and returns its archive.
func operatorImage(ctx context.Context) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	command := exec.CommandContext(ctx, "go", "run", ".", "-arch", "amd64", "-out", folder)
	command.Dir = filepath.Join(root, "hack", "image")
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return filepath.Join(folder, "scim-operator.tar")
}

// kubectl runs kubectl as an administrator and returns what it printed.
func kubectl(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	output, err := tryKubectl(ctx, arguments...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

func tryKubectl(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, machine.Kubectl, append([]string{"--kubeconfig", machine.Kubeconfig}, arguments...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return string(output), nil
}
