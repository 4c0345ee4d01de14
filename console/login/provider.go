package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	kubeoidc "k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

const (
	providerTimeout = 10 * time.Second
	// maxAnswer bounds what a provider answers.
	maxAnswer = 1 << 20
	// discoverEvery is how long the provider's configuration counts; it is asked again before that only while it is not known.
	discoverEvery = time.Hour
	// discoverAgain bounds how often a provider that does not answer is asked.
	discoverAgain = 2 * time.Second
	// maxExchanges bounds how many people are being logged in at the same time, which whoever comes to the console can ask for, and
	// as many of whom the provider is asked again: no stranger takes their place.
	maxExchanges = 16
	wellKnown    = "/.well-known/openid-configuration"
)

// algorithms are those that ID tokens may be signed with.
var algorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}

// errRefused is of a person whom the provider does not know any more, or not in this way.
var errRefused = errors.New("the provider refuses")

// errAway is of a provider that does not answer as it should.
var errAway = errors.New("the provider does not answer")

// provider is the OpenID Connect provider.
type provider struct {
	configuration *Configuration
	client        *http.Client
	life          context.Context //nolint:containedctx // the libraries fetch keys in it
	now           func() time.Time
	logins        chan struct{}
	renewals      chan struct{}

	mu    sync.Mutex
	known *discovered
	// asked is when the provider was last asked for its configuration, and failed with what.
	asked  time.Time
	failed error
}

// discovered is what a provider says of itself.
type discovered struct {
	endpoint   oauth2.Endpoint
	verifier   *oidc.IDTokenVerifier
	claims     authenticator.Token
	endSession string
}

// identity is what the provider said of a person.
type identity struct {
	subject string
	user    authenticationv1.UserInfo
	refresh string
	// idToken is kept for the logout alone.
	idToken string
}

func newProvider(ctx context.Context, c *Configuration, now func() time.Time) (*provider, error) {
	roots, err := rootsOf(c.JWT.Issuer.CertificateAuthority)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: providerTimeout, ResponseHeaderTimeout: providerTimeout,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	return &provider{
		configuration: c, life: ctx, now: now, logins: make(chan struct{}, maxExchanges), renewals: make(chan struct{}, maxExchanges),
		client: &http.Client{Transport: bounded{transport}, Timeout: providerTimeout, CheckRedirect: noRedirects},
	}, nil
}

// rootsOf are the certificates of a configuration; nil, for those of the system, if it has none.
func rootsOf(text string) (*x509.CertPool, error) {
	if text == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(text)) {
		return nil, errors.New("jwt.issuer.certificateAuthority holds no certificates in PEM")
	}
	return roots, nil
}

// noRedirects keeps secrets from going where a provider's answer leads.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bounded bounds what is read of an answer.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if answer != nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

// discover returns what the provider says of itself.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.now().Sub(p.asked)
	if p.known != nil && age < discoverEvery {
		return p.known, nil
	}
	if p.failed != nil && age < discoverAgain {
		return p.known, p.unlessKnown(p.failed)
	}
	// Whoever waits meanwhile gets the same answer, and whoever came first may go.
	found, err := p.ask(context.WithoutCancel(ctx))
	p.asked, p.failed = p.now(), err
	if err == nil {
		p.known = found
	}
	return p.known, p.unlessKnown(err)
}

// unlessKnown is the error if nothing is known of the provider: else that goes on to count.
func (p *provider) unlessKnown(err error) error {
	if p.known != nil {
		return nil
	}
	return err
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	issuer := p.configuration.JWT.Issuer
	address := strings.TrimSuffix(issuer.URL, "/") + wellKnown
	if issuer.DiscoveryURL != nil && *issuer.DiscoveryURL != "" {
		address = *issuer.DiscoveryURL
	}
	var told struct {
		oidc.ProviderConfig
		EndSession string `json:"end_session_endpoint"`
	}
	if err := p.get(ctx, address, &told); err != nil {
		return nil, err
	}
	if told.IssuerURL != issuer.URL {
		return nil, fmt.Errorf("%w: %s is the configuration of issuer %q; write jwt.issuer.url letter by letter like that, if it is yours", errAway, address, told.IssuerURL)
	}
	for name, text := range map[string]string{"authorization_endpoint": told.AuthURL, "token_endpoint": told.TokenURL, "jwks_uri": told.JWKSURL} {
		if !isHTTPS(text) {
			return nil, fmt.Errorf("%w: %s has no %s that is an https URL", errAway, address, name)
		}
	}
	internal, err := p.configuration.authenticator()
	if err != nil {
		return nil, err
	}
	internal.Issuer.DiscoveryURL = ""
	// One set of keys, which Kubernetes' older version of the library can use, too.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(p.life, p.client), told.JWKSURL) //nolint:contextcheck // it fetches them later, too
	claims, err := kubeoidc.New(p.life, kubeoidc.Options{                            //nolint:contextcheck // it lives longer
		JWTAuthenticator: internal, KeySet: keys, Compiler: compiler(), SupportedSigningAlgs: algorithms,
		Client: &http.Client{Transport: noRequests{}},
	})
	if err != nil {
		return nil, fmt.Errorf("jwt: %w", err)
	}
	found := &discovered{
		endpoint: oauth2.Endpoint{AuthURL: told.AuthURL, TokenURL: told.TokenURL},
		verifier: oidc.NewVerifier(issuer.URL, keys, &oidc.Config{ClientID: p.configuration.ClientID, SupportedSigningAlgs: algorithms, Now: p.now}),
		claims:   claims,
	}
	if isHTTPS(told.EndSession) {
		found.endSession = told.EndSession
	}
	return found, nil
}

