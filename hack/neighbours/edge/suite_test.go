// Package edge has cert-manager issue and renew the operator's certificate, and Traefik, as a controller of the Gateway
// API, bring SCIM clients to it, on a real Kubernetes node.
package edge

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

const (
	host    = "scim.example.test"
	baseURL = "https://" + host + "/scim/v2"
	// gateway is where Traefik listens: on the node, as an ingress controller with hostPort does.
	gateway = "10.250.0.1:443"
)

var (
	cluster *world.World
	acme    *world.Tenant
	// caFile has the authority that cert-manager signs with.
	caFile string
)

func TestEdge(t *testing.T) { world.RunSuite(t, "Edge", "SCIM_NEIGHBOURS", "make neighbours") }

var _ = BeforeSuite(func(ctx SpecContext) {
	traefik, err := assets.EnsureNeighbour(ctx, "traefik", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	certManager, err := assets.EnsureNeighbour(ctx, "cert-manager", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	cluster = world.Start(ctx, "neighbours/edge")
	cluster.LoadOperator(ctx)

	for name, module := range map[string]string{
		"traefik": "sigs.k8s.io/gateway-api", "cert-manager": "github.com/cert-manager/cert-manager",
	} {
		folder, err := assets.NeighbourModule(ctx, name, module)
		Expect(err).NotTo(HaveOccurred())
		cluster.Kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(folder, definitions[module]))
	}
	cluster.Kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", "--timeout=1m")
	cluster.Run("cert-manager", filepath.Join(certManager, "cert-manager"), nil, "--kubeconfig", cluster.Node.Kubeconfig)
	cluster.Run("traefik", filepath.Join(traefik, "traefik"), []string{"KUBECONFIG=" + cluster.Node.Kubeconfig},
		"--entryPoints.websecure.address="+gateway, "--providers.kubernetesGateway=true", "--log.level=INFO",
		"--global.checkNewVersion=false", "--global.sendAnonymousUsage=false")
	cluster.Kubectl(ctx, "apply", "-f", filepath.Join(here(), "neighbours"))
	install(ctx)
}, NodeTimeout(30*time.Minute))

// definitions are where a module has those of its kinds.
var definitions = map[string]string{
	"sigs.k8s.io/gateway-api":              "config/crd/standard",
	"github.com/cert-manager/cert-manager": "deploy/crds",
}

func here() string { return filepath.Join(cluster.Root, "hack", "neighbours", "edge") }

// install brings the operator and a tenant as config/install.md says, and waits until a SCIM client comes through.
func install(ctx context.Context) {
	GinkgoHelper()
	// The webhook that checks rules, and namespaces, come with the first of them.
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here(), "operator"))
	cluster.RolledOut(ctx)
	cluster.ApplyTenant(ctx, filepath.Join(here(), "acme"))
	cluster.Kubectl(ctx, "--namespace", "cert-manager", "wait", "certificate", "authority", "--for=condition=Ready", "--timeout=2m")
	secret := &corev1.Secret{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: "cert-manager", Name: "authority"}, secret)).To(Succeed())
	caFile = filepath.Join(GinkgoT().TempDir(), "ca.crt")
	Expect(os.WriteFile(caFile, secret.Data[corev1.TLSCertKey], 0o600)).To(Succeed())
	cluster.Kubectl(ctx, "--namespace", world.System, "wait", "certificate", world.Name, "--for=condition=Ready", "--timeout=2m")
	acme = cluster.NewTenant(ctx, "acme", world.Way{BaseURL: baseURL, Address: gateway, CAFile: caFile, Ingress: true})
}
