package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// MinTokenLength is the fewest characters of a bearer token. The controllers call a
// ScimEndpoint with a shorter one not ready, and the server lets nobody in with it.
const MinTokenLength = 32

// tokenIDLength is the length of a token's id in hexadecimal digits.
const tokenIDLength = 12

// TokenID identifies a bearer token in status, logs and annotations without
// revealing it: the first 12 hexadecimal digits of its SHA-256 hash. A token has
// 256 random bits, so its hash cannot be turned back.
func TokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return TokenIDOfHash(hex.EncodeToString(sum[:]))
}

// TokenIDOfHash is the TokenID of the token with this SHA-256 in hexadecimal.
func TokenIDOfHash(hash string) string { return hash[:min(len(hash), tokenIDLength)] }

// MaxTokenLength is the most characters of a bearer token: two of them, or their hashes, are all that the
// operator keeps of a Secret, 4 KiB. The controllers call a longer one invalid, and the server
// knows nothing of it.
const MaxTokenLength = 2048

// MaxTokenGeneration is the most that spec.tokenGeneration may be, 2^53-1: the largest whole number that every program reads
// from JSON as it is.
const MaxTokenGeneration = 1<<53 - 1

// WantedSecretName is the name of the Secret with the token that the spec asks for.
func (e *ScimEndpoint) WantedSecretName() string {
	if e.Spec.TokenSecretName != "" {
		return e.Spec.TokenSecretName
	}
	return e.Name + "-token"
}

// SecretName is the name of the Secret whose tokens are valid: the one that the controllers have
// seen to, or the wanted one until they have.
func (e *ScimEndpoint) SecretName() string {
	if e.Status.TokenSecretName != "" {
		return e.Status.TokenSecretName
	}
	return e.WantedSecretName()
}

// ReadTokenCommand is the shell command that prints the token, for whoever may read the Secret.
func (e *ScimEndpoint) ReadTokenCommand() string {
	return fmt.Sprintf("kubectl -n %s get secret %s -o jsonpath='{.data.%s}' | base64 -d", e.Namespace, e.SecretName(), SecretKeyToken)
}

// TokenPath follows the base URL for SCIM in the address where clients get access tokens.
const TokenPath = "/oauth2/token" //nolint:gosec // an address

// SigningSecretName is the name of the Secret with the keys that sign the access tokens of the endpoint's clients.
func (e *ScimEndpoint) SigningSecretName() string { return e.Name + "-signing-keys" }

// SecretNames are the Secrets that the endpoint's spec makes its own.
func (e *ScimEndpoint) SecretNames() []string {
	names := []string{e.WantedSecretName()}
	if len(e.Spec.Authentication.Clients) > 0 {
		names = append(names, e.SigningSecretName())
	}
	for _, client := range e.Spec.Authentication.Clients {
		if client.SecretName != "" {
			names = append(names, client.SecretName)
		}
	}
	return names
}

// UsesSecret reports whether the endpoint's spec makes a Secret its own.
func (e *ScimEndpoint) UsesSecret(name string) bool { return slices.Contains(e.SecretNames(), name) }

// Client returns one of the endpoint's OAuth clients, nil if it has none of that id.
func (e *ScimEndpoint) Client(id string) *OAuthClient {
	for i := range e.Spec.Authentication.Clients {
		if client := &e.Spec.Authentication.Clients[i]; client.ClientID == id {
			return client
		}
	}
	return nil
}

// defaultAccessToken is what spec.authentication.accessTokenSeconds is unless it is set.
const defaultAccessToken = time.Hour

// AccessTokenLifetime is how long access tokens are valid.
func (a *ScimEndpointAuthentication) AccessTokenLifetime() time.Duration {
	if a.AccessTokenSeconds == nil {
		return defaultAccessToken
	}
	return time.Duration(*a.AccessTokenSeconds) * time.Second
}

// TokenState says which of an endpoint's tokens it is.
// +kubebuilder:validation:Enum=Current;Previous
type TokenState string

const (
	// TokenCurrent is the token that new clients are given.
	TokenCurrent TokenState = "Current"
	// TokenPrevious is the token before the last rotation.
	TokenPrevious TokenState = "Previous"
)

// TokenStatus tells of one token, never its value.
type TokenStatus struct {
	// id identifies the token in logs and on objects; it does not reveal it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id,omitempty"`
	// state is Current or Previous.
	// +required
	State TokenState `json:"state,omitempty"`
	// issuedAt is when the token was made.
	// +optional
	IssuedAt *Timestamp `json:"issuedAt,omitempty"`
	// firstSeenAt is when the operator first saw that the endpoint has the token, if no other ScimEndpoint
	// had it then. Of several that have it, it works at the first one. Unset: others had it already.
	// +optional
	FirstSeenAt *Timestamp `json:"firstSeenAt,omitempty"`
	// copiedAt is when the operator saw that another ScimEndpoint had the token already, or that nobody knows
	// who had it first. It does not work here from then on, also once the other one has given it up:
	// a client that goes on with it must not write to somebody else. Unset: that was not seen.
	// +optional
	CopiedAt *Timestamp `json:"copiedAt,omitempty"`
	// expiresAt is when the token stops working. Unset: never.
	// +optional
	ExpiresAt *Timestamp `json:"expiresAt,omitempty"`
	// lastUsedAt is when a client last used the token. It follows with a delay of about
	// a minute.
	// +optional
	LastUsedAt *Timestamp `json:"lastUsedAt,omitempty"`
	// lastSource is the address that the token was last used from.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastSource string `json:"lastSource,omitempty"`
}
