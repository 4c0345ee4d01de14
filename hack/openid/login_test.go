package openid

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/login"
	"rservice.dev/scim-operator/console/pages"
	"rservice.dev/scim-operator/hack/testenv"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// somebody is who logged in, of whom the page shows user and groups.
type somebody struct{ user authenticationv1.UserInfo }

func (s somebody) User() authenticationv1.UserInfo { return s.user }
func (somebody) Client() client.Client             { return nil }
func (somebody) May(context.Context, authorizationv1.ResourceAttributes) (bool, error) {
	return false, errors.New("nobody is to ask for rights")
}

func (somebody) Reader(context.Context, string) (client.Reader, error) {
	return nil, errors.New("nobody is to read")
}

// console is one with sessions of this provider, at a time that the test sets.
func console(t *testing.T, scopes string, now *time.Time) (*httptest.Server, *http.Client) {
	t.Helper()
	env := testenv.StartFor(t)
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	p := newProvider(t, server.URL)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := json.Marshal(p.ca)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := login.ParseConfiguration([]byte(`
apiVersion: console.provisioning.rservice.dev/v1alpha1
kind: ConsoleConfiguration
baseURL: ` + server.URL + `
clientID: ` + ClientID + `
clientSecretFile: ` + file + `
scopes: ` + scopes + `
jwt:
  issuer: {url: "` + p.url + `", certificateAuthority: ` + string(ca) + `}
  claimMappings:
    username: {claim: email, prefix: ""}
    groups: {expression: "dyn(claims.groups).filter(g, g.startsWith('scim-'))"}
  claimValidationRules:
    - {expression: "claims.email_verified == true", message: a verified e-mail address}
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(env.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return *now }
	sessions, err := login.New(t.Context(), login.Options{
		Configuration: configuration, Logger: logr.Discard(), Now: clock,
		Keys: &login.Keys{Client: c, Secret: client.ObjectKey{Namespace: env.Namespace(t.Context(), t), Name: login.DefaultSecret}, Lifetime: time.Hour, Now: clock},
		Caller: func(_ context.Context, user authenticationv1.UserInfo) (access.Caller, error) {
			return somebody{user}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if server.Config.Handler, err = pages.New(pages.Options{
		Sessions: sessions, Hosts: []string{strings.TrimPrefix(server.URL, "https://")}, TLS: true, Logger: logr.Discard(),
	}); err != nil {
		t.Fatal(err)
	}
	return server, browser(t, server, p)
}

func browser(t *testing.T, server *httptest.Server, p *provider) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	transport = transport.Clone()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(p.ca))
	return &http.Client{Jar: jar, Transport: transport}
}

// open opens a page and returns where it ended, its status and text.
func open(t *testing.T, browser *http.Client, address string, form url.Values) (*url.URL, int, string) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Request.URL, answer.StatusCode, string(body)
}

// logIn goes from the console to the provider's page, fills it in, and comes back.
func logIn(t *testing.T, browser *http.Client, console string) (status int, text string) {
	t.Helper()
	where, _, text := open(t, browser, console+"/-/me", nil)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(text)
	if where.Path != "/login/username" || id == nil {
		t.Fatalf("%s is not where one logs in: %s", where, text)
	}
	_, status, text = open(t, browser, where.Scheme+"://"+where.Host+"/login/username", url.Values{"id": {id[1]}, "username": {Username}, "password": {Password}})
	return status, text
}

func TestLogin(t *testing.T) {
	for name, scopes := range map[string]string{"by the browser": "[profile, email]", "by a refresh token": "[profile, email, offline_access]"} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			server, browser := console(t, scopes, &now)
			status, text := logIn(t, browser, server.URL)
			for _, expected := range []string{"test-user2@zitadel.ch", "scim-support"} {
				if status != http.StatusOK || !strings.Contains(text, expected) {
					t.Fatalf("status %d: %s", status, text)
				}
			}
			now = now.Add(login.DefaultConfirmWithin / 2)
			_, status, text = open(t, browser, server.URL+"/-/me", nil)
			switch {
			case name == "by a refresh token":
				if status != http.StatusOK || !strings.Contains(text, "scim-support") {
					t.Fatalf("status %d: %s", status, text)
				}
			case status != http.StatusUnauthorized || !strings.Contains(text, "wants you to log in again"):
				// This provider keeps no session of a browser.
				t.Fatalf("status %d: %s", status, text)
			}
		})
	}
}
