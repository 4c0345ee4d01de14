package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestDev(t *testing.T) { suite.Run(t, "Dev runner") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// server answers as a SCIM server would that accepts this token only.
func server(token string) (port int) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	DeferCleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

var _ = Describe("connect", func() {
	It("says what is missing until the endpoint has a token that the server accepts", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		c, err := newClient(env.Config)
		Expect(err).NotTo(HaveOccurred())
		r := &runner{opts: options{namespace: namespace, scimPort: server("right")}, client: c, data: "data"}

		_, err = r.connect(ctx)
		Expect(err).To(MatchError(ContainSubstring("config/samples should hold one")))

		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
		Expect(c.Create(ctx, endpoint)).To(Succeed())
		_, err = r.connect(ctx)
		Expect(err).To(MatchError(ContainSubstring("has no status.tokenSecretName")))

		endpoint.Status.TokenSecretName = "okta-token"
		Expect(c.Status().Update(ctx, endpoint)).To(Succeed())
		_, err = r.connect(ctx)
		Expect(err).To(MatchError(ContainSubstring("reading the token's Secret")))

		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-token"},
			StringData: map[string]string{v1alpha1.SecretKeyToken: "wrong"},
		}
		Expect(c.Create(ctx, secret)).To(Succeed())
		_, err = r.connect(ctx)
		Expect(err).To(MatchError("the SCIM server answered 401 Unauthorized"))

		secret.StringData = map[string]string{v1alpha1.SecretKeyToken: "right"}
		Expect(c.Update(ctx, secret)).To(Succeed())
		conn, err := r.connect(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(conn).To(Equal(connection{
			BaseURL:    "http://" + loopback(r.opts.scimPort) + "/scim/v2",
			Token:      "right",
			Kubeconfig: r.kubeconfig(),
			Namespace:  namespace,
			secret:     "okta-token",
		}))
	})

	It("gives the sample endpoint its address, and later follows the port but leaves what the user has made of it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx, GinkgoT())
		c, err := newClient(env.Config)
		Expect(err).NotTo(HaveOccurred())
		r := &runner{opts: options{namespace: namespace, scimPort: 1}, client: c}
		Expect(r.nameAddress(ctx, true)).To(Succeed())

		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
		Expect(c.Create(ctx, endpoint)).To(Succeed())
		address := func(port int, fresh bool) string {
			GinkgoHelper()
			r.opts.scimPort = port
			Expect(r.nameAddress(ctx, fresh)).To(Succeed())
			Expect(c.Get(ctx, client.ObjectKeyFromObject(endpoint), endpoint)).To(Succeed())
			return endpoint.Spec.PublicURL
		}
		set := func(publicURL string) {
			GinkgoHelper()
			endpoint.Spec.PublicURL = publicURL
			Expect(c.Update(ctx, endpoint)).To(Succeed())
		}
		Expect(address(1, true)).To(Equal("http://127.0.0.1:1/scim/v2"))
		Expect(address(2, false)).To(Equal("http://127.0.0.1:2/scim/v2"))
		set("https://scim.example.com/scim/v2")
		Expect(address(3, false)).To(Equal("https://scim.example.com/scim/v2"))
		set("")
		Expect(address(3, false)).To(BeEmpty())
	})

	It("is waited for until a program ends, which is what ends the context", func(ctx SpecContext) {
		c, err := newClient(env.Config)
		Expect(err).NotTo(HaveOccurred())
		r := &runner{opts: options{namespace: env.Namespace(ctx, GinkgoT())}, client: c, out: io.Discard}
		programs, end := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			_, err := r.waitConnected(programs)
			ended <- err
		}()
		Consistently(ended).ShouldNot(Receive())
		end()
		Eventually(ended).Should(Receive(MatchError(ContainSubstring("the SCIM endpoint is not ready"))))
	})
})
