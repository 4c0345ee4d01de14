package scimserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"rservice.dev/scim-operator/api/strangers"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/issuers"
	"rservice.dev/scim-operator/scimserver/oauth"
)

const (
	jsonType = "application/json"
	// metadataPath is RFC 8414's. For an issuer whose address has a path, the path follows it.
	metadataPath = "/.well-known/oauth-authorization-server"
)

// openRoutes are the addresses of OAuth. Their handlers find out themselves who asks, if that matters.
func (s *Server) openRoutes() []route {
	return []route{
		{method: http.MethodPost, path: v1alpha1.TokenPath, handle: s.giveToken},
		{method: http.MethodGet, path: metadataPath, handle: s.describeTokenEndpoint, reads: true},
	}
}

// registerOpen registers them beside the base paths and below these: an ingress may route no other addresses.
func (s *Server) registerOpen(mux *http.ServeMux) {
	for _, rt := range s.openRoutes() {
		rt.timeout, rt.maxBody = requestTimeout, oauth.MaxBody
		allowed := []string{rt.method}
		if rt.method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
		countFrom0(rt.path, rt.method)
		wrong := rt
		wrong.handle = wrongMethod(allowed)
		register := func(pattern, base string) {
			mux.Handle(rt.method+" "+pattern, s.openChain(base, rt))
			mux.Handle(pattern, s.openChain(base, wrong))
		}
		register(rt.path, "")
		for _, base := range basePaths {
			register(base+rt.path, base)
			if rt.path == metadataPath {
				register(rt.path+base, base)
			}
		}
	}
}

// openChain is chain for the addresses of OAuth, whose errors are those of RFC 6749.
func (s *Server) openChain(base string, rt route) http.Handler {
	return s.wrapped(base, rt, s.adapt(func(r *http.Request) (response, error) {
		answer, err := rt.handle(r)
		if err != nil {
			return s.oauthError(r, err)
		}
		return answer, nil
	}), boundBody(rt.maxBody))
}

// boundBody bounds the body. A stranger's is not read beyond that.
func boundBody(limit int64) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			next.ServeHTTP(w, r)
		})
	}
}

// tokenAnswer is RFC 6749 section 5.1. expires_in is in seconds.
type tokenAnswer struct {
	AccessToken string         `json:"access_token"`
	TokenType   string         `json:"token_type"`
	ExpiresIn   int            `json:"expires_in"`
	Scope       v1alpha1.Scope `json:"scope"`
}

// giveToken gives a client an access token.
func (s *Server) giveToken(r *http.Request) (response, error) {
	request, err := oauth.ReadRequest(r)
	if err != nil {
		return response{}, s.refusedClient(r, request, err)
	}
	grant, err := s.clients.Token(r.Context(), request, baseURL(r), func(from *oauth.Client) error { return s.admitClient(r, from) })
	if err != nil {
		return response{}, s.refusedClient(r, request, err)
	}
	return jsonAnswer(http.StatusOK, tokenAnswer{
		AccessToken: grant.Token, TokenType: "Bearer", ExpiresIn: int(grant.ExpiresIn.Seconds()), Scope: grant.Client.Scope,
	}, nil)
}

// admitClient looks whether a client that has proved who it is may have an access token, from where it asks and now.
func (s *Server) admitClient(r *http.Request, from *oauth.Client) error {
	client, c := principalOfClient(from, s.options.Bounds), callOf(r)
	c.client = client
	if !sourceAllowed(client.allowedSources, c.source) {
		return wrongSource(client, c)
	}
	strangers.Known(r)
	if delay := s.rates.wait("token/"+client.rateKey(), tokenRate); delay > 0 {
		return tooMany(delay)
	}
	return nil
}

// refusedClient returns the answer to a client that gets no access token, and takes down why.
func (s *Server) refusedClient(r *http.Request, request oauth.Request, err error) error {
	if why, is := errors.AsType[*issuers.Refusal](err); is {
		refused := refusedByIssuers(why)
		refused.answer = oauth.ErrInvalidClient
		return s.refused(r, refused)
	}
	answer := err
	if told, is := errors.AsType[*oauth.Error](err); is {
		answer = told
		if told.Code == oauth.CodeInvalidClient && request.Basic {
			answer = &challenged{told}
		}
	}
	if why, is := errors.AsType[*oauth.Refusal](err); is {
		answer = &refusal{reason: why.Reason, endpoints: why.Endpoints, message: why.Message, remedy: why.Remedy, answer: answer}
	} else if errors.Is(err, oauth.ErrInvalidClient) {
		answer = unknownClient(request, answer)
	}
	return s.refused(r, answer)
}

