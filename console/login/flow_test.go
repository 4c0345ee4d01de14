package login

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

// named is somebody of whom a page shows the name only.
type named struct{ user authenticationv1.UserInfo }

func (n named) User() authenticationv1.UserInfo { return n.user }
func (named) Client() client.Client             { return nil }
func (named) May(context.Context, authorizationv1.ResourceAttributes) (bool, error) {
	return false, errors.New("nobody is to ask for rights")
}
func (named) Reader(context.Context, string) (client.Reader, error) {
	return nil, errors.New("nobody is to read")
}

// visit is a console, its provider, a browser, and a time that the test sets.
type visit struct {
	t        *testing.T
	provider *issuer.Provider
	login    *Login
	server   *httptest.Server
	browser  *http.Client
	mu       sync.Mutex
	now      time.Time
	paths    []string
}

func newVisit(t *testing.T) *visit {
	t.Helper()
	v := &visit{t: t, provider: issuer.NewProvider(t, "scim-console", "secret"), now: time.Now(), server: httptest.NewUnstartedServer(nil)}
	v.server.StartTLS()
	t.Cleanup(v.server.Close)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := json.Marshal(v.provider.CA)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("https://console.example.com/", v.server.URL, "/etc/scim-console/client/secret", file,
		"url: https://idp.example.com", "{url: \""+v.provider.URL+"\", certificateAuthority: "+string(ca)+"}", "issuer:\n    ", "issuer: ").Replace(goodConfiguration)
	configuration, err := ParseConfiguration([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(v.now, v.now.Add(-time.Hour))
	l, err := New(t.Context(), Options{Configuration: configuration, Keys: keys, Logger: logr.Discard(), Now: v.time,
		Caller: func(_ context.Context, user authenticationv1.UserInfo) (access.Caller, error) {
			return named{user}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	v.login = l
	handler, err := pages.New(pages.Options{Sessions: l, Hosts: []string{strings.TrimPrefix(v.server.URL, "https://")}, TLS: true, Logger: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	v.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		v.paths = append(v.paths, r.URL.Path)
		v.mu.Unlock()
		handler.ServeHTTP(w, r)
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := v.server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	roots := x509.NewCertPool()
	roots.AddCert(v.server.Certificate())
	roots.AppendCertsFromPEM([]byte(v.provider.CA))
	transport = transport.Clone()
	transport.TLSClientConfig.RootCAs = roots
	v.browser = &http.Client{Jar: jar, Transport: transport}
	return v
}

func (v *visit) time() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *visit) wait(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now, v.paths = v.now.Add(d), nil
}

// open opens a page as a person does, or with accept as a script; it returns status, text and whether the browser was at the provider.
func (v *visit) open(method, accept string) (status int, text string, asked bool) {
	v.t.Helper()
	address := v.server.URL + "/-/me"
	if method == http.MethodPost {
		address = v.server.URL + "/acme/users/x/rerun"
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, address, http.NoBody)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	if method == http.MethodPost {
		r.Header.Set("Origin", v.server.URL)
	}
	answer, err := v.browser.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, path := range v.paths {
		asked = asked || path == callbackPath
	}
	v.paths = nil
	return answer.StatusCode, string(body), asked
}

// page opens a page and expects a text on it.
func (v *visit) page(status int, text string) (asked bool) {
	v.t.Helper()
	got, body, asked := v.open(http.MethodGet, "text/html")
	if got != status || !strings.Contains(body, text) {
		v.t.Fatalf("status %d: %s", got, body)
	}
	return asked
}

func anna(groups ...string) map[string]any {
	return map[string]any{"sub": "anna-1", "email": "anna@example.com", "email_verified": true, "groups": groups, "exp": time.Now().Add(48 * time.Hour).Unix()}
}

func TestTheProviderConfirmsASessionByTheBrowser(t *testing.T) {
	v := newVisit(t)
	v.provider.Is(anna("scim-a", "other"))
	if !v.page(http.StatusOK, "scim-a") {
		t.Error("nobody was logged in")
	}
	v.wait(2 * time.Minute)
	if v.page(http.StatusOK, "scim-a") {
		t.Error("the provider was asked again too soon")
	}
	v.provider.Is(anna("scim-b"))
	v.wait(time.Minute) // half of confirmWithin since the login
	if status, _, asked := v.open(http.MethodGet, "text/event-stream"); status != http.StatusOK || asked {
		t.Errorf("a script's request: status %d, at the provider: %v", status, asked)
	}
	if !v.page(http.StatusOK, "scim-b") {
		t.Error("the provider was not asked again")
	}

	t.Run("what is no page waits for one, and is refused when the provider's last word is too old", func(t *testing.T) {
		v.t = t
		v.wait(4 * time.Minute)
		if status, _, _ := v.open(http.MethodGet, "text/event-stream"); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		v.wait(time.Minute)
		if status, text, _ := v.open(http.MethodPost, "text/html"); status != http.StatusUnauthorized || !strings.Contains(text, "load this page again") {
			t.Errorf("status %d: %s", status, text)
		}
		if status, text, _ := v.open(http.MethodGet, "text/event-stream"); status != http.StatusUnauthorized || !strings.Contains(text, "has to be confirmed") {
			t.Errorf("status %d: %s", status, text)
		}
		v.page(http.StatusOK, "scim-b")
	})
	t.Run("another person does not go on with the session", func(t *testing.T) {
		v.t = t
		v.wait(5 * time.Minute)
		other := anna("scim-b")
		other["sub"], other["email"] = "ben-1", "ben@example.com"
		v.provider.Is(other)
		v.page(http.StatusOK, "ben@example.com")
		v.provider.Is(anna("scim-b"))
	})
	t.Run("whom the provider has logged out is out", func(t *testing.T) {
		v.t = t
		v.provider.Is(nil)
		v.wait(5 * time.Minute)
		v.page(http.StatusUnauthorized, "wants you to log in again")
	})
}

func TestTheProviderConfirmsASessionByARefreshToken(t *testing.T) {
	v := newVisit(t)
	v.provider.Lasting()
	v.provider.Is(anna("scim-a"))
	v.page(http.StatusOK, "scim-a")
	for range 3 {
		v.wait(3 * time.Minute)
		if status, text, asked := v.open(http.MethodGet, "*/*"); status != http.StatusOK || asked || !strings.Contains(text, "anna@") {
			t.Fatalf("status %d, at the provider: %v: %s", status, asked, text)
		}
	}
	if n := v.provider.Refreshed(); n != 3 {
		t.Errorf("the provider was asked %d times", n)
	}

	t.Run("goes on for a while without the provider", func(t *testing.T) {
		v.t = t
		v.provider.Serve(issuer.Away)
		v.wait(4 * time.Minute)
		v.page(http.StatusOK, "anna@")
		v.wait(2 * time.Minute)
		v.page(http.StatusServiceUnavailable, "does not answer")
		v.provider.Serve(nil)
		v.page(http.StatusOK, "anna@")
	})
	t.Run("ends when the account does", func(t *testing.T) {
		v.t = t
		v.provider.Forget()
		v.wait(3 * time.Minute)
		if status, text, _ := v.open(http.MethodGet, "*/*"); status != http.StatusUnauthorized || !strings.Contains(text, "has to be confirmed") {
			t.Errorf("status %d: %s", status, text)
		}
		if !v.page(http.StatusOK, "anna@") {
			t.Error("the browser was not asked about an account whose refresh token has ended")
		}
		v.provider.Forget()
		v.provider.Is(nil)
		v.wait(3 * time.Minute)
		v.page(http.StatusUnauthorized, "wants you to log in again")
		v.page(http.StatusForbidden, "did not let you in")
	})
	t.Run("ends when the person is in no group any more", func(t *testing.T) {
		v.t = t
		v.provider.Is(anna("scim-a"))
		v.page(http.StatusOK, "anna@")
		v.provider.Change(anna("other"))
		v.wait(3 * time.Minute)
		v.page(http.StatusUnauthorized, "not in a way that this console takes")
	})
}

func TestAProviderThatIsAwayIsAskedAgain(t *testing.T) {
	v := newVisit(t)
	v.provider.Serve(issuer.Away)
	v.provider.Is(anna("scim-a"))
	v.page(http.StatusServiceUnavailable, "does not answer as it should")
	v.provider.Serve(nil)
	v.page(http.StatusServiceUnavailable, "does not answer as it should")
	v.wait(discoverAgain)
	v.page(http.StatusOK, "scim-a")
	v.wait(discoverEvery)
	v.provider.Serve(issuer.Away)
	if _, err := v.login.provider.discover(t.Context()); err != nil {
		t.Errorf("what is known of a provider does not count while it is away: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	v := newVisit(t)
	v.provider.Lasting()
	v.provider.Is(anna("scim-a"))
	v.page(http.StatusOK, "scim-a")
	v.wait(DefaultIdleTimeout - time.Minute)
	v.page(http.StatusOK, "scim-a")
	t.Run("when only a script uses them", func(t *testing.T) {
		v.t = t
		for range 5 {
			v.wait(DefaultIdleTimeout / 6)
			if status, text, _ := v.open(http.MethodGet, "text/event-stream"); status != http.StatusOK {
				t.Fatalf("status %d: %s", status, text)
			}
		}
		v.wait(DefaultIdleTimeout / 6)
		v.page(http.StatusUnauthorized, "Nobody used it for 1h")
	})
	t.Run("in the end, however they are used", func(t *testing.T) {
		v.t = t
		v.page(http.StatusOK, "scim-a")
		for range 12*2 - 1 {
			v.wait(DefaultLifetime / 24)
			v.page(http.StatusOK, "scim-a")
		}
		v.wait(DefaultLifetime / 24)
		v.page(http.StatusUnauthorized, "Sessions last 12h")
	})
}
