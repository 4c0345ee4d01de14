package world

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
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Tenant is the SCIM client's side of a tenant.
type Tenant struct {
	Namespace string
	Token     string
	// Connection is a file for the simulated Okta.
	Connection string
	baseURL    string
	world      *World
	http       *http.Client
	// probes counts the users that Provisions has made.
	probes int
}

// Way is how a SCIM client reaches the operator.
type Way struct {
	// BaseURL is what the client is configured with.
	BaseURL string
	// Address is where BaseURL's host is found; host:port.
	Address string
	// CAFile has the authority that the server's certificate is verified by.
	CAFile string
	// Ingress says that something is in between, which may answer by itself.
	Ingress bool
}

// NewTenant waits until the token of ScimEndpoint okta works on this way.
func (w *World) NewTenant(ctx context.Context, namespace string, way Way) *Tenant {
	GinkgoHelper()
	pem, err := os.ReadFile(way.CAFile)
	Expect(err).NotTo(HaveOccurred())
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(pem)).To(BeTrue())
	t := &Tenant{Namespace: namespace, baseURL: way.BaseURL, world: w, Connection: filepath.Join(GinkgoT().TempDir(), "connection.json")}
	t.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, way.Address)
		},
		DisableKeepAlives: true, // each request by itself, as none may depend on the fate of another's connection
	}}
	Eventually(func(g Gomega) { t.Token = t.ReadToken(ctx, g) }).Should(Succeed())
	Eventually(func() (int, error) {
		a, err := t.Send(ctx, http.MethodGet, "/Users?count=0", "")
		return a.Status, err
	}).Should(Equal(http.StatusOK))
	connection, err := json.Marshal(map[string]any{
		"baseURL": way.BaseURL, "token": t.Token, "kubeconfig": w.Node.Kubeconfig, "namespace": namespace,
		"caFile": way.CAFile, "address": way.Address, "ingress": way.Ingress,
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(t.Connection, connection, 0o600)).To(Succeed())
	return t
}

// ReadToken returns the token that the operator has made.
func (t *Tenant) ReadToken(ctx context.Context, g Gomega) string {
	secret := &corev1.Secret{}
	g.Expect(t.world.Client.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: "okta-token"}, secret)).To(Succeed())
	g.Expect(secret.Data[v1alpha1.SecretKeyToken]).NotTo(BeEmpty())
	return string(secret.Data[v1alpha1.SecretKeyToken])
}

// Answer is what the server said; Body is nil if that was no SCIM.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any
}

// With returns the tenant as a client with another token sees it.
func (t *Tenant) With(token string) *Tenant {
	other := *t
	other.Token = token
	return &other
}

// Send makes a SCIM request; path is below BaseURL.
func (t *Tenant) Send(ctx context.Context, method, path, body string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, t.baseURL+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+t.Token)
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	response, err := t.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	got := Answer{Status: response.StatusCode, Header: response.Header}
	if strings.HasPrefix(got.Header.Get("Content-Type"), "application/scim+json") {
		err = json.Unmarshal(data, &got.Body)
	}
	return got, err
}

// Expect makes a request that has to be answered with this status.
func (t *Tenant) Expect(ctx context.Context, status int, method, path, body string) Answer {
	GinkgoHelper()
	got, err := t.Send(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(got.Status).To(Equal(status), "%s %s: %v", method, path, got.Body)
	return got
}

// Okta has the simulated Okta work once, which checks every answer, and every custom resource at the end.
func (t *Tenant) Okta(ctx context.Context, arguments ...string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, t.world.Oktasim, append([]string{"-connection", t.Connection, "-settle-for", "1m"}, arguments...)...)
	command.Dir = t.world.Root
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
}

// ID is that of the resource in the answer; empty: there is none.
func (a Answer) ID() string {
	id, _ := a.Body["id"].(string)
	return id
}

// NewUser is the body of a POST.
func NewUser(userName string) string {
	return fmt.Sprintf(`{"schemas": [%q], "userName": %q, "displayName": "Somebody", "active": true}`,
		"urn:ietf:params:scim:schemas:core:2.0:User", userName)
}
