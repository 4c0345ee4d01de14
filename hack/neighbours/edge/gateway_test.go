package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/hack/e2e/world"
)

var _ = Describe("behind Traefik as a controller of the Gateway API", Ordered, ContinueOnFailure, func() {
	It("has its HTTPRoute accepted, and finds what that leads to", func(ctx SpecContext) {
		routeIsAccepted(ctx)
		class := read(ctx, "GatewayClass", "", "traefik")
		features, _, err := unstructured.NestedSlice(class.Object, "status", "supportedFeatures")
		Expect(err).NotTo(HaveOccurred())
		Expect(features).To(ContainElement(HaveKeyWithValue("name", "HTTPRoute")))
		// config/install.md says so: Traefik ignores spec.rules.timeouts, and no condition tells.
		Expect(features).NotTo(ContainElement(HaveKeyWithValue("name", "HTTPRouteRequestTimeout")))
	})

	It("passes the simulated Okta and Okta's SPEC test", func(ctx SpecContext) {
		acme.Okta(ctx, "-users", "40", "-groups", "6", "-demo", "-spec", "-converge-for", "3m", "-retry-for", "1m")
	}, NodeTimeout(15*time.Minute))

	It("is reached on its paths only", func(ctx SpecContext) {
		for _, path := range []string{"/scim/v2/ServiceProviderConfig", "/scim/v2/Users", "/oauth2/token", "/.well-known/oauth-authorization-server"} {
			Expect(get(ctx, path, nil).server).To(Equal("operator"), path)
		}
		for _, path := range []string{"/", "/scimmer", "/metrics", "/healthz", "/.well-known/other"} {
			answered := get(ctx, path, nil)
			Expect(answered.server).To(Equal("gateway"), path)
			Expect(answered.status).To(Equal(http.StatusNotFound), path)
		}
	})

	It("gets a path with an encoded slash as it was sent", func(ctx SpecContext) {
		answered := get(ctx, "/scim/v2/Users/a%2Fb", map[string]string{"Authorization": "Bearer " + acme.Token})
		Expect(answered.server).To(Equal("operator"))
		Expect(answered.status).To(Equal(http.StatusNotFound))
	})

	It("gets the largest body of a group, and refuses a larger one itself", func(ctx SpecContext) {
		const largest = 32 << 20
		body := `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Large"}`
		body += strings.Repeat(" ", largest-len(body))
		acme.Expect(ctx, http.StatusCreated, http.MethodPost, "/Groups", body)
		refused := acme.Expect(ctx, http.StatusRequestEntityTooLarge, http.MethodPost, "/Groups", body+" ")
		Expect(refused.Body).To(HaveKeyWithValue("status", "413"))
	})

	It("knows the client's address and that it used HTTPS, whatever the client says itself", func(ctx SpecContext) {
		created := acme.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", world.NewUser("addressed@probe.example"))
		Expect(created.Header.Get("Location")).To(HavePrefix(baseURL + "/Users/"))
		id := get(ctx, "/scim/v2/Users?count=0", map[string]string{
			"Authorization": "Bearer " + acme.Token, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http",
		}).requestID
		Expect(id).NotTo(BeEmpty())
		Eventually(func() string {
			logs := cluster.Kubectl(ctx, "--namespace", world.System, "logs", "--selector=app.kubernetes.io/name="+world.Name, "--tail=-1")
			for line := range strings.Lines(logs) {
				if strings.Contains(line, `"msg":"Request"`) && strings.Contains(line, id) {
					return line
				}
			}
			return ""
		}).Should(And(ContainSubstring(`"source":"10.250.0.1"`), Not(ContainSubstring("203.0.113.7"))))
	})

	It("loses no request in a rolling update", func(ctx SpecContext) {
		cluster.UnderLoad(ctx, "rolling update", acme, func() {
			cluster.Kubectl(ctx, "--namespace", world.System, "rollout", "restart", "deployment/"+world.Name)
			cluster.RolledOut(ctx)
			cluster.Whole(ctx, acme)
		})
	}, NodeTimeout(15*time.Minute))
})

// read gets an object of the Gateway API.
func read(ctx context.Context, kind, namespace, name string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: kind})
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)).To(Succeed())
	return object
}

// routeIsAccepted waits until the controller says of this generation of the HTTPRoute that all is well.
func routeIsAccepted(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		route := read(ctx, "HTTPRoute", world.System, world.Name)
		parents, _, err := unstructured.NestedSlice(route.Object, "status", "parents")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(parents).To(HaveLen(1))
		g.Expect(parents[0]).To(HaveKeyWithValue("conditions", And(
			ContainElement(And(HaveKeyWithValue("type", "Accepted"), HaveKeyWithValue("observedGeneration", route.GetGeneration()))),
			ContainElement(HaveKeyWithValue("type", "ResolvedRefs")),
			HaveEach(HaveKeyWithValue("status", "True")))))
	}).Should(Succeed())
}

// answer is what came of a request, and who gave it.
type answer struct {
	status            int
	server, requestID string
}

// get makes a request through the Gateway, with the path and the headers as they are given.
func get(ctx context.Context, path string, headers map[string]string) answer {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+path, nil)
	Expect(err).NotTo(HaveOccurred())
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authority(), MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, gateway)
		},
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	Expect(err).NotTo(HaveOccurred())
	answered := answer{status: response.StatusCode, server: "gateway", requestID: response.Header.Get("X-Request-ID")}
	if answered.requestID != "" { // which the operator gives every answer
		answered.server = "operator"
	}
	return answered
}

// authority is that of cert-manager.
func authority() *x509.CertPool {
	GinkgoHelper()
	text, err := os.ReadFile(caFile)
	Expect(err).NotTo(HaveOccurred())
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(text)).To(BeTrue())
	return pool
}
