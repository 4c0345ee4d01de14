package issuer

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
)

// Provider is an OpenID Connect provider at which people are logged in already: it asks nobody anything. It has one client, and
// takes from it codes with PKCE (S256) and refresh tokens, each once.
type Provider struct {
	*Issuer
	clientID, secret string

	mu sync.Mutex
	// who are the claims of whoever logs in next; nil: nobody, as the provider has no session of the browser.
	who map[string]any
	// codes are what has been handed out and not used, refresh the claims by refresh token.
	codes   map[string]handed
	refresh map[string]map[string]any
	// lasting says that there are refresh tokens.
	lasting   bool
	refreshes int
	ended     url.Values
	count     int
}

// handed is what a code stands for.
type handed struct {
	claims                     map[string]any
	nonce, challenge, redirect string
}

// NewProvider starts one with a client.
func NewProvider(t Cleaner, clientID, secret string) *Provider {
	p := &Provider{Issuer: New(t), clientID: clientID, secret: secret, codes: map[string]handed{}, refresh: map[string]map[string]any{}}
	p.Endpoint("authorization_endpoint", "/authorize", p.authorize)
	p.Endpoint("token_endpoint", "/token", p.token)
	p.Endpoint("end_session_endpoint", "/end", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = r.URL.Query()
		w.WriteHeader(http.StatusNoContent)
	})
	return p
}

// Is makes the person at the browser somebody, or nobody with nil.
func (p *Provider) Is(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.who = claims
}

// Lasting has the provider give refresh tokens, too.
func (p *Provider) Lasting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lasting = true
}

// Forget takes back all refresh tokens, as when an account is removed.
func (p *Provider) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.refresh)
}

// Change makes this the claims of everybody with a refresh token.
func (p *Provider) Change(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for token := range p.refresh {
		p.refresh[token] = claims
	}
}

// Refreshed is how often a refresh token was used.
func (p *Provider) Refreshed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refreshes
}

// Ended is what the last logout said.
func (p *Provider) Ended() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	back := url.Values{"state": q["state"]}
	switch {
	case q.Get("client_id") != p.clientID, q.Get("code_challenge_method") != "S256", q.Get("nonce") == "", q.Get("response_type") != "code":
		http.Error(w, "wrong client", http.StatusBadRequest)
		return
	case p.who == nil && q.Get("prompt") == "none":
		back.Set("error", "login_required")
	case p.who == nil:
		back.Set("error", "access_denied")
	default:
		p.count++
		code := fmt.Sprintf("code-%d", p.count)
		p.codes[code] = handed{claims: maps.Clone(p.who), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
		back.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound) //nolint:gosec // of its one client
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	claims, nonce, refusal := map[string]any(nil), "", "invalid_grant"
	switch code := p.codes[r.FormValue("code")]; {
	case id != p.clientID || secret != p.secret:
		refusal = "invalid_client"
	case r.FormValue("grant_type") == "refresh_token":
		p.refreshes++
		claims = p.refresh[r.FormValue("refresh_token")]
		delete(p.refresh, r.FormValue("refresh_token"))
	case code.claims != nil && code.redirect == r.FormValue("redirect_uri") && code.challenge == challenge(r.FormValue("code_verifier")):
		claims, nonce = code.claims, code.nonce
		delete(p.codes, r.FormValue("code"))
	}
	if claims == nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"`+refusal+`","error_description":"of somebody's"}`) // unless the client has gone
		return
	}
	_, _ = w.Write(must(json.Marshal(p.answer(claims, nonce))))
}

// answer makes tokens. Claims win over what the provider would say.
func (p *Provider) answer(claims map[string]any, nonce string) map[string]any {
	all := p.Claims(p.clientID, fmt.Sprint(claims["sub"]))
	if nonce != "" {
		all["nonce"] = nonce
	}
	maps.Copy(all, claims)
	answer := map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": p.Token("RS256", all)}
	if p.lasting {
		p.count++
		token := fmt.Sprintf("refresh-%d", p.count)
		p.refresh[token] = claims
		answer["refresh_token"] = token
	}
	return answer
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return encode(sum[:])
}
