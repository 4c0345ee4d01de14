package oauth

import (
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Error codes of RFC 6749 section 5.2, and two for what it does not speak of there.
const (
	CodeInvalidRequest       = "invalid_request"
	CodeInvalidClient        = "invalid_client"
	CodeUnsupportedGrantType = "unsupported_grant_type"
	CodeUnauthorizedClient   = "unauthorized_client"
	CodeUnavailable          = "temporarily_unavailable"
	CodeServerError          = "server_error"
)

// Error is what a client is told when it gets no access token.
type Error struct {
	Status int
	Code   string
	// Description is the same for all that is wrong with a client's credentials.
	Description string
	// RetryAfter is after how many seconds the same request may succeed; 0 if it does not by itself.
	RetryAfter int
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

func invalidRequest(description string) error {
	return &Error{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Description: description}
}

// ErrInvalidClient is the answer to all that is wrong with who a client is. It tells nothing of whether there is such a client.
var ErrInvalidClient = &Error{
	Status: http.StatusUnauthorized, Code: CodeInvalidClient,
	Description: "the client is unknown, or did not prove who it is; whoever runs the server sees why in the ScimEndpoint's status.refusals",
}

// Refusal is why a client, or an access token, is not let in, for the owners of the endpoints.
type Refusal struct {
	Reason    v1alpha1.RefusalReason
	Endpoints []types.NamespacedName
	// Message says what was expected and what came, without secrets. Remedy is what would let such a request in, or "".
	Message, Remedy string
	// Cause is what the client is told; nil for an access token.
	Cause error
}

// Error implements error.
func (r *Refusal) Error() string { return string(r.Reason) }

// Unwrap returns what the client is told.
func (r *Refusal) Unwrap() error { return r.Cause }
