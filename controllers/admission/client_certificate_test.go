package admission_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/admission"
	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
	"rservice.dev/scim-operator/hack/testenv/manifests"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

// pluginConfig is what config/install.md tells to write, for an API server that has a client certificate for webhooks.
const pluginConfig = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: ValidatingAdmissionWebhook
    configuration:
      apiVersion: apiserver.config.k8s.io/v1
      kind: WebhookAdmissionConfiguration
      kubeConfigFile: FOLDER/webhook-clients.kubeconfig
`

// newCluster starts a control plane whose API server shows a certificate to webhooks at the host, and returns its
// administrator.
func newCluster(ctx SpecContext, host string, signer *authority) *rest.Config {
	GinkgoHelper()
	binaries, err := assets.Ensure(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	dir := GinkgoT().TempDir()
	certificate := signer.client(x509.ExtKeyUsageClientAuth)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.AuthInfos[host] = &clientcmdapi.AuthInfo{
		ClientCertificateData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		ClientKeyData:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
	Expect(clientcmd.WriteToFile(*kubeconfig, filepath.Join(dir, "webhook-clients.kubeconfig"))).To(Succeed())
	plugins := filepath.Join(dir, "admission.yaml")
	Expect(os.WriteFile(plugins, []byte(strings.ReplaceAll(pluginConfig, "FOLDER", dir)), 0o600)).To(Succeed())
	cluster, err := controlplane.Start(ctx, controlplane.Options{Binaries: binaries, Dir: filepath.Join(dir, "cluster"), AdmissionConfig: plugins})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	config, err := cluster.AdminConfig()
	Expect(err).NotTo(HaveOccurred())
	return config
}

// startIn runs an operator in a cluster of its own, for one namespace, and returns the cluster's administrator.
func startIn(ctx SpecContext, config *rest.Config, namespace string, o admission.Options, scheme client.Client) client.Client {
	GinkgoHelper()
	admin, err := client.New(config, client.Options{Scheme: scheme.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	_, err = manifests.Apply(ctx, admin, manifests.Options{FieldManager: "test"}, filepath.Join("..", "..", "config", "crd", "bases"))
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	operate(ctx, suite.NewManager(config, []string{namespace}), o)
	return admin
}

var _ = Describe("an API server", func() {
	brokenRule := func(namespace string) *v1alpha1.AutomationRule {
		rule := defaultRule()
		rule.Namespace, rule.Spec.Condition = namespace, "nobody.knows"
		return rule
	}

	It("is answered with its client certificate, and another one is not, which knows all else", func(ctx SpecContext) {
		ours := newAuthority()
		file := filepath.Join(GinkgoT().TempDir(), "ca.crt")
		Expect(os.WriteFile(file, ours.pem(), 0o600)).To(Succeed())
		w := newWorld(ctx) // in the cluster of all tests, whose API server has no such certificate
		o := w.options()
		o.ClientCA = file
		config := newCluster(ctx, w.address, ours)
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
		there := configuration.DeepCopy()
		there.ResourceVersion, there.UID = "", ""
		admin, err := client.New(config, client.Options{Scheme: w.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(admin.Create(ctx, there)).To(Succeed())
		admin = startIn(ctx, config, w.namespace, o, w)

		Eventually(func() error { return admin.Create(ctx, brokenRule(w.namespace)) }).Should(And(
			Satisfy(apierrors.IsInvalid), MatchError(ContainSubstring("nobody"))))
		good := defaultRule()
		good.Namespace = w.namespace
		Expect(admin.Create(ctx, good)).To(Succeed())

		By("asking as another API server, with path and CA, from its own cluster")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(there), there)).To(Succeed())
		configuration.Webhooks[0].ClientConfig = there.Webhooks[0].ClientConfig
		Expect(w.Update(ctx, configuration)).To(Succeed())
		Eventually(func() error { return w.Create(ctx, brokenRule(w.namespace)) }).Should(MatchError(And(
			ContainSubstring("failed calling webhook"), ContainSubstring("certificate required"))))
	})
})
