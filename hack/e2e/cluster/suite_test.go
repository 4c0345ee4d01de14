// Package cluster installs the operator on a real Kubernetes node behind an ingress with TLS, as a user would, and
// breaks one thing after the other while a simulated Okta works with it.
//
// `make e2e` runs it. `go test` alone skips it: it needs root, and takes a quarter of an hour.
package cluster

import (
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

const (
	system  = world.System
	name    = world.Name
	host    = "scim.example.test"
	baseURL = "https://" + host + "/scim/v2"
	// previousImage is the same program with another version in it.
	previousImage   = "rservice.dev/scim-operator:previous"
	previousVersion = "v0.0.1-previous"
	ingressImage    = "scim-operator.test/skipper:1"
)

var (
	cluster *world.World
	// tenants have a namespace and a token each; acme is the first one.
	tenants []*world.Tenant
	acme    *world.Tenant
)

func TestCluster(t *testing.T) { world.RunSuite(t, "Cluster", "SCIM_E2E", "make e2e") }

var _ = BeforeSuite(func(ctx SpecContext) {
	ingress, err := assets.EnsureIngress(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	cluster = world.Start(ctx, "e2e")
	Expect(cluster.Node.LoadProgram(ctx, ingressImage, filepath.Join(ingress, "skipper"))).To(Succeed())
	previous, err := cluster.Node.Compile(ctx, "manager", "rservice.dev/scim-operator", "-X rservice.dev/scim-operator/api/kube.release="+previousVersion)
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.Node.LoadProgram(ctx, previousImage, previous)).To(Succeed())
	cluster.LoadOperator(ctx)
	install(ctx)
}, NodeTimeout(30*time.Minute))

var _ = AfterEach(func(ctx SpecContext) {
	if CurrentSpecReport().Failed() {
		cluster.Show(ctx)
	}
})
