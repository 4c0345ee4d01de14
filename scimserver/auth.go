package scimserver

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"rservice.dev/scim-operator/api/strangers"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// realm is what a client is asked to authenticate for.
const realm = "SCIM"

// authenticator finds out whose token it is; nil stands for a token that it does not know. Of one that it knows and
// does not let in, the error is a *refusal.
type authenticator interface {
	authenticate(ctx context.Context, token string) (*principal, error)
}

// authenticators ask one after the other.
type authenticators []authenticator

func (a authenticators) authenticate(ctx context.Context, token string) (*principal, error) {
	for _, kind := range a {
		if client, err := kind.authenticate(ctx, token); client != nil || err != nil {
			return client, err
		}
	}
	return nil, nil
}

// authenticated lets only requests with a valid bearer token pass (RFC 6750). The
// token decides which tenant's resources there are.
func (s *Server) authenticated(next handler) handler {
	return func(r *http.Request) (response, error) {
		token, given := bearerToken(r.Header)
		if !given {
			return response{}, s.refused(r, noToken(r.Header))
		}
		client, err := s.auth.authenticate(r.Context(), token)
		if err != nil {
			return response{}, s.refused(r, err)
		}
		if client == nil {
			why := encodedToken(r.Context(), s.auth, token)
			if why == nil {
				why = unknownToken(token)
			}
			return response{}, s.refused(r, why)
		}
		c := callOf(r)
		c.client = client
		if !sourceAllowed(client.allowedSources, c.source) {
			return response{}, s.refused(r, wrongSource(client, c))
		}
		strangers.Known(r)
		s.lastUse.note(client, c.from())
		info := store.RequestInfo{RequestID: c.requestID, TokenID: client.tokenID}
		return next(r.WithContext(store.WithRequestInfo(r.Context(), info)))
	}
}

// scoped lets a client do no more than its scope allows, before anything of its request is read. A bulk request has
// nothing but changes (RFC 7644 section 3.7), so it is one.
func (s *Server) scoped(reads bool, next handler) handler {
	return func(r *http.Request) (response, error) {
		if client := callOf(r).client; !client.may(reads) {
			return response{}, s.tell(r, insufficientScope(client))
		}
		return next(r)
	}
}

func unauthorized(challenge, detail string) error {
	return withHeader(scim.NewError(http.StatusUnauthorized, "%s", detail), "WWW-Authenticate", challenge)
}

// bearerToken returns the token of a request with exactly one Authorization
// header. The scheme's name is case insensitive (RFC 9110 section 11.1).
func bearerToken(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	return token, true
}

// knownID returns an id if it can be one that the server has made.
func knownID(id string) string {
	if uuid.Validate(id) != nil {
		return ""
	}
	return id
}