// unknownClient is the refusal of a client that no endpoint has, or that does not say who it is. What came as its id may be
// anything, also a secret in the wrong place.
func unknownClient(request oauth.Request, answer error) *refusal {
	came := fmt.Sprintf("it came an id of %d characters that no endpoint has", len(request.ClientID))
	if request.ClientID == "" {
		came = "what came has no client id, or no proof, that can be read"
	}
	return &refusal{
		reason: v1alpha1.RefusalUnknownClient, byAddress: true, answer: answer,
		message: "At the token endpoint a client of spec.authentication.clients was expected; " + came + ".",
		remedy: "In the client, set the client id as status.connection.clients has it, letter by letter. Or, if it cannot be changed there:\n" +
			"spec.authentication.clients: [..., {clientID: <id of the client>, secretName: <name of a Secret>}]",
	}
}

// challenged is what a client is told that has used the Authorization header (RFC 6749 section 5.2).
type challenged struct{ told *oauth.Error }

// Error implements error.
func (c *challenged) Error() string { return c.told.Error() }

// Unwrap returns what it is told.
func (c *challenged) Unwrap() error { return c.told }

// oauthProblem is RFC 6749 section 5.2.
type oauthProblem struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// oauthError returns the answer to an error at the addresses of OAuth.
func (s *Server) oauthError(r *http.Request, err error) (response, error) {
	if told, is := errors.AsType[*oauth.Error](err); is {
		header := make(http.Header)
		if told.RetryAfter > 0 {
			header.Set("Retry-After", strconv.Itoa(told.RetryAfter))
		}
		if _, is := errors.AsType[*challenged](err); is {
			header.Set("WWW-Authenticate", `Basic realm="`+realm+`"`)
		}
		return jsonAnswer(told.Status, oauthProblem{told.Code, told.Description}, header)
	}
	problem, header := s.failure(r, err)
	code := oauth.CodeInvalidRequest
	switch {
	case problem.Status == http.StatusForbidden:
		code = oauth.CodeUnauthorizedClient
	case problem.Status == http.StatusTooManyRequests, problem.Status == http.StatusServiceUnavailable:
		code = oauth.CodeUnavailable
	case problem.Status >= http.StatusInternalServerError:
		code = oauth.CodeServerError
	}
	return jsonAnswer(problem.Status, oauthProblem{code, problem.Detail}, header)
}

// jsonAnswer returns an answer that nobody may keep.
func jsonAnswer(status int, body any, header http.Header) (response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return response{}, fmt.Errorf("encode an answer: %w", err)
	}
	return response{status: status, body: encoded, mediaType: jsonType, noStore: true, header: header}, nil
}

// metadata is RFC 8414 section 2.
type metadata struct {
	Issuer                string           `json:"issuer"`
	TokenEndpoint         string           `json:"token_endpoint"`
	GrantTypes            []string         `json:"grant_types_supported"`
	ResponseTypes         []string         `json:"response_types_supported"`
	Scopes                []v1alpha1.Scope `json:"scopes_supported"`
	AuthenticationMethods []string         `json:"token_endpoint_auth_methods_supported"`
	SigningAlgorithms     []string         `json:"token_endpoint_auth_signing_alg_values_supported"`
}

// describeTokenEndpoint says where the token endpoint is and what it takes: of some clients only a part.
func (s *Server) describeTokenEndpoint(r *http.Request) (response, error) {
	if err := s.refused(r, nil); err != nil { // which bounds how many there are
		return response{}, err
	}
	issuer := baseURL(r)
	return jsonAnswer(http.StatusOK, metadata{
		Issuer: issuer, TokenEndpoint: issuer + v1alpha1.TokenPath,
		// There is no authorization endpoint, so there are no response types; the member is required.
		GrantTypes: []string{oauth.GrantType}, ResponseTypes: []string{},
		Scopes:                []v1alpha1.Scope{v1alpha1.ScopeAll, v1alpha1.ScopeRead},
		AuthenticationMethods: []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		SigningAlgorithms:     issuers.Algorithms(),
	}, nil)
}
