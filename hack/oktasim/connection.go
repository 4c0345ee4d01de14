package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
)

// connection is the file that the dev runner writes. The last three are for a server behind an ingress.
type connection struct {
	BaseURL    string `json:"baseURL"`
	Token      string `json:"token"`
	Kubeconfig string `json:"kubeconfig"`
	Namespace  string `json:"namespace"`
	// TokenURL, ClientID and one of ClientSecret and AssertionFile are in the place of Token: then the client gets access
	// tokens, as Microsoft Entra ID does.
	TokenURL      string `json:"tokenURL"`
	ClientID      string `json:"clientID"`
	ClientSecret  string `json:"clientSecret"`
	AssertionFile string `json:"assertionFile"`
	// CAFile is a PEM file of the authorities to trust in the place of the system's.
	CAFile string `json:"caFile"`
	// Address is the host and port to connect to in the place of those of baseURL, whose name then needs no DNS.
	Address string `json:"address"`
	// Ingress is okta.Client's.
	Ingress bool `json:"ingress"`
}

func readConnection(path string) (connection, error) {
	var c connection
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("reading the connection (is `make run` up?): %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("reading %s: %w", path, err)
	}
	if c.BaseURL == "" || (c.Token == "") == (c.TokenURL == "") {
		return c, fmt.Errorf("%s needs baseURL, and either token or tokenURL", path)
	}
	if c.TokenURL != "" && (c.ClientID == "" || (c.ClientSecret == "") == (c.AssertionFile == "")) {
		return c, fmt.Errorf("%s needs with tokenURL a clientID, and either clientSecret or assertionFile", path)
	}
	return c, nil
}

// oauth is how access tokens are got; nil with a token that stays.
func (c connection) oauth(client *http.Client) *okta.OAuth {
	if c.TokenURL == "" {
		return nil
	}
	return &okta.OAuth{TokenURL: c.TokenURL, ClientID: c.ClientID, ClientSecret: c.ClientSecret, AssertionFile: c.AssertionFile, HTTP: client}
}

// bearer is a token for requests of now.
func (c connection) bearer(ctx context.Context, oauth *okta.OAuth) (string, error) {
	if oauth == nil {
		return c.Token, nil
	}
	return oauth.Token(ctx, time.Now())
}

// transport keeps up to connections open.
func (c connection) transport(connections int) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the connection's caFile: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the connection's caFile %s has no certificate", c.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if c.Address != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, c.Address)
		}
	}
	return transport, nil
}

// check finds out at once that a run would be pointless: with a token that is not
// valid every step fails. A server that does not answer is waited for later.
func (c connection) check(ctx context.Context, client *http.Client, oauth *okta.OAuth) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.BaseURL+"/Users?count=0", http.NoBody)
	if err != nil {
		return fmt.Errorf("the connection's baseURL: %w", err)
	}
	token, err := c.bearer(ctx, oauth)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return nil //nolint:nilerr // the simulation tries again
	}
	if err := response.Body.Close(); err != nil {
		return nil //nolint:nilerr // the simulation tries again
	}
	if response.StatusCode == http.StatusUnauthorized {
		return errors.New("the server does not accept the connection's token; take the current one from the ScimEndpoint's Secret " +
			"(`make run` writes it to connection.json within seconds)")
	}
	return nil
}

// recorder writes each attempt as a line.
func recorder(out io.Writer) func(okta.Attempt) {
	var mu sync.Mutex
	lines := json.NewEncoder(out)
	return func(attempt okta.Attempt) {
		mu.Lock()
		defer mu.Unlock()
		if err := lines.Encode(attempt); err != nil {
			fmt.Fprintln(os.Stderr, "oktasim: -attempts:", err)
		}
	}
}
