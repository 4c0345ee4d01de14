package scimserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
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
func noToken(h http.Header, endpoints []types.NamespacedName) *refusal {
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
		reason: v1alpha1.RefusalNoToken, endpoints: endpoints,
		message: "One header Authorization: Bearer <token> was expected; " + came + ".",
		remedy:  "In the client, choose a bearer token (HTTP header) as the way to authenticate.",
		answer: unauthorized(`Bearer realm="`+realm+`"`,
			"send the token of a ScimEndpoint as Authorization: Bearer <token>"),
	}
}

// unknownToken is the refusal of a token that is nobody's. The endpoints are those that requests to this address are for.
func unknownToken(token string, endpoints []types.NamespacedName) *refusal {
	return refuse(v1alpha1.RefusalUnknownToken,
		fmt.Sprintf("No valid token of this endpoint came, but a text of %d characters.", len(token)),
		"Copy the token again, whole and decoded from base64: kubectl get secret <status.tokenSecretName> -o jsonpath='{.data.token}' | base64 -d",
		endpoints...)
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

// refused returns the answer to a request that is not let in, counts it, and takes down why: or a 429, and nothing
// of that, if there are too many of them.
func (s *Server) refused(r *http.Request, err error) error {
	if delay := s.rates.wait("strangers", strangersRate); delay > 0 {
		return tooMany(delay)
	}
	if why, is := errors.AsType[*refusal](err); is {
		refusalsTotal.WithLabelValues(string(why.reason)).Inc()
		s.refusals.note(why, peerOf(r))
	}
	return err
}

// peerOf is the address at the other end of the connection, without its port; "" if there is none.
func peerOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return peer.Addr().Unmap().WithZone("").String()
}
