package scimserver

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// refusal is why a request is not let in. The client is told by answer, which says the same whatever was wrong with
// a token; the owners of the endpoints read the rest in status.refusals.
type refusal struct {
	reason v1alpha1.RefusalReason
	// endpoints are those whose owners may know: of each it is certain that the request was for it.
	endpoints []types.NamespacedName
	// message says what was expected and what came, without a token and without claims other than issuer,
	// audience and subject.
	message string
	// remedy is what would let such a request in; "" if there is nothing to set.
	remedy string
	answer error
	// byAddress says that the owners are those of the endpoints that requests to this address are for.
	byAddress bool
	// discreet says that the owners are not told from where the request came.
	discreet bool
	// others are what other owners are told of the same request.
	others []*refusal
}

// refuse returns the refusal of a request with a token that is not valid: 401 with error code invalid_token
// (RFC 6750 section 3.1).
func refuse(reason v1alpha1.RefusalReason, message, remedy string, endpoints ...types.NamespacedName) *refusal {
	return &refusal{reason: reason, endpoints: endpoints, message: message, remedy: remedy, answer: unauthorized(
		`Bearer realm="`+realm+`", error="invalid_token"`,
		"the token is not valid, or not any more; whoever runs the server sees why in the ScimEndpoint's status.refusals")}
}

// Error implements error.
func (f *refusal) Error() string { return string(f.reason) }

// Unwrap returns what the client is told.
func (f *refusal) Unwrap() error { return f.answer }

// noToken is the refusal of a request that does not say who it comes from.
func noToken(h http.Header) *refusal {
	came := fmt.Sprintf("%d Authorization headers came", len(h.Values("Authorization")))
	if values := h.Values("Authorization"); len(values) == 1 {
		came = "the Authorization header that came has no token"
		if scheme, _, _ := strings.Cut(strings.TrimSpace(values[0]), " "); strings.EqualFold(scheme, "Basic") {
			came = "user name and password (Basic) came"
		} else if !strings.EqualFold(scheme, "Bearer") {
			came = "the Authorization header that came does not begin with Bearer"
		}
	}
	return &refusal{
		reason: v1alpha1.RefusalNoToken, byAddress: true,
		message: "One header Authorization: Bearer <token> was expected; " + came + ".",
		remedy:  "In the client, choose a bearer token (HTTP header) as the way to authenticate.",
		answer: unauthorized(`Bearer realm="`+realm+`"`,
			"send the token of a ScimEndpoint as Authorization: Bearer <token>"),
	}
}

// readToken stands in a remedy for the command that prints the token of the endpoint whose status tells of it.
const readToken = "{read the token}"

// unknownToken is the refusal of a token that is nobody's.
func unknownToken(token string) *refusal {
	f := refuse(v1alpha1.RefusalUnknownToken,
		fmt.Sprintf("No valid token of this endpoint came, but a text of %d characters.", len(token)),
		"Have somebody with role scim-account-owner copy the token into the client again, whole: "+readToken)
	f.byAddress = true
	return f
}

// encodedToken looks whether a token that is nobody's is one that a client, or who set it up, has encoded.
func encodedToken(ctx context.Context, known authenticator, token string) *refusal {
	if decoded, err := base64.StdEncoding.DecodeString(token); err == nil {
		if owner, err := known.authenticate(ctx, string(decoded)); err == nil && owner != nil {
			return refuse(v1alpha1.RefusalEncodedToken, "The endpoint's token came encoded as base64.",
				"Give the client the token itself, as base64 -d prints it; or let the client not encode it.",
				types.NamespacedName{Namespace: owner.tenant, Name: owner.endpoint})
		}
	}
	return nil
}

// wrongSource is the refusal of a request from an address that the endpoint does not take requests from.
func wrongSource(client *principal, c *call) *refusal {
	return &refusal{
		reason: v1alpha1.RefusalSourceNotAllowed, endpoints: []types.NamespacedName{client.key()},
		message: fmt.Sprintf("A request of %s was expected from spec.allowedSources; it came from %s.", client.tokenID, cmp.Or(c.from(), "an unknown address")),
		// The same for all addresses: who has a token could fill the status with them.
		remedy: "spec.allowedSources: [..., <source>/32] (IPv6: /128), if source is the client's address. If it is a proxy's, the operator's flag " +
			"--trusted-proxies has to name that. If it is neither, somebody else has the token: raise spec.tokenGeneration.",
		answer: scim.NewError(http.StatusForbidden, "requests of this client are not taken from this address"),
	}
}

// insufficientScope is the refusal of a request that changes something, of a client that may read only (RFC 6750 section 3.1).
func insufficientScope(client *principal) *refusal {
	return &refusal{
		reason: v1alpha1.RefusalInsufficientScope, endpoints: []types.NamespacedName{client.key()},
		message: fmt.Sprintf("A request of %s to change something came, whose scope %s lets it read only.", client.tokenID, client.scope),
		remedy:  client.scopeField + ": " + string(v1alpha1.ScopeAll),
		answer: withHeader(scim.NewError(http.StatusForbidden, "this client may read, but change nothing"),
			"WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+string(v1alpha1.ScopeAll)+`"`),
	}
}

// refused returns the answer to a request that is not let in, counts it, and takes down why: or a 429, and nothing
// of that, if there are too many of them.
func (s *Server) refused(r *http.Request, err error) error {
	if delay := s.rates.wait("strangers", strangersRate); delay > 0 {
		callOf(r).refused = true
		return tooMany(delay)
	}
	return s.tell(r, err)
}

// tell counts a refusal and takes down why. Other errors, and none, it returns as they are.
func (s *Server) tell(r *http.Request, err error) error {
	if why, is := errors.AsType[*refusal](err); is {
		c := callOf(r)
		c.refused, c.refusal = true, why.reason
		refusalsTotal.WithLabelValues(string(why.reason)).Inc()
		if why.byAddress {
			why.endpoints = s.refusals.addressed(r.Context(), r.Host)
		}
		for _, told := range append([]*refusal{why}, why.others...) {
			source := c.from()
			if told.discreet {
				source = ""
			}
			s.refusals.note(told, source)
		}
	}
	return err
}
