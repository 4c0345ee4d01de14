package cluster

import (
	"context"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// install brings the ingress controller, the operator and two tenants, and waits until all of it works.
func install(ctx context.Context) {
	GinkgoHelper()
	here := filepath.Join(cluster.Root, "hack", "e2e", "cluster")
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here, "ingress"))
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here, "operator"))
	certificate := world.NewCertificate(host)
	cluster.Certify(ctx, certificate)
	cluster.Kubectl(ctx, "--namespace", "ingress", "rollout", "status", "deployment/skipper", "--timeout=2m")
	cluster.RolledOut(ctx)
	way := world.Way{BaseURL: baseURL, Address: cluster.Address(ctx, "ingress", "skipper"), CAFile: certificate.CAFile, Ingress: true}
	for _, namespace := range []string{"acme", "globex"} {
		cluster.ApplyTenant(ctx, filepath.Join(here, namespace))
		tenants = append(tenants, cluster.NewTenant(ctx, namespace, way))
	}
	acme = tenants[0]
}