// noRequests keeps Kubernetes' library from following claims to other places.
type noRequests struct{}

// RoundTrip implements http.RoundTripper.
func (noRequests) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("claims that are elsewhere are not fetched")
}

func isHTTPS(text string) bool {
	address, err := url.Parse(text)
	return err == nil && address.Scheme == "https" && address.Host != ""
}

func (p *provider) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("%s is no URL: %w", address, err)
	}
	request.Header.Set("Accept", "application/json")
	answer, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers with status %d", errAway, address, answer.StatusCode)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%w: what %s answers is not the JSON object that belongs there", errAway, address)
	}
	return nil
}

// oauth makes what speaks with the provider.
func (p *provider) oauth(d *discovered) (*oauth2.Config, error) {
	secret, err := p.configuration.clientSecret()
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: p.configuration.ClientID, ClientSecret: secret, Endpoint: d.endpoint,
		RedirectURL: p.configuration.BaseURL + callbackPath, Scopes: append([]string{oidc.ScopeOpenID}, p.configuration.Scopes...),
	}, nil
}

// begin returns where the browser goes to log in.
func (p *provider) begin(ctx context.Context, a *attempt) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	o, err := p.oauth(d)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if a.Silent {
		options = append(options, oauth2.SetAuthURLParam("prompt", "none"))
	}
	return o.AuthCodeURL(a.State, options...), nil
}

// finish turns the code that the browser came back with into a person.
func (p *provider) finish(ctx context.Context, a *attempt, code string) (*identity, error) {
	return p.exchange(ctx, p.logins, a.Nonce, func(ctx context.Context, o *oauth2.Config) (*oauth2.Token, error) {
		return o.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	})
}

// again asks the provider for a person that it has given a refresh token for.
func (p *provider) again(ctx context.Context, refresh string) (*identity, error) {
	return p.exchange(ctx, p.renewals, "", func(ctx context.Context, o *oauth2.Config) (*oauth2.Token, error) {
		return o.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	})
}

func (p *provider) exchange(
	ctx context.Context, places chan struct{}, nonce string, ask func(context.Context, *oauth2.Config) (*oauth2.Token, error),
) (*identity, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), 2*providerTimeout)
	defer cancel()
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: too many people are being logged in", errAway)
	}
	d, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	o, err := p.oauth(d)
	if err != nil {
		return nil, err
	}
	token, err := ask(ctx, o)
	if err != nil {
		return nil, exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, fmt.Errorf("%w: its answer has no ID token; scope openid has to be allowed for the client", errRefused)
	}
	return p.identify(ctx, d, raw, nonce, token.RefreshToken)
}

// exchangeError tells a refusal from a provider that is away. What a provider answers beside its error code is told to nobody.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError && refused.ErrorCode != "" {
		return fmt.Errorf("%w: %s", errRefused, oneWord(refused.ErrorCode))
	}
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("%w: its token endpoint answers with status %d", errAway, refused.Response.StatusCode)
	}
	return fmt.Errorf("%w: %w", errAway, err)
}

// oneWord keeps of an error code what RFC 6749 allows in one that needs no quotes.
func oneWord(code string) string {
	if len(code) > 64 || strings.ContainsFunc(code, func(r rune) bool { return r != '_' && r != '-' && (r < 'a' || r > 'z') }) {
		return "another error"
	}
	return code
}

// identify verifies an ID token and maps its claims. A refreshed one has no nonce, or that of the login (OpenID Connect Core 1.0
// section 12.2): it did not come through the browser.
func (p *provider) identify(ctx context.Context, d *discovered, raw, nonce, refresh string) (*identity, error) {
	token, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, tokenError(err)
	}
	if nonce != "" && token.Nonce != nonce {
		return nil, refused("This login was not begun here", "The nonce of the ID token is not the one that this browser was given. Begin again.")
	}
	var parties struct {
		AuthorizedParty string `json:"azp"`
	}
	if err := token.Claims(&parties); err != nil {
		return nil, tokenError(err)
	}
	if len(token.Audience) > 1 && parties.AuthorizedParty != p.configuration.ClientID {
		return nil, foreign()
	}
	mapped, ok, err := d.claims.AuthenticateToken(ctx, raw)
	if err != nil || !ok {
		return nil, p.claimsError(err)
	}
	info := authenticationv1.UserInfo{
		Username: mapped.User.GetName(), UID: mapped.User.GetUID(), Groups: slices.Clone(mapped.User.GetGroups()),
	}
	for name, values := range mapped.User.GetExtra() {
		if name == user.CredentialIDKey {
			continue // tells of this token, which the cluster never gets to see; the next one has another
		}
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[name] = values
	}
	if err := p.admit(&info); err != nil {
		return nil, err
	}
	return &identity{subject: token.Subject, user: info, refresh: refresh, idToken: raw}, nil
}
