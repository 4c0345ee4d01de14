// Package config tests the manifests against a real API server: all are applied with strict validation, and what roles and policies
// allow is tried out.
package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// The installation's policies hold for the whole cluster, so this suite has a control plane of its own.
var (
	cluster    *controlplane.ControlPlane
	admin      client.Client
	scheme     *runtime.Scheme
	kubectl    string
	kubeconfig string
)

func TestConfig(t *testing.T) { suite.Run(t, "Config") }

var _ = BeforeSuite(func(ctx SpecContext) {
	binaries, err := assets.Ensure(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	kubectl = filepath.Join(binaries, "kubectl")
	cluster, err = controlplane.Start(ctx, controlplane.Options{Binaries: binaries, Dir: GinkgoT().TempDir(), NoWebhooks: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	scheme = runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	cfg, err := cluster.AdminConfig()
	Expect(err).NotTo(HaveOccurred())
	admin, err = client.New(cfg, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(cluster.WriteKubeconfig(kubeconfig, "", "admin", "system:masters")).To(Succeed())
	// Kinds that the components use and Kubernetes does not have.
	_, err = manifests.Apply(ctx, admin, manifests.Options{FieldManager: "test"}, "testdata")
	Expect(err).NotTo(HaveOccurred())
	_, err = run(ctx, "apply", "-k", "crd")
	Expect(err).NotTo(HaveOccurred())
	_, err = run(ctx, "wait", "--for=condition=Established", "--timeout="+testenv.Patience.String(), "-f", "crd/bases")
	Expect(err).NotTo(HaveOccurred())
	// Only now: the garbage collector looks for new kinds every 30 seconds.
	Expect(cluster.StartControllers()).To(Succeed())
	install(ctx)
})

// install applies config/default and waits until Kubernetes has gathered the rules of the roles, and all of it holds.
func install(ctx context.Context) {
	GinkgoHelper()
	output, err := run(ctx, "apply", "--validate=strict", "-k", "default")
	Expect(err).NotTo(HaveOccurred(), output)
	Eventually(ctx, func(g Gomega) {
		for _, name := range []string{"scim-viewer", "scim-editor", "scim-account-owner"} {
			role := &rbacv1.ClusterRole{}
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: name}, role)).To(Succeed())
			g.Expect(role.Rules).To(ContainElement(HaveField("Resources", ContainElement("scimusers"))), "the rules of %s are not gathered yet", name)
		}
	}).Should(Succeed())
	settle(ctx)
}

// run runs kubectl as the cluster's administrator.
func run(ctx context.Context, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig", kubeconfig}, arguments...)...)
	cmd.Env = append(os.Environ(), "KUBECTL_KYAML=false")
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// build returns the objects of a kustomization as kubectl makes them.
func build(ctx context.Context, folder string) []*unstructured.Unstructured {
	GinkgoHelper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, kubectl, "kustomize", folder)
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred(), stderr.String())
	Expect(stderr.String()).To(BeEmpty(), "kustomize warns")
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(output), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		Expect(err).NotTo(HaveOccurred())
		objects = append(objects, object)
	}
}

// as returns a client that acts as another user.
func as(user string, groups ...string) client.Client {
	GinkgoHelper()
	cfg, err := cluster.AdminConfig()
	Expect(err).NotTo(HaveOccurred())
	cfg.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func describe(object client.Object) string {
	return fmt.Sprintf("%s %s/%s", object.GetObjectKind().GroupVersionKind().Kind, object.GetNamespace(), object.GetName())
}
