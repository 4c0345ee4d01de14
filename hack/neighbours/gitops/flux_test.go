package gitops

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/manifests"
)

const fluxSystem = "flux-system"

// neighbour is a running Flux: source-controller and kustomize-controller with an administrator's rights.
type neighbour struct {
	requests int
}

// startFlux installs Flux's definitions and starts its controllers, which end with the suite.
func startFlux(ctx context.Context) *neighbour {
	GinkgoHelper()
	programs, err := assets.EnsureNeighbour(ctx, "flux", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	_, err = manifests.Apply(ctx, cluster.Client, manifests.Options{FieldManager: "flux"},
		definitions(ctx, "source-controller"), definitions(ctx, "kustomize-controller"))
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fluxSystem}})).To(Succeed())
	artifacts := testenv.FreeAddress(ctx, GinkgoT())
	for name, more := range map[string][]string{
		"source-controller":    {"--storage-path=" + GinkgoT().TempDir(), "--storage-addr=" + artifacts, "--storage-adv-addr=" + artifacts},
		"kustomize-controller": {"--requeue-dependency=2s"},
	} {
		arguments := append([]string{"--log-level=info",
			"--metrics-addr=" + testenv.FreeAddress(ctx, GinkgoT()), "--health-addr=" + testenv.FreeAddress(ctx, GinkgoT())}, more...)
		cluster.Run(name, filepath.Join(programs, name),
			[]string{"KUBECONFIG=" + cluster.Node.Kubeconfig, "RUNTIME_NAMESPACE=" + fluxSystem}, arguments...)
	}
	world.Listens(ctx, artifacts)
	return &neighbour{}
}

// definitions is the folder of a controller's own custom resource definitions.
func definitions(ctx context.Context, controller string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/"+controller)
	command.Dir = filepath.Join(cluster.Root, "hack", "neighbours", "pins", "flux")
	output, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	return filepath.Join(strings.TrimSpace(string(output)), "config", "crd", "bases")
}

// apply applies config/samples/flux for the tests' repository.
func (n *neighbour) apply(ctx context.Context) {
	GinkgoHelper()
	objects, err := manifests.Read(filepath.Join(cluster.Root, "config", "samples", "flux"))
	Expect(err).NotTo(HaveOccurred())
	for _, object := range objects {
		if object.GetKind() == "GitRepository" {
			Expect(unstructured.SetNestedField(object.Object, repository.url, "spec", "url")).To(Succeed())
		}
		Expect(client.WithFieldValidation(cluster.Client, metav1.FieldValidationStrict).Create(ctx, object)).To(Succeed())
	}
}

// outcome is what Flux says of a folder.
type outcome struct {
	applied, ready, reason, message string
	// revision is what it speaks of.
	revision string
}

// now asks Flux to look at the repository, or at a folder, without waiting for its interval, and returns when it has.
func (n *neighbour) now(ctx context.Context, kind, name string) {
	GinkgoHelper()
	n.requests++
	request := fmt.Sprintf("test-%d", n.requests)
	cluster.Kubectl(ctx, "--namespace", fluxSystem, "annotate", "--overwrite", kind, name, "reconcile.fluxcd.io/requestedAt="+request)
	Eventually(func(g Gomega) {
		handled, _, err := unstructured.NestedString(n.get(ctx, g, kind, name).Object, "status", "lastHandledReconcileAt")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(handled).To(Equal(request))
	}).Should(Succeed())
}

// push commits what is in the repository's folder, and has Flux fetch it.
func (n *neighbour) push(ctx context.Context) (revision string) {
	GinkgoHelper()
	revision = repository.commit(ctx)
	n.now(ctx, "gitrepository", "scim")
	return revision
}

// at waits until Flux has come to an end with a revision in a folder, and returns what it says.
func (n *neighbour) at(ctx context.Context, folder, revision string) outcome {
	GinkgoHelper()
	var found outcome
	Eventually(func(g Gomega) {
		found = n.outcome(ctx, g, folder)
		g.Expect(found.revision).To(Equal(revision), "%+v", found)
		g.Expect(found.ready).NotTo(Equal("Unknown"), "%+v", found)
		g.Expect(found.reason).NotTo(Equal("DependencyNotReady"), "%+v", found)
	}).Should(Succeed())
	return found
}

// takes waits until a folder is as a revision has it, with everything in it ready.
func (n *neighbour) takes(ctx context.Context, folder, revision string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		found := n.outcome(ctx, g, folder)
		g.Expect(found.applied).To(Equal(revision), "%+v", found)
		g.Expect(found.ready).To(Equal("True"), "%+v", found)
	}).Should(Succeed())
}

// ready checks that a folder is as Git has it by now, with everything in it ready.
func (n *neighbour) ready(ctx context.Context, folder string) {
	GinkgoHelper()
	found := n.outcome(ctx, Default, folder)
	Expect(found.ready).To(Equal("True"), "%+v", found)
}

func (n *neighbour) outcome(ctx context.Context, g Gomega, folder string) outcome {
	object := n.get(ctx, g, "kustomization", folder)
	var found outcome
	found.applied, _, _ = unstructured.NestedString(object.Object, "status", "lastAppliedRevision")
	found.revision, _, _ = unstructured.NestedString(object.Object, "status", "lastAttemptedRevision")
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == "Ready" {
			found.ready, found.reason, found.message = fmt.Sprint(fields["status"]), fmt.Sprint(fields["reason"]), fmt.Sprint(fields["message"])
		}
	}
	return found
}

func (n *neighbour) get(ctx context.Context, g Gomega, kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(map[string]string{
		"gitrepository": "source.toolkit.fluxcd.io/v1", "kustomization": "kustomize.toolkit.fluxcd.io/v1",
	}[kind])
	object.SetKind(map[string]string{"gitrepository": "GitRepository", "kustomization": "Kustomization"}[kind])
	g.Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: fluxSystem, Name: name}, object)).To(Succeed())
	return object
}

// versions are the resource versions of all that Flux applies from a folder.
func (n *neighbour) versions(ctx context.Context, folder string) map[string]string {
	GinkgoHelper()
	inventory, _, err := unstructured.NestedSlice(n.get(ctx, Default, "kustomization", folder).Object, "status", "inventory", "entries")
	Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	for _, entry := range inventory {
		fields, ok := entry.(map[string]any)
		Expect(ok).To(BeTrue())
		id := strings.Split(fmt.Sprint(fields["id"]), "_") // namespace, name, group, kind
		Expect(id).To(HaveLen(4), "%v", fields)
		object := &unstructured.Unstructured{}
		object.SetAPIVersion(strings.TrimPrefix(id[2]+"/"+fmt.Sprint(fields["v"]), "/"))
		object.SetKind(id[3])
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: id[0], Name: id[1]}, object)).To(Succeed(), "%v", fields)
		found[strings.Join(id, " ")] = object.GetResourceVersion()
	}
	return found
}

// webhookCalls is how often the API server has asked the operator about a rule.
func webhookCalls(ctx context.Context) int {
	GinkgoHelper()
	const metric = "apiserver_admission_webhook_admission_duration_seconds_count{"
	count := 0
	for line := range strings.Lines(cluster.Kubectl(ctx, "get", "--raw", "/metrics")) {
		if !strings.HasPrefix(line, metric) || !strings.Contains(line, `name="automationrules.provisioning.rservice.dev"`) {
			continue
		}
		value, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]))
		Expect(err).NotTo(HaveOccurred())
		count += value
	}
	return count
}
