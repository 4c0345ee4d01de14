package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// tokenRenewed is how long before its end an access token is replaced.
	tokenRenewed = time.Minute
	// maxTries is how often a server is asked that says when to try again, as while it makes the key for access tokens.
	maxTries = 10
)

// OAuth gets access tokens from a token endpoint (RFC 6749 section 4.4), as Microsoft Entra ID does.
type OAuth struct {
	// TokenURL is the token endpoint's address.
	TokenURL string
	ClientID string
	// ClientSecret is sent in the body; with "" an assertion is.
	ClientSecret string
	// AssertionFile holds the assertion. It is read each time.
	AssertionFile string
	HTTP          *http.Client

	mu    sync.Mutex
	token string
	ends  time.Time
}

// body is the request in the order of parameters that Entra's documentation gives it.
func (o *OAuth) body() (string, error) {
	b := "grant_type=client_credentials&client_id=" + url.QueryEscape(o.ClientID)
	if o.ClientSecret != "" {
		return b + "&client_secret=" + url.QueryEscape(o.ClientSecret) + "&scope=scim", nil
	}
	assertion, err := os.ReadFile(o.AssertionFile)
	if err != nil {
		return "", fmt.Errorf("reading the connection's assertionFile: %w", err)
	}
	return b + "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=" +
		url.QueryEscape(strings.TrimSpace(string(assertion))) + "&scope=scim", nil
}

// Token returns an access token that is valid for a while.
func (o *OAuth) Token(ctx context.Context, now time.Time) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Before(o.ends) {
		return o.token, nil
	}
	body, err := o.body()
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		token, wait, err := o.ask(ctx, body, now)
		if wait == 0 || try == maxTries {
			return token, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(wait):
		}
	}
}

// ask asks for an access token once. Where the server says when to try again, wait is until then.
func (o *OAuth) ask(ctx context.Context, body string, now time.Time) (token string, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.TokenURL, strings.NewReader(body))
	if err != nil {
		return "", 0, fmt.Errorf("the connection's tokenURL: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := o.HTTP.Do(request)
	if err != nil {
		return "", 0, fmt.Errorf("asking for an access token: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", 0, fmt.Errorf("reading an access token: %w", err)
	}
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return "", 0, fmt.Errorf("the token endpoint answered %d, and no JSON: %w", response.StatusCode, err)
	}
	if response.StatusCode != http.StatusOK {
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
			wait = time.Duration(seconds) * time.Second
		}
		return "", wait, fmt.Errorf("the token endpoint answered %d %s: %s", response.StatusCode, got.Error, got.Description)
	}
	if got.AccessToken == "" || !strings.EqualFold(got.TokenType, "Bearer") || got.Scope == "" || got.ExpiresIn < 600 || got.ExpiresIn > 21600 {
		return "", 0, fmt.Errorf("the token endpoint's answer is not what Entra wants: token_type %q, scope %q, expires_in %d", got.TokenType, got.Scope, got.ExpiresIn)
	}
	o.token, o.ends = got.AccessToken, now.Add(time.Duration(got.ExpiresIn)*time.Second-tokenRenewed)
	return o.token, 0, nil
}
