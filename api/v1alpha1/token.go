package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
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
