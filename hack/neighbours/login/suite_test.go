// Package login has people log in to the console in the cluster, behind an ingress with TLS, at a real OpenID Connect
// provider, with the roles and the right to impersonate that config/console and config/roles give, on a real Kubernetes node.
package login

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

const (
	host        = "scim.example.test"
	consoleHost = "console.example.test"
	console     = "https://" + consoleHost
	// nodeAddress is where pods and this test reach the provider.
	nodeAddress = "10.250.0.1"
	// Of the provider, which knows one client and puts everybody into one group (hack/openid).
	clientID, clientSecret = "scim-console", "not-a-real-one"
	username, password     = "test-user2", "verysecure"
	person, group          = "test-user2@zitadel.ch", "scim-support"
)

var (
	cluster *world.World
	acme    *world.Tenant
	// installation is the folder that an administrator would have in Git.
	installation string
	// issuer is the provider's URL.
	issuer string
	// Each certificate is of an authority of its own.
	providerCert, consoleCert, scimCert world.Certificate
	// ingress is where clients of both hosts connect to.
	ingress string
)

func TestLogin(t *testing.T) { world.RunSuite(t, "Login", "SCIM_NEIGHBOURS", "make neighbours") }

var _ = BeforeSuite(func(ctx SpecContext) {
	provider, err := assets.EnsureNeighbour(ctx, "zitadel", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	skipper, err := assets.EnsureIngress(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	cluster = world.Start(ctx, "neighbours/login", rbacv1.AddToScheme)
	Expect(cluster.Node.LoadProgram(ctx, "scim-operator.test/skipper:1", filepath.Join(skipper, "skipper"))).To(Succeed())
	cluster.LoadOperator(ctx)
	startProvider(ctx, filepath.Join(provider, "provider"))
	install(ctx)
}, NodeTimeout(30*time.Minute))

var _ = AfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		cluster.Show(ctx)
	}
})

// startProvider runs it until the suite ends.
func startProvider(ctx context.Context, program string) {
	GinkgoHelper()
	port, err := controlplane.FreePort(ctx)
	Expect(err).NotTo(HaveOccurred())
	address := net.JoinHostPort(nodeAddress, strconv.Itoa(port))
	issuer = "https://" + address
	providerCert = world.NewCertificate(nodeAddress)
	folder := GinkgoT().TempDir()
	cert, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	Expect(os.WriteFile(cert, providerCert.Cert, 0o600)).To(Succeed())
	Expect(os.WriteFile(key, providerCert.Key, 0o600)).To(Succeed())
	process := cluster.Run("provider", program, nil, "-address", address, "-console", console, "-cert", cert, "-key", key)
	world.Listens(ctx, address, process.LogTail)
}

// install brings the ingress controller, the operator with the console as config/console.md says, and a tenant.
func install(ctx context.Context) {
	GinkgoHelper()
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(cluster.Root, "hack", "e2e", "cluster", "ingress"))
	scimCert = world.NewCertificate(host)
	consoleCert = world.NewCertificate(consoleHost)
	cluster.Kubectl(ctx, "create", "namespace", world.System)
	cluster.Certify(ctx, scimCert)
	createSecret(ctx, world.Name+"-console-tls", corev1.SecretTypeTLS,
		map[string][]byte{corev1.TLSCertKey: consoleCert.Cert, corev1.TLSPrivateKeyKey: consoleCert.Key})
	createSecret(ctx, world.Name+"-console-client", corev1.SecretTypeOpaque, map[string][]byte{"secret": []byte(clientSecret + "\n")})

	installation = filepath.Join(cluster.Results, "installation") // below the repository, as kustomize reads nothing by absolute paths
	Expect(os.RemoveAll(installation)).To(Succeed())
	Expect(os.CopyFS(installation, os.DirFS(filepath.Join(cluster.Root, "hack", "neighbours", "login", "installation")))).To(Succeed())
	configure(func(map[string]any) {})
	apply(ctx)
	cluster.RolledOut(ctx)
	cluster.Kubectl(ctx, "--namespace", "ingress", "rollout", "status", "deployment/skipper", "--timeout=2m")
	ingress = cluster.Address(ctx, "ingress", "skipper")
	cluster.ApplyTenant(ctx, filepath.Join(cluster.Root, "hack", "e2e", "cluster", "acme"))
	acme = cluster.NewTenant(ctx, "acme", world.Way{
		BaseURL: "https://" + host + "/scim/v2", Address: ingress, CAFile: scimCert.CAFile, Ingress: true,
	})
}

func createSecret(ctx context.Context, name string, kind corev1.SecretType, data map[string][]byte) {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: world.System, Name: name}, Type: kind, Data: data,
	})).To(Succeed())
}

// configure writes console.yaml: the one that people copy, with host, provider and client, and what edit changes.
func configure(edit func(configuration map[string]any)) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(cluster.Root, "config", "console", "console.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var configuration map[string]any
	Expect(yaml.Unmarshal(text, &configuration)).To(Succeed())
	authority, err := os.ReadFile(providerCert.CAFile)
	Expect(err).NotTo(HaveOccurred())
	configuration["baseURL"], configuration["clientID"] = console, clientID
	configuration["scopes"] = []string{"profile", "email"} // this provider has no scope for groups
	Expect(configuration).To(HaveKeyWithValue("jwt", HaveKey("issuer")))
	configuration["jwt"].(map[string]any)["issuer"] = map[string]any{"url": issuer, "certificateAuthority": string(authority)}
	edit(configuration)
	text, err = yaml.Marshal(configuration)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(installation, "console.yaml"), text, 0o600)).To(Succeed())
}

// apply brings the installation to what its folder says.
func apply(ctx context.Context) {
	GinkgoHelper()
	cluster.Kubectl(ctx, "apply", "-k", installation)
}
