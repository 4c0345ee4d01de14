// Package gitops has Flux's own controllers apply the operator and a tenant from a Git repository, as
// config/samples/flux says it to users, on a real Kubernetes node.
//
// `make neighbours` runs it. `go test` alone skips it: it needs root and minutes.
package gitops

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/hack/e2e/world"
)

const (
	host   = "scim.example.test"
	tenant = "acme"
	// operatorFolder and tenantFolder are the Kustomizations of config/samples/flux.
	operatorFolder, tenantFolder = "scim-operator", "acme"
)

var (
	cluster     *world.World
	flux        *neighbour
	repository  *gitRepository
	certificate world.Certificate
)

func TestGitOps(t *testing.T) { world.RunSuite(t, "GitOps", "SCIM_NEIGHBOURS", "make neighbours") }

var _ = BeforeSuite(func(ctx SpecContext) {
	repository = newRepository(ctx)
	cluster = world.Start(ctx, "neighbours/gitops")
	cluster.LoadOperator(ctx)
	flux = startFlux(ctx)
	// The certificate is the one thing that is not in Git.
	certificate = world.NewCertificate(host)
	Expect(cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: world.System}})).To(Succeed())
	cluster.Certify(ctx, certificate)
	flux.apply(ctx)
}, NodeTimeout(30*time.Minute))

var _ = AfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		cluster.Show(ctx)
		output, err := cluster.TryKubectl(ctx, "get", "gitrepositories,kustomizations", "--all-namespaces", "--output=yaml")
		GinkgoWriter.Println(output, err)
	}
})
