package admission_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"rservice.dev/scim-operator/controllers/admission"
)

const oldPath = "/validate-provisioning-rservice-dev-v1alpha1-automationrule"

// secretPath is where the API server is answered.
func (w *world) secretPath(ctx context.Context) string {
	GinkgoHelper()
	secret, err := w.secret(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(secret.Data).To(HaveKey("path"))
	return string(secret.Data["path"])
}

// forged is a review that asks whom a rule would change, as the API server would ask it.
func (w *world) forged() []byte {
	GinkgoHelper()
	rule := ruleFrom()
	rule.Namespace = w.namespace
	text, err := json.Marshal(manifest(rule))
	Expect(err).NotTo(HaveOccurred())
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create, Namespace: w.namespace, Name: "contractors", Object: runtime.RawExtension{Raw: text},
		},
	}
	body, err := json.Marshal(review)
	Expect(err).NotTo(HaveOccurred())
	return body
}

// stranger is somebody in the network who takes any certificate, and may have some.
func stranger(certificates ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, Certificates: certificates},
	}}
}

// post sends a review and gives status and body of the answer.
func post(ctx context.Context, client *http.Client, url string, body []byte) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

var _ = Describe("a stranger who reaches the webhook", func() {
	It("learns nothing without the path", func(ctx SpecContext) {
		w := newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)
		Expect(w.Create(ctx, defaultRule())).To(Succeed())
		w.withPersons(ctx, newUser(1, "Contractor"))
		right := w.secretPath(ctx)

		By("answering who knows the path")
		Eventually(func(g Gomega) {
			status, answer, err := post(ctx, stranger(), w.url()+right, w.forged())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(status).To(Equal(http.StatusOK))
			g.Expect(answer).To(ContainSubstring("will change 1 of 1 person: jobTitle 1"))
		}).Should(Succeed())

		before := planned()
		answers := map[string]int{}
		for _, path := range []string{
			"", "/", oldPath, "/automationrules", "/automationrules/", right + "/", right[:len(right)-1], "/x" + right,
			"/automationrules/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/metrics", "/healthz", "/debug/pprof/",
		} {
			for _, body := range [][]byte{w.forged(), []byte("{"), nil} {
				status, answer, err := post(ctx, stranger(), w.url()+path, body)
				Expect(err).NotTo(HaveOccurred())
				Expect(status).To(Equal(http.StatusNotFound), path)
				answers[answer]++
			}
		}
		Expect(answers).To(HaveLen(1), "all strangers get the same answer")
		Expect(planned()).To(Equal(before), "nothing was counted for them")
	})

	It("does not get as far where the API server has a certificate", func(ctx SpecContext) {
		ours, others := newAuthority(), newAuthority()
		file := filepath.Join(GinkgoT().TempDir(), "ca.crt")
		Expect(os.WriteFile(file, ours.pem(), 0o600)).To(Succeed())
		w := newWorld(ctx)
		o := w.options()
		o.ClientCA = file
		w.start(ctx, o)
		var right string
		Eventually(func(g Gomega) {
			secret, err := w.secret(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			right = string(secret.Data["path"])
			status, _, err := post(ctx, stranger(ours.client(x509.ExtKeyUsageClientAuth)), w.url()+right, w.forged())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(status).To(Equal(http.StatusOK))
		}).Should(Succeed())
		status, _, err := post(ctx, stranger(ours.client(x509.ExtKeyUsageClientAuth)), w.url()+oldPath, w.forged())
		Expect(err).NotTo(HaveOccurred())
		Expect(status).To(Equal(http.StatusNotFound), "a certificate does not stand for the path")

		for name, client := range map[string]*http.Client{
			"no certificate": stranger(), "another CA's": stranger(others.client(x509.ExtKeyUsageClientAuth)),
			"a server's": stranger(ours.client(x509.ExtKeyUsageServerAuth)),
		} {
			_, _, err := post(ctx, client, w.url()+right, w.forged())
			Expect(err).To(MatchError(ContainSubstring("tls: ")), name)
		}

		By("reading the file again")
		Expect(os.WriteFile(file, others.pem(), 0o600)).To(Succeed())
		_, _, err = post(ctx, stranger(ours.client(x509.ExtKeyUsageClientAuth)), w.url()+right, w.forged())
		Expect(err).To(MatchError(ContainSubstring("tls: ")))
		status, _, err = post(ctx, stranger(others.client(x509.ExtKeyUsageClientAuth)), w.url()+right, w.forged())
		Expect(err).NotTo(HaveOccurred())
		Expect(status).To(Equal(http.StatusOK))
		Expect(os.WriteFile(file, []byte("spoilt"), 0o600)).To(Succeed())
		_, _, err = post(ctx, stranger(others.client(x509.ExtKeyUsageClientAuth)), w.url()+right, w.forged())
		Expect(err).To(HaveOccurred(), "nobody can be told from a stranger")
	})

	It("cannot be told apart with a file that is of no use, which is said at the start", func(ctx SpecContext) {
		w := newWorld(ctx)
		o := w.options()
		o.ClientCA = filepath.Join(GinkgoT().TempDir(), "missing")
		Expect(admission.Setup(ctx, w.manager(), o)).To(MatchError(ContainSubstring("read the CAs of the webhook's clients")))
	})
})

// authority signs certificates of clients.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority() *authority {
	GinkgoHelper()
	a := &authority{certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	raw, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, a.key.Public(), a.key)
	Expect(err).NotTo(HaveOccurred())
	a.certificate, err = x509.ParseCertificate(raw)
	Expect(err).NotTo(HaveOccurred())
	return a
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// client makes a certificate for a use.
func (a *authority) client(usage x509.ExtKeyUsage) tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}
