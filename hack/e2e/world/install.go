package world

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Certify puts the operator's certificate into its namespace, as whoever installs does by hand, unless there is one.
func (w *World) Certify(ctx context.Context, certificate Certificate) {
	GinkgoHelper()
	Expect(client.IgnoreAlreadyExists(w.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: System, Name: Name + "-tls"},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate.Cert, corev1.TLSPrivateKeyKey: certificate.Key},
	}))).To(Succeed())
}

// RolledOut waits until all replicas are as the Deployment has them.
func (w *World) RolledOut(ctx context.Context) {
	GinkgoHelper()
	w.Kubectl(ctx, "--namespace", System, "rollout", "status", "deployment/"+Name, "--timeout=5m")
}

// ApplyTenant applies a tenant's folder. Rules are checked by the operator, so it has to be there; a moment passes until the API
// server knows its certificate.
func (w *World) ApplyTenant(ctx context.Context, folder string) {
	GinkgoHelper()
	Eventually(func() error {
		_, err := w.TryKubectl(ctx, "apply", "--kustomize", folder)
		return err
	}).Should(Succeed())
}

// Address is where clients reach a Service with TLS; host:port.
func (w *World) Address(ctx context.Context, namespace, service string) string {
	GinkgoHelper()
	found := &corev1.Service{}
	Expect(w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: service}, found)).To(Succeed())
	return found.Spec.ClusterIP + ":443"
}
