package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// browser is somebody's: it keeps cookies and follows where it is led to.
type browser struct{ client *http.Client }

// page is what was shown in the end.
type page struct {
	URL    *url.URL
	Status int
	Text   string
}

// newBrowser knows all authorities; names lead to the ingress.
func newBrowser() *browser {
	GinkgoHelper()
	roots := x509.NewCertPool()
	for _, certificate := range []world.Certificate{providerCert, consoleCert, scimCert} {
		pem, err := os.ReadFile(certificate.CAFile)
		Expect(err).NotTo(HaveOccurred())
		Expect(roots.AppendCertsFromPEM(pem)).To(BeTrue())
	}
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	return &browser{&http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == consoleHost+":443" || address == host+":443" {
				address = ingress
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
		DisableKeepAlives: true, // each request to whatever replica comes next
	}}}
}

// try opens a page of the console or, with an absolute URL, another one; with a form it is sent.
func (b *browser) try(ctx context.Context, where string, form url.Values) (page, error) {
	if !strings.HasPrefix(where, "https://") {
		where = console + where
	}
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, where, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept", "text/html")
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	response, err := b.client.Do(request)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return page{response.Request.URL, response.StatusCode, string(text)}, err
}

// open is try where there has to be an answer.
func (b *browser) open(ctx context.Context, where string) page {
	GinkgoHelper()
	shown, err := b.try(ctx, where, nil)
	Expect(err).NotTo(HaveOccurred())
	return shown
}

// send sends a form.
func (b *browser) send(ctx context.Context, where string, form url.Values) page {
	GinkgoHelper()
	shown, err := b.try(ctx, where, form)
	Expect(err).NotTo(HaveOccurred())
	return shown
}

// status is that of a page, for Eventually.
func (b *browser) status(ctx context.Context, where string) func() (int, error) {
	return func() (int, error) {
		shown, err := b.try(ctx, where, nil)
		return shown.Status, err
	}
}

// attempt is what the provider's login page has in its form.
var attempt = regexp.MustCompile(`name="id" value="([^"]+)"`)

// isLogin reports whether the page is the one where one logs in at the provider.
func (p page) isLogin() bool { return strings.HasPrefix(p.URL.String(), issuer+"/login/") }

// logIn opens a page of the console, fills in the provider's, and returns what is shown then.
func (b *browser) logIn(ctx context.Context, where string) page {
	GinkgoHelper()
	shown := b.open(ctx, where)
	Expect(shown.isLogin()).To(BeTrue(), "%s: %s", shown.URL, shown.Text)
	id := attempt.FindStringSubmatch(shown.Text)
	Expect(id).NotTo(BeNil(), shown.Text)
	return b.send(ctx, issuer+"/login/username", url.Values{"id": {id[1]}, "username": {username}, "password": {password}})
}
