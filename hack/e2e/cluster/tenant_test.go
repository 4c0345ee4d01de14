package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const baseURL = "https://" + host + "/scim/v2"

// tenant is the SCIM client's side of a tenant.
type tenant struct {
	namespace string
	token     string
	// connection is a file for the simulated Okta.
	connection string
	http       *http.Client
}

// newTenant waits until the token works through the ingress.
func newTenant(ctx context.Context, namespace string, c certificate) *tenant {
	GinkgoHelper()
	pem, err := os.ReadFile(c.caFile)
	Expect(err).NotTo(HaveOccurred())
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(pem)).To(BeTrue())
	address := ingressAddress(ctx)
	t := &tenant{namespace: namespace, connection: filepath.Join(GinkgoT().TempDir(), "connection.json")}
	t.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
		DisableKeepAlives: true, // each request by itself, as none may depend on the fate of another's connection
	}}
	Eventually(func(g Gomega) { t.token = t.readToken(ctx, g) }).Should(Succeed())
	Eventually(func() (int, error) {
		a, err := t.send(ctx, http.MethodGet, "/Users?count=0", "")
		return a.status, err
	}).Should(Equal(http.StatusOK))
	connection, err := json.Marshal(map[string]any{
		"baseURL": baseURL, "token": t.token, "kubeconfig": machine.Kubeconfig, "namespace": namespace,
		"caFile": c.caFile, "address": address, "ingress": true,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(t.connection, connection, 0o600)).To(Succeed())
	return t
}

func (t *tenant) readToken(ctx context.Context, g Gomega) string {
	secret := &corev1.Secret{}
	g.Expect(cluster.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "okta-token"}, secret)).To(Succeed())
	g.Expect(secret.Data[v1alpha1.SecretKeyToken]).NotTo(BeEmpty())
	return string(secret.Data[v1alpha1.SecretKeyToken])
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// with returns the tenant as a client with another token sees it.
func (t *tenant) with(token string) *tenant {
	other := *t
	other.token = token
	return &other
}

// send makes a SCIM request through the ingress.
func (t *tenant) send(ctx context.Context, method, path, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, baseURL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+t.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	response, err := t.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, header: response.Header}
	if strings.HasPrefix(got.header.Get("Content-Type"), "application/scim+json") {
		err = json.Unmarshal(data, &got.body)
	}
	return got, err
}

// expect makes a request that has to be answered with this status.
func (t *tenant) expect(ctx context.Context, status int, method, path, body string) answer {
	GinkgoHelper()
	got, err := t.send(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(got.status).To(Equal(status), "%s %s: %v", method, path, got.body)
	return got
}

func (a answer) id() string {
	id, _ := a.body["id"].(string)
	return id
}

// newUser is the body of a POST.
func newUser(userName string) string {
	return fmt.Sprintf(`{"schemas": [%q], "userName": %q, "displayName": "Somebody", "active": true}`,
		"urn:ietf:params:scim:schemas:core:2.0:User", userName)
}
