package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// install brings the ingress controller, the operator and two tenants, and waits until all of it works.
func install(ctx context.Context) {
	GinkgoHelper()
	here := filepath.Join(root, "hack", "e2e", "cluster")
	kubectl(ctx, "apply", "-k", filepath.Join(here, "ingress"))
	kubectl(ctx, "apply", "-k", filepath.Join(here, "operator"))
	certificate := newCertificate(host)
	Expect(cluster.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name + "-tls"},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate.cert, corev1.TLSPrivateKeyKey: certificate.key},
	})).To(Succeed())
	kubectl(ctx, "--namespace", "ingress", "rollout", "status", "deployment/skipper", "--timeout=2m")
	kubectl(ctx, "--namespace", system, "rollout", "status", "deployment/"+name, "--timeout=3m")
	// Rules are checked by the operator, so it has to be there; a moment passes until the API server knows its certificate.
	for _, namespace := range []string{"acme", "globex"} {
		Eventually(func() error {
			_, err := tryKubectl(ctx, "apply", "-k", filepath.Join(here, namespace))
			return err
		}).Should(Succeed())
		tenants = append(tenants, newTenant(ctx, namespace, certificate))
	}
	acme = tenants[0]
}

// certificate is one of a server, with the file of the authority that signed it.
type certificate struct {
	cert, key []byte
	caFile    string
}

// newCertificate makes an authority and has it sign a certificate for a host.
func newCertificate(host string) certificate {
	GinkgoHelper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	Expect(err).NotTo(HaveOccurred())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, server, ca, key.Public(), caKey)
	Expect(err).NotTo(HaveOccurred())
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	caFile := filepath.Join(GinkgoT().TempDir(), "ca.crt")
	Expect(os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600)).To(Succeed())
	return certificate{
		cert:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		caFile: caFile,
	}
}

// ingressAddress is where the ingress controller's Service is reached.
func ingressAddress(ctx context.Context) string {
	GinkgoHelper()
	service := &corev1.Service{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: "ingress", Name: "skipper"}, service)).To(Succeed())
	return service.Spec.ClusterIP + ":443"
}
