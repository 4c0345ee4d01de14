// Package monitoring has a real Prometheus scrape two replicas of the operator on a real Kubernetes node, as config/prometheus
// says, and provokes what its alerts are for.
package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"

	"rservice.dev/scim-operator/hack/e2e/world"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

const host = "scim.example.test"

var (
	cluster *world.World
	acme    *world.Tenant
	// server is Prometheus' address.
	server string
)

func TestMonitoring(t *testing.T) {
	world.RunSuite(t, "Monitoring", "SCIM_NEIGHBOURS", "make neighbours")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	prometheus, err := assets.EnsureNeighbour(ctx, "prometheus", GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	cluster = world.Start(ctx, "neighbours/monitoring", rbacv1.AddToScheme)
	cluster.LoadOperator(ctx)
	install(ctx)
	startPrometheus(ctx, filepath.Join(prometheus, "prometheus"))
}, NodeTimeout(30*time.Minute))

func here() string { return filepath.Join(cluster.Root, "hack", "neighbours", "monitoring") }

// install brings the operator with TLS up to its pods, and a tenant whose client reaches the Service.
func install(ctx context.Context) {
	GinkgoHelper()
	certificate := world.NewCertificate(host)
	cluster.Kubectl(ctx, "create", "namespace", world.System)
	cluster.Certify(ctx, certificate)
	apply(ctx)
	cluster.RolledOut(ctx)
	cluster.ApplyTenant(ctx, filepath.Join(here(), "acme"))
	acme = cluster.NewTenant(ctx, "acme", world.Way{
		BaseURL: "https://" + host + "/scim/v2", Address: cluster.Address(ctx, world.System, world.Name), CAFile: certificate.CAFile,
	})
}

// apply brings the installation to what its manifests say.
func apply(ctx context.Context) {
	GinkgoHelper()
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here(), "operator"))
}

// startPrometheus runs it until the suite ends.
func startPrometheus(ctx context.Context, program string) {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	file := filepath.Join(folder, "prometheus.json") // YAML, too
	Expect(os.WriteFile(file, configuration(folder), 0o600)).To(Succeed())
	port, err := controlplane.FreePort(ctx)
	Expect(err).NotTo(HaveOccurred())
	server = "127.0.0.1:" + strconv.Itoa(port)
	process := cluster.Run("prometheus", program, nil,
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+server)
	Eventually(func(g Gomega) {
		g.Expect(process.Done()).NotTo(BeClosed(), process.LogTail())
		g.Expect(query(ctx, g, "up")).To(HaveLen(2))
	}).Should(Succeed())
}

// sample is one line of an answer.
type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// query asks Prometheus.
func query(ctx context.Context, g Gomega, expression string) []sample {
	GinkgoHelper()
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Result []sample `json:"result"`
		} `json:"data"`
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/api/v1/query?query=%s", server, url.QueryEscape(expression)), nil)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	g.Expect(json.NewDecoder(response.Body).Decode(&answer)).To(Succeed())
	g.Expect(answer.Status).To(Equal("success"), "%s: %s", expression, answer.Error)
	return answer.Data.Result
}
