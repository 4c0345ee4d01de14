// Package tokens knows the Secrets with the bearer tokens of ScimEndpoints: which tokens one holds, until when each is valid, and
// of several endpoints that have one token which had it first. The controllers write these Secrets, the server lets in by them.
package tokens

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Token is a token that a Secret holds, as itself or by its hash.
type Token struct {
	// Hash is HashOf the token.
	Hash  string
	State v1alpha1.TokenState
	// IssuedAt is when it was made; nil if nobody has taken that down.
	IssuedAt *v1alpha1.Timestamp
	// ExpiresAt is from when on it is not valid; nil for never.
	ExpiresAt *v1alpha1.Timestamp
	// Elsewhere says that the Secret holds the hash only, so that the token is made by somebody else.
	Elsewhere bool
}

// ID is the token's v1alpha1.TokenID.
func (t Token) ID() string { return v1alpha1.TokenIDOfHash(t.Hash) }

// Valid reports whether the token lets anybody in now.
func (t Token) Valid(now time.Time) bool { return t.ExpiresAt == nil || now.Before(t.ExpiresAt.Time) }

// HashOf is the SHA-256 of a token, in hexadecimal as sha256sum prints it. A token has 256 random bits, so nobody finds it by
// trying.
func HashOf(token []byte) string {
	sum := sha256.Sum256(token)
	return hex.EncodeToString(sum[:])
}

// Renewal is what makes a new token: raising spec.tokenGeneration, and where that is at its end, deleting the Secret.
func Renewal(endpoint *v1alpha1.ScimEndpoint) string {
	if next := NextGeneration(endpoint); next <= v1alpha1.MaxTokenGeneration {
		return fmt.Sprintf("spec.tokenGeneration: %d", next)
	}
	return fmt.Sprintf("kubectl -n %s delete secret %s", endpoint.Namespace, endpoint.WantedSecretName())
}

// NextGeneration is the spec.tokenGeneration that makes a new token. It is above the one for which a token was made last, also where the
// spec has less again: who applies the endpoint from Git takes back what somebody raised by hand.
func NextGeneration(endpoint *v1alpha1.ScimEndpoint) int64 {
	return min(max(endpoint.Spec.TokenGeneration, endpoint.Status.TokenGeneration), v1alpha1.MaxTokenGeneration) + 1
}

// Of returns the tokens that a Secret holds, the current one first, also those that have ended. lifetime is
// spec.authentication.tokenSeconds of its endpoint.
func Of(secret *corev1.Secret, lifetime *int32) []Token {
	var held []Token
	if current, ok := CurrentOf(secret); ok {
		if noted := secret.Annotations[v1alpha1.AnnotationIssuedTokenID]; noted == "" || noted == current.ID() {
			current.IssuedAt = TimeOf(secret, v1alpha1.AnnotationTokenIssuedAt)
		}
		current.ExpiresAt = endOf(current, lifetime)
		held = append(held, current)
	}
	previous, ok := PreviousOf(secret)
	if !ok || previous.Elsewhere && secret.Annotations[v1alpha1.AnnotationPreviousTokenID] != previous.ID() {
		return held
	}
	overlap := TimeOf(secret, v1alpha1.AnnotationPreviousTokenExpiresAt)
	if overlap == nil || len(held) > 0 && held[0].Hash == previous.Hash {
		return held
	}
	previous.IssuedAt = TimeOf(secret, v1alpha1.AnnotationPreviousTokenIssuedAt)
	previous.ExpiresAt = endOf(previous, lifetime)
	if previous.ExpiresAt == nil || overlap.Before(previous.ExpiresAt) {
		previous.ExpiresAt = overlap
	}
	return append(held, previous)
}

// endOf is when a token ends by itself.
func endOf(t Token, lifetime *int32) *v1alpha1.Timestamp {
	if lifetime == nil || t.IssuedAt == nil {
		return nil
	}
	return new(v1alpha1.NewTimestamp(t.IssuedAt.Add(time.Duration(*lifetime) * time.Second)))
}

// CurrentOf is the token that new clients are given, without its times; false if the Secret holds none that can be one.
func CurrentOf(secret *corev1.Secret) (Token, bool) {
	return one(secret, v1alpha1.TokenCurrent, v1alpha1.SecretKeyToken, v1alpha1.SecretKeyTokenHash)
}

// PreviousOf is CurrentOf for the token before.
func PreviousOf(secret *corev1.Secret) (Token, bool) {
	return one(secret, v1alpha1.TokenPrevious, v1alpha1.SecretKeyPreviousToken, v1alpha1.SecretKeyPreviousTokenHash)
}

// one is a token under a key, or if that is not there by its hash under another one.
func one(secret *corev1.Secret, state v1alpha1.TokenState, plain, hashed string) (Token, bool) {
	if token := secret.Data[plain]; len(token) > 0 {
		// One that is too short to be safe makes the ScimEndpoint not ready, and lets nobody in.
		return Token{Hash: HashOf(token), State: state}, len(token) >= v1alpha1.MinTokenLength
	}
	hash, ok := ParseHash(secret.Data[hashed])
	return Token{Hash: hash, State: state, Elsewhere: true}, ok
}

// ParseHash reads what HashOf returns, in letters of any size and with white space around it.
func ParseHash(text []byte) (string, bool) {
	hash := strings.ToLower(string(bytes.TrimSpace(text)))
	raw, err := hex.DecodeString(hash)
	return hash, err == nil && len(raw) == sha256.Size
}

// TimeOf is an annotation's time, nil when it is missing or not a time.
func TimeOf(secret *corev1.Secret, annotation string) *v1alpha1.Timestamp {
	parsed, err := time.Parse(time.RFC3339, secret.Annotations[annotation])
	if err != nil {
		return nil
	}
	return new(v1alpha1.NewTimestamp(parsed))
}
