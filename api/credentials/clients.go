package credentials

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/shell"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// clientSecretPrefix lets secret scanners recognise a client secret.
	clientSecretPrefix = "scimcs_"
	// clientSecretBytes is the size of one in random bytes.
	clientSecretBytes = 32
	// MaxClientSecrets is how many of a Secret count, the first ones by name.
	MaxClientSecrets = 16
	// MaxClientSecretLifetime is how far away the end of a client secret may be: three years.
	MaxClientSecretLifetime = 3 * 366 * 24 * time.Hour
	// ExpirySuffix follows the name of a client secret in the name of the key that says when it ends.
	ExpirySuffix = ".expires"
	// maxTimeLength is more than a time in RFC 3339 has.
	maxTimeLength = 64
	hashLength    = 2 * sha256.Size
)

// NewClientSecret returns a client secret of 256 random bits.
func NewClientSecret() string {
	random := make([]byte, clientSecretBytes)
	rand.Read(random) // never fails: it ends the process instead
	return clientSecretPrefix + base64.RawURLEncoding.EncodeToString(random)
}

// HashOf is what a Secret holds of a client secret: its SHA-256 in hexadecimal, as sha256sum prints it. It has 256 random
// bits, so nobody finds it by trying, and a slow hash would only help those who make the server compute.
func HashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// ClientSecret is what is known of a secret by which an OAuth client proves who it is.
type ClientSecret struct {
	// Name is the key of the Secret's data.
	Name string
	// Hash is HashOf the secret.
	Hash string
	// ExpiresAt is when it stops working.
	ExpiresAt time.Time
	// Problem says why it is not accepted, whatever the time; "" if it is.
	Problem string
}

// ID identifies the secret in logs and access tokens without revealing it, as v1alpha1.TokenID does a token.
func (c ClientSecret) ID() string { return c.Hash[:min(len(c.Hash), 12)] }

// Valid reports whether the secret is accepted now.
func (c ClientSecret) Valid(now time.Time) bool { return c.Problem == "" && now.Before(c.ExpiresAt) }

// ClientSecrets returns the client secrets of a Secret by name, also those that are not accepted.
func ClientSecrets(secret *corev1.Secret, now time.Time) []ClientSecret {
	var found []ClientSecret
	for name, value := range secret.Data {
		if isClientSecret(name) {
			found = append(found, clientSecret(secret, name, value, now))
		}
	}
	slices.SortFunc(found, func(a, b ClientSecret) int { return cmp.Compare(a.Name, b.Name) })
	for i := MaxClientSecrets; i < len(found); i++ {
		found[i].Problem = "only the first 16 of a Secret count: remove some"
	}
	return found
}

func clientSecret(secret *corev1.Secret, name string, value []byte, now time.Time) ClientSecret {
	found := ClientSecret{Name: name, Hash: strings.ToLower(string(bytes.TrimSpace(value)))}
	expiry, given := secret.Data[name+ExpirySuffix]
	var err error
	found.ExpiresAt, err = time.Parse(time.RFC3339, string(bytes.TrimSpace(expiry)))
	switch {
	case !isHash(found.Hash):
		found.Hash, found.Problem = "", "it must be the SHA-256 of a secret, 64 hexadecimal digits"
	case !given:
		found.Problem = "it needs an end: add key " + name + ExpirySuffix + " with a time such as 2027-01-31T00:00:00Z"
	case err != nil:
		found.Problem = "key " + name + ExpirySuffix + " must hold a time such as 2027-01-31T00:00:00Z"
	case found.ExpiresAt.Sub(now) > MaxClientSecretLifetime:
		found.Problem = "it ends in more than three years: make it end earlier"
	}
	return found
}

func isHash(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}

// tokenKeys are the keys of tokens, see api/tokens.
var tokenKeys = []string{
	v1alpha1.SecretKeyToken, v1alpha1.SecretKeyPreviousToken, v1alpha1.SecretKeyTokenHash, v1alpha1.SecretKeyPreviousTokenHash,
}

// ReservedKeys are the keys of Secrets that have another meaning than that of a client secret.
func ReservedKeys() []string {
	return slices.Concat(tokenKeys, []string{v1alpha1.SecretKeySalt}, signingKeyNames)
}

// isClientSecret tells names of client secrets from those of keys with another meaning.
func isClientSecret(name string) bool {
	return !slices.Contains(ReservedKeys(), name) && !strings.HasSuffix(name, ExpirySuffix)
}

// Strip takes out of a Secret's data what the server does not need: all but tokens, signing keys and client secrets, and
// what is too long or too many of them, whatever somebody put beside them.
func Strip(data map[string][]byte) {
	var clients []string
	for name, value := range data {
		if isClientSecret(name) && len(value) < hashLength+maxTimeLength && isHash(string(bytes.TrimSpace(value))) {
			clients = append(clients, name)
		}
	}
	slices.Sort(clients)
	clients = clients[:min(len(clients), MaxClientSecrets)]
	maps.DeleteFunc(data, func(name string, value []byte) bool {
		switch {
		case slices.Contains(tokenKeys, name):
			return len(value) > v1alpha1.MaxTokenLength
		case slices.Contains(signingKeyNames, name):
			return len(value) > maxSigningKey
		}
		secret, isExpiry := strings.CutSuffix(name, ExpirySuffix)
		return !slices.Contains(clients, secret) || isExpiry && len(value) > maxTimeLength
	})
}

// NewSecretCommand is the command that makes another secret for a client of an endpoint.
func NewSecretCommand(endpoint *v1alpha1.ScimEndpoint, clientID string) string {
	return "manager clients secret -n " + endpoint.Namespace + " --endpoint " + endpoint.Name + " --client " + shell.Word(clientID) + " --expires-in 8760h"
}
