package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
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
	return hex.EncodeToString(sum[:])[:tokenIDLength]
}

// MaxTokenLength is the most characters of a bearer token: two of them are all that the
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
