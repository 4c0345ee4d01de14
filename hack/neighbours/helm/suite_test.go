// Package helm has the real Helm install the operator by its chart on a real Kubernetes node, as a release has it, and do
// all that Helm does with it afterwards.
//
// `make neighbours NEIGHBOURS=./hack/neighbours/helm` runs it. `go test` alone skips it: it needs root.
package helm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

var (
	cluster *world.World
	// programs is the folder of helm and of a registry, home what helm keeps for a user.
	programs, home string
	// published is the folder of a release, and charts the address in a registry where its chart is.
	published, charts string
)

func TestHelm(t *testing.T) { world.RunSuite(t, "Helm", "SCIM_NEIGHBOURS", "make neighbours") }

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	programs, err = assets.EnsureNeighbour(ctx, "helm", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	home = GinkgoT().TempDir()
	cluster = world.Start(ctx, "neighbours/helm", apiextensionsv1.AddToScheme, networkingv1.AddToScheme)
	published = makeRelease(ctx)
	Expect(cluster.Node.LoadArchive(filepath.Join(published, "scim-operator.tar"))).To(Succeed())
	name, digest, _ := strings.Cut(released(), "@")
	repository, _, _ := strings.Cut(name, ":")
	Expect(cluster.Node.NameImage(name, repository+"@"+digest)).To(Succeed())
	charts = publish(ctx)
}, NodeTimeout(30*time.Minute))

var _ = AfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		cluster.Show(ctx)
	}
})

// makeRelease makes a release of the tree as it is, for this node.
func makeRelease(ctx context.Context) (folder string) {
	GinkgoHelper()
	out := GinkgoT().TempDir()
	command := exec.CommandContext(ctx, "go", "run", ".", "-release", "-dirty", "-url", "https://releases.example.test/{version}",
		"-arch", "amd64", "-platforms", "linux/amd64", "-out", out)
	command.Dir = filepath.Join(cluster.Root, "hack", "image")
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	folders, err := filepath.Glob(filepath.Join(out, "*"))
	Expect(err).NotTo(HaveOccurred())
	Expect(folders).To(HaveLen(1))
	return folders[0]
}

// packaged is the chart of the release as a file.
func packaged() string {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join(published, "scim-operator-*.tgz"))
	Expect(err).NotTo(HaveOccurred())
	Expect(files).To(HaveLen(1))
	return files[0]
}

// released is the image of the release, with its digest, as the manifests of the same release have it.
func released() string {
	GinkgoHelper()
	manifests, err := os.ReadFile(filepath.Join(published, "install.yaml"))
	Expect(err).NotTo(HaveOccurred())
	found := regexp.MustCompile(`(?m)^ +image: (\S+@sha256:[0-9a-f]{64})$`).FindAllStringSubmatch(string(manifests), -1)
	Expect(found).To(HaveLen(1))
	return found[0][1]
}

// version is that of the chart of the release.
func version() string {
	GinkgoHelper()
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(packaged()), "scim-operator-"), ".tgz")
}

// publish starts a registry on loopback, and has Helm push the release's chart into it.
func publish(ctx context.Context) string {
	GinkgoHelper()
	port, err := controlplane.FreePort(ctx)
	Expect(err).NotTo(HaveOccurred())
	process := cluster.Run("registry", filepath.Join(programs, "registry"), nil, "-port", strconv.Itoa(port))
	address := fmt.Sprintf("127.0.0.1:%d", port)
	world.Listens(ctx, address, process.LogTail)
	helm(ctx, "push", packaged(), "oci://"+address+"/charts", "--plain-http")
	return "oci://" + address + "/charts/scim-operator"
}

// environment is that of an administrator who has helm and kubectl.
func environment() []string {
	return append(os.Environ(), "KUBECONFIG="+cluster.Node.Kubeconfig, "HELM_NAMESPACE="+world.System,
		"HELM_CACHE_HOME="+filepath.Join(home, "cache"), "HELM_CONFIG_HOME="+filepath.Join(home, "config"), "HELM_DATA_HOME="+filepath.Join(home, "data"),
		"PATH="+strings.Join([]string{programs, filepath.Dir(cluster.Node.Kubectl), os.Getenv("PATH")}, ":"))
}

// helm runs Helm in the operator's namespace and returns what it printed.
func helm(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	output, err := tryHelm(ctx, arguments...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// tryHelm is helm where it may fail; the error has what Helm says.
func tryHelm(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, filepath.Join(programs, "helm"), arguments...)
	command.Env = environment()
	var output, problems strings.Builder
	command.Stdout, command.Stderr = &output, &problems
	err := command.Run()
	GinkgoWriter.Printf("$ helm %s\n%s\n", strings.Join(arguments, " "), problems.String())
	if err != nil {
		return "", fmt.Errorf("helm %s: %w: %s", strings.Join(arguments, " "), err, problems.String())
	}
	return output.String(), nil
}

// shell runs commands that were told to a user, in a folder of theirs.
func shell(ctx context.Context, folder, commands string) error {
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	command.Dir, command.Env = folder, environment()
	output, err := command.CombinedOutput()
	GinkgoWriter.Printf("$ %s\n%s\n", commands, output)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", commands, err, output)
	}
	return nil
}
