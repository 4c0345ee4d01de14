package cluster

import (
	"context"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// install brings the ingress controller, the operator and two tenants, and waits until all of it works.
func install(ctx context.Context) {
	GinkgoHelper()
	here := filepath.Join(cluster.Root, "hack", "e2e", "cluster")
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here, "ingress"))
	cluster.Kubectl(ctx, "apply", "-k", filepath.Join(here, "operator"))
	certificate := world.NewCertificate(host)
	Expect(cluster.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name + "-tls"},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate.Cert, corev1.TLSPrivateKeyKey: certificate.Key},
	})).To(Succeed())
	cluster.Kubectl(ctx, "--namespace", "ingress", "rollout", "status", "deployment/skipper", "--timeout=2m")
	cluster.Kubectl(ctx, "--namespace", system, "rollout", "status", "deployment/"+name, "--timeout=3m")
	way := world.Way{BaseURL: baseURL, Address: ingressAddress(ctx), CAFile: certificate.CAFile, Ingress: true}
	// Rules are checked by the operator, so it has to be there; a moment passes until the API server knows its certificate.
	for _, namespace := range []string{"acme", "globex"} {
		Eventually(func() error {
			_, err := cluster.TryKubectl(ctx, "apply", "-k", filepath.Join(here, namespace))
			return err
		}).Should(Succeed())
		tenants = append(tenants, cluster.NewTenant(ctx, namespace, way))
	}
	acme = tenants[0]
}

// ingressAddress is where the ingress controller's Service is reached.
func ingressAddress(ctx context.Context) string {
	GinkgoHelper()
	service := &corev1.Service{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: "ingress", Name: "skipper"}, service)).To(Succeed())
	return service.Spec.ClusterIP + ":443"
}
