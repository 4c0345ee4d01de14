package restore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

const (
	bucket    = "backups"
	stopGrace = 10 * time.Second
)

// velero is Velero's programs, and an object store that outlives clusters.
type velero struct {
	// programs is the folder of velero and what it needs, folder one for what they keep.
	programs, folder string
	storeURL         string
}

// newVelero builds the programs and starts the object store, which ends with the spec.
func newVelero(ctx context.Context, results string) *velero {
	GinkgoHelper()
	programs, err := assets.EnsureNeighbour(ctx, "velero", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	v := &velero{programs: programs, folder: GinkgoT().TempDir()}
	// Velero runs every program of that folder.
	Expect(os.Mkdir(filepath.Join(v.folder, "plugins"), 0o755)).To(Succeed())
	Expect(os.Symlink(filepath.Join(programs, "velero-plugin-for-aws"), filepath.Join(v.folder, "plugins", "velero-plugin-for-aws"))).To(Succeed())
	Expect(os.WriteFile(v.credentials(), []byte("[default]\naws_access_key_id = tests\naws_secret_access_key = tests\n"), 0o600)).To(Succeed())
	port, err := controlplane.FreePort(ctx)
	Expect(err).NotTo(HaveOccurred())
	address := fmt.Sprintf("127.0.0.1:%d", port)
	v.storeURL = "http://" + address
	store, err := controlplane.StartProcess("gofakes3", results, filepath.Join(programs, "gofakes3"),
		[]string{"-backend", "memory", "-host", address, "-initialbucket", bucket}, nil)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(store.Stop, stopGrace)
	return v
}

func (v *velero) credentials() string { return filepath.Join(v.folder, "aws") }

// serve installs Velero's definitions in a cluster and starts its server, until the spec ends or the returned function is
// called; it works with what is in the object store.
func (v *velero) serve(ctx context.Context, w *world.World) (stop func()) {
	GinkgoHelper()
	definitions, err := exec.CommandContext(ctx, filepath.Join(v.programs, "velero"), "install", "--crds-only", "--dry-run", "--output", "yaml").Output()
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(v.folder, "definitions.yaml")
	Expect(os.WriteFile(file, definitions, 0o600)).To(Succeed())
	w.Kubectl(ctx, "apply", "--server-side", "--filename", file)
	w.Kubectl(ctx, "wait", "--for=condition=Established", "--filename", file)
	Expect(w.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "velero"}})).To(Succeed())
	// A restore asks for Velero's own Deployment. Its server runs beside the node, so that has no pod.
	w.Kubectl(ctx, "--namespace", "velero", "create", "deployment", "velero", "--image", "velero", "--replicas", "0")
	server, err := controlplane.StartProcess("velero", w.Results, filepath.Join(v.programs, "velero"), []string{
		"server", "--plugin-dir", filepath.Join(v.folder, "plugins"), "--backup-sync-period", "2s",
		"--metrics-address", "127.0.0.1:0", "--profiler-address", "127.0.0.1:0",
	}, []string{
		"KUBECONFIG=" + w.Node.Kubeconfig, "AWS_SHARED_CREDENTIALS_FILE=" + v.credentials(), "HOME=" + v.folder, "TMPDIR=" + v.folder,
	})
	Expect(err).NotTo(HaveOccurred())
	stop = func() { Expect(server.Stop(stopGrace)).To(Succeed()) }
	DeferCleanup(stop)
	v.shell(ctx, w, "velero backup-location create default --default --provider aws --bucket "+bucket+
		" --config region=tests,s3ForcePathStyle=true,checksumAlgorithm=,s3Url="+v.storeURL)
	Eventually(func() string {
		return v.shell(ctx, w, "kubectl -n velero get backupstoragelocation default -o jsonpath={.status.phase}")
	}).Should(Equal("Available"), server.LogTail)
	return stop
}

// shell runs a command of an administrator who has kubectl, velero, and folders "installation" and "tenant".
func (v *velero) shell(ctx context.Context, w *world.World, command string) string {
	GinkgoHelper()
	output, err := v.try(ctx, w, command)
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
	return output
}

func (v *velero) try(ctx context.Context, w *world.World, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.Node.Kubeconfig,
		"PATH="+strings.Join([]string{filepath.Dir(w.Node.Kubectl), v.programs, os.Getenv("PATH")}, ":"))
	output, err := cmd.CombinedOutput()
	GinkgoWriter.Printf("$ %s\n%s", command, output)
	return string(output), err
}

// commands are those of the block of config/restore.md that has a line which begins so.
func commands(w *world.World, beginning string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(w.Root, "config", "restore.md"))
	Expect(err).NotTo(HaveOccurred())
	var block []string
	for line := range strings.Lines(string(text)) {
		command, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		switch {
		case indented && len(block) > 0 && strings.HasSuffix(block[len(block)-1], `\`):
			block[len(block)-1] += "\n" + command
		case indented:
			block = append(block, command)
		case len(block) > 0 && hasPrefix(block, beginning):
			return block
		default:
			block = nil
		}
	}
	Fail("config/restore.md has no block with " + beginning)
	return nil
}

func hasPrefix(lines []string, prefix string) bool {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
