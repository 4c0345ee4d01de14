package admission_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/controllers/admission"
)

// trusted is what the API server trusts.
func (w *world) trusted(ctx context.Context) ([]byte, error) {
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration); err != nil {
		return nil, err
	}
	return configuration.Webhooks[0].ClientConfig.CABundle, nil
}

// handshake connects to a replica as the API server does.
func (w *world) handshake(ctx context.Context, port int) error {
	bundle, err := w.trusted(ctx)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("nobody is trusted yet")
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	connection, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return connection.Close()
}

func (w *world) secret(ctx context.Context) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := w.Get(ctx, client.ObjectKey{Name: admission.DefaultSecret}, secret)
	return secret, err
}

var _ = Describe("the webhook's certificate", func() {
	It("is one for all replicas that start at the same time, and is made again when it is lost", func(ctx SpecContext) {
		w := newWorld(ctx)
		var ports []int
		for range 3 {
			o := w.options()
			port := freePort(ctx)
			o.BindAddress, o.LookInterval = "127.0.0.1:"+strconv.Itoa(port), 50*time.Millisecond
			ports = append(ports, port)
			w.start(ctx, o)
		}
		for _, port := range ports {
			Eventually(func() error { return w.handshake(ctx, port) }).Should(Succeed())
		}
		first, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.trusted(ctx)).To(Equal(first.Data["ca.crt"]))

		By("making another one when the Secret is deleted")
		Expect(w.Delete(ctx, first)).To(Succeed())
		Eventually(w.trusted).WithContext(ctx).ShouldNot(Equal(first.Data["ca.crt"]))
		for _, port := range ports {
			Eventually(func() error { return w.handshake(ctx, port) }).Should(Succeed())
		}

		By("replacing what is of no use")
		second, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		spoilt := second.DeepCopy()
		spoilt.Data["tls.crt"] = []byte("spoilt")
		Expect(w.Update(ctx, spoilt)).To(Succeed())
		Eventually(w.trusted).WithContext(ctx).ShouldNot(Equal(second.Data["ca.crt"]))
		for _, port := range ports {
			Eventually(func() error { return w.handshake(ctx, port) }).Should(Succeed())
		}

		By("putting back what is taken out of the configuration")
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
		configuration.Webhooks[0].ClientConfig.CABundle = nil
		Expect(w.Update(ctx, configuration)).To(Succeed())
		Eventually(w.trusted).WithContext(ctx).ShouldNot(BeEmpty())
	})

	It("goes into an empty Secret that is there already", func(ctx SpecContext) {
		w := newWorld(ctx)
		Expect(w.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: admission.DefaultSecret, Labels: map[string]string{"a": "label"}},
		})).To(Succeed())
		w.start(ctx, w.options())
		w.served(ctx)
		secret, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Labels).To(HaveKey("a"))
		Expect(secret.Data).To(And(HaveKey("ca.crt"), HaveKey("ca.key"), HaveKey("tls.crt"), HaveKey("tls.key")))
	})

	It("can be somebody else's, from a folder", func(ctx SpecContext) {
		w := newWorld(ctx)
		stop := w.start(ctx, w.options())
		w.served(ctx)
		secret, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		stop()
		folder := GinkgoT().TempDir()
		for _, key := range []string{"tls.crt", "tls.key"} {
			Expect(os.WriteFile(filepath.Join(folder, key), secret.Data[key], 0o600)).To(Succeed())
		}
		Expect(w.Delete(ctx, secret)).To(Succeed())

		o := w.options()
		o.CertDir = folder
		w.start(ctx, o)
		w.served(ctx)
		_, err = w.secret(ctx)
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		Expect(err).To(HaveOccurred(), "the operator made a Secret that it does not need")
	})
})
