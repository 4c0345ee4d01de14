package upgrade

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// before is the state of the repository that is upgraded from: the last one before neighbours were tried.
const before = "bd5fbafd6c2318f08eaf6d4124583b897df97c1e"

// state is one of the operator's, with a folder of manifests and an image in the node.
type state struct{ name, folder, image string }

// earlier takes program and manifests from Git. It skips the spec where the history is not there.
func earlier(ctx context.Context, w *world.World) state {
	GinkgoHelper()
	if output, err := git(ctx, w, "cat-file", "-e", before+"^{commit}"); err != nil {
		Skip("commit " + before + " is not here, as in a shallow clone; `git fetch --unshallow` brings it: " + output)
	}
	source := GinkgoT().TempDir()
	archive := filepath.Join(GinkgoT().TempDir(), "before.tar")
	output, err := git(ctx, w, "archive", "--output", archive, before)
	Expect(err).NotTo(HaveOccurred(), output)
	unpacked, err := exec.CommandContext(ctx, "tar", "--extract", "--file", archive, "--directory", source).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(unpacked))
	return load(ctx, w, "before", source)
}

func git(ctx context.Context, w *world.World, arguments ...string) (string, error) {
	output, err := exec.CommandContext(ctx, "git", append([]string{"-C", w.Root}, arguments...)...).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// load builds the operator of a source tree, gives it to the node, and writes kustomizations as whoever installs that would.
func load(ctx context.Context, w *world.World, name, source string) state {
	GinkgoHelper()
	s := state{name: name, folder: GinkgoT().TempDir(), image: "rservice.dev/scim-operator:" + name}
	program := filepath.Join(s.folder, name)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, ".")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	Expect(w.Node.LoadProgram(ctx, s.image, program)).To(Succeed())
	base, err := filepath.Rel(filepath.Join(s.folder, "any"), filepath.Join(source, "config"))
	Expect(err).NotTo(HaveOccurred())
	s.kustomize("installation", fmt.Sprintf(installation, base, name))
	for _, namespace := range []string{quiet, busy} {
		s.kustomize(namespace, fmt.Sprintf(tenant, namespace, base))
		organization, err := os.ReadFile(filepath.Join(w.Root, "hack", "e2e", "cluster", "acme", "organization.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(s.folder, namespace, "organization.yaml"), organization, 0o600)).To(Succeed())
	}
	return s
}

func (s state) kustomize(name, text string) {
	GinkgoHelper()
	Expect(os.Mkdir(filepath.Join(s.folder, name), 0o755)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(s.folder, name, "kustomization.yaml"), []byte(text), 0o600)).To(Succeed())
}

// installation is config/default with TLS up to the pod, so that clients need no ingress.
const installation = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%[1]s/default]
components: [%[1]s/tls/pod]
images: [{name: rservice.dev/scim-operator, newTag: %[2]s}]
patches:
  # The tests' clients send as fast as they can, as the endpoints of the tenants let them.
  - target: {kind: Deployment, name: scim-operator}
    patch: |-
      - {op: add, path: /spec/template/spec/containers/0/args/-, value: --max-requests-per-second=0}
      - {op: add, path: /spec/template/spec/containers/0/args/-, value: --max-burst=0}
`

// tenant is the sample with one Organization more, of the simulated Okta's, and without limits. What is in Git of a tenant does not change with the operator, but for the default rules.
const tenant = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
resources: [%s/samples/tenant, organization.yaml]
patches:
  - target: {kind: ScimEndpoint, name: okta}
    patch: |-
      - {op: replace, path: /spec/publicURL, value: "https://scim.example.test/scim/v2"}
      - {op: add, path: /spec/limits, value: {requestsPerSecond: 0}}
      # The simulated administrator deactivates and unassigns a third of all users.
      - {op: add, path: /spec/safety, value: {disabled: true}}
  # One as new as the definitions refuses everything for up to five minutes.
  - patch: '{$patch: delete, apiVersion: v1, kind: ResourceQuota, metadata: {name: tenant}}'
`
