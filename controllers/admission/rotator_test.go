package admission_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/controllers/admission"
	"rservice.dev/scim-operator/hack/testenv"
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
func (w *world) handshake(ctx context.Context, address string) error {
	bundle, err := w.trusted(ctx)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("nobody is trusted yet")
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
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

// rewrite changes what the Secret holds, whatever the replicas do to it at the same time.
func (w *world) rewrite(ctx context.Context, change func(data map[string][]byte)) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		secret, err := w.secret(ctx)
		g.Expect(err).NotTo(HaveOccurred())
		change(secret.Data)
		g.Expect(w.Update(ctx, secret)).To(Succeed())
	}).Should(Succeed())
}

var _ = Describe("the webhook's certificate", func() {
	It("is one for all replicas that start at the same time, and is made again when it is lost", func(ctx SpecContext) {
		w := newWorld(ctx)
		var addresses []string
		for range 3 {
			o := w.options()
			o.BindAddress, o.LookInterval = testenv.FreeAddress(ctx, GinkgoT()), 50*time.Millisecond
			addresses = append(addresses, o.BindAddress)
			w.start(ctx, o)
		}
		for _, address := range addresses {
			Eventually(func() error { return w.handshake(ctx, address) }).Should(Succeed())
		}
		first, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.trusted(ctx)).To(Equal(first.Data["ca.crt"]))

		By("making another one when the Secret is deleted")
		Expect(w.Delete(ctx, first)).To(Succeed())
		Eventually(w.trusted).WithContext(ctx).ShouldNot(Equal(first.Data["ca.crt"]))
		for _, address := range addresses {
			Eventually(func() error { return w.handshake(ctx, address) }).Should(Succeed())
		}

		By("replacing what is of no use")
		second, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		w.rewrite(ctx, func(data map[string][]byte) { data["tls.crt"] = []byte("spoilt") })
		Eventually(w.trusted).WithContext(ctx).ShouldNot(Equal(second.Data["ca.crt"]))
		for _, address := range addresses {
			Eventually(func() error { return w.handshake(ctx, address) }).Should(Succeed())
		}

		By("putting back what is taken out of the configuration")
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Eventually(func(g Gomega) { // the replicas write it, too
			g.Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
			configuration.Webhooks[0].ClientConfig.CABundle = nil
			g.Expect(w.Update(ctx, configuration)).To(Succeed())
		}).Should(Succeed())
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
		Expect(secret.Data).To(And(HaveKey("ca.crt"), HaveKey("ca.key"), HaveKey("tls.crt"), HaveKey("tls.key"), HaveKey("path")))
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
		Eventually(func(g Gomega) {
			path, err := w.secret(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(path.Data).To(HaveLen(1), "somebody else's certificate has no place here")
			status, _, err := post(ctx, stranger(), w.url()+string(path.Data["path"]), w.forged())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(status).To(Equal(http.StatusOK))
		}).Should(Succeed())
		Expect(w.trusted(ctx)).To(Equal(secret.Data["ca.crt"]), "the CA is somebody else's business")
	})
})

// called is what the API server calls.
func (w *world) called(ctx context.Context) (string, error) {
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration); err != nil {
		return "", err
	}
	return *configuration.Webhooks[0].ClientConfig.URL, nil
}

// twoReplicas starts two operators, each of which the API server asks about every rule: what
// one of them does not answer, or answers with what is not trusted, is seen at once.
func (w *world) twoReplicas(ctx SpecContext, interval time.Duration) {
	GinkgoHelper()
	second := testenv.FreeAddress(ctx, GinkgoT())
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
	other := configuration.Webhooks[0].DeepCopy()
	other.Name, other.ClientConfig.URL = "second."+other.Name, new("https://"+second)
	configuration.Webhooks = append(configuration.Webhooks, *other)
	Expect(w.Update(ctx, configuration)).To(Succeed())
	for _, address := range []string{w.address, second} {
		o := w.options()
		o.BindAddress, o.LookInterval = address, interval
		w.start(ctx, o)
	}
	w.served(ctx)
	w.eventuallyAccepted(ctx)
}

// eventuallyAccepted waits until all who are asked accept a rule.
func (w *world) eventuallyAccepted(ctx SpecContext) {
	GinkgoHelper()
	Eventually(func() error { return w.Create(ctx, ruleFrom(), client.DryRunAll) }).Should(Succeed())
	w.take()
}

var _ = Describe("another Secret", func() {
	It("is agreed upon by all replicas without a rule that is refused or stored unexamined meanwhile", func(ctx SpecContext) {
		w := newWorld(ctx)
		// Between two looks the API server learns what has changed: milliseconds.
		w.twoReplicas(ctx, 3*time.Second)
		// examined fails in the moment in which a rule is not looked at.
		examined := func(step string) {
			GinkgoHelper()
			Expect(w.Create(ctx, ruleFrom(), client.DryRunAll)).To(Succeed(), step)
			Expect(refusal(w.Create(ctx, ruleFrom("user.title +", "user.titel +"), client.DryRunAll))).To(
				ContainElement(ContainSubstring("undefined field")), step)
		}
		// until looks on until the API server calls and trusts what the Secret says, and nothing else.
		until := func(step string) {
			GinkgoHelper()
			for {
				examined(step)
				secret, err := w.secret(ctx)
				if client.IgnoreNotFound(err) != nil {
					Fail(err.Error())
				}
				called, err := w.called(ctx)
				Expect(err).NotTo(HaveOccurred())
				trusted, err := w.trusted(ctx)
				Expect(err).NotTo(HaveOccurred())
				if called == w.url()+string(secret.Data["path"]) && bytes.Equal(trusted, secret.Data["ca.crt"]) {
					return
				}
			}
		}
		first, err := w.secret(ctx)
		Expect(err).NotTo(HaveOccurred())
		until("at first")

		By("making another one when it is deleted")
		Expect(w.Delete(ctx, first)).To(Succeed())
		Eventually(w.secretPathOrNone).WithArguments(ctx).ShouldNot(Or(BeEmpty(), Equal(string(first.Data["path"]))))
		until("deleted")

		By("taking one from a backup")
		w.rewrite(ctx, func(data map[string][]byte) {
			clear(data)
			maps.Copy(data, first.Data)
		})
		until("restored")
		examined("afterwards")
	})

	It("does not matter to what the API server calls while it is new", func(ctx SpecContext) {
		w := newWorld(ctx)
		o := w.options()
		o.LookInterval = time.Hour // each looks once
		stop := w.start(ctx, o)
		w.served(ctx)
		before, err := w.called(ctx)
		Expect(err).NotTo(HaveOccurred())
		stop()
		By("starting with a Secret from a backup")
		w.rewrite(ctx, func(data map[string][]byte) { data["path"] = []byte("/automationrules/aaaaaaaaaaaaaaaaaaaaaaaaaa") })
		w.start(ctx, o)
		w.served(ctx)
		Expect(w.called(ctx)).To(Equal(before), "what the API server called a moment ago is still answered")
	})
})

// secretPathOrNone is the path that the Secret has, "" where there is none.
func (w *world) secretPathOrNone(ctx context.Context) (string, error) {
	secret, err := w.secret(ctx)
	return string(secret.Data["path"]), client.IgnoreNotFound(err)
}
