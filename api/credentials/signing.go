package credentials

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"gopkg.in/go-jose/go-jose.v2"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// SigningKeyLifetime is how long a key signs.
	SigningKeyLifetime = 30 * 24 * time.Hour
	// SigningKeyDelay is how long a key must have been published before it signs, so that every replica knows it by then.
	SigningKeyDelay = 5 * time.Second
	// LongestAccessToken is the most that spec.authentication.accessTokenSeconds may be.
	LongestAccessToken = 6 * time.Hour
	// previousKeyLifetime is how long a key verifies after it has signed last. The hour is for replicas that learn late that
	// there is another one, and for their clocks.
	previousKeyLifetime = LongestAccessToken + time.Hour
	// maxSigningKey is more than a P-256 key in PEM has.
	maxSigningKey = 1024
	// pemType is that of a PKCS #8 key.
	pemType = "PRIVATE KEY"
)

// SigningKey signs and verifies access tokens with ES256.
type SigningKey struct {
	// ID is the key's thumbprint (RFC 7638), so that no other key can have it.
	ID      string
	Private *ecdsa.PrivateKey
	// Until is when it stops verifying; zero for never.
	Until time.Time
}

// Verifies reports whether the key's access tokens are accepted now.
func (k SigningKey) Verifies(now time.Time) bool { return k.Until.IsZero() || now.Before(k.Until) }

// errSigningKey never quotes the key.
var errSigningKey = errors.New("no P-256 key in PEM and PKCS #8")

// parseSigningKey reads a key as newSigningKey writes it.
func parseSigningKey(text []byte) (SigningKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return SigningKey{}, errSigningKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return SigningKey{}, errSigningKey
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return SigningKey{}, errSigningKey
	}
	thumbprint, err := (&jose.JSONWebKey{Key: &private.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		return SigningKey{}, errSigningKey
	}
	return SigningKey{ID: base64.RawURLEncoding.EncodeToString(thumbprint), Private: private}, nil
}

func newSigningKey() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode a signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: encoded}), nil
}

// Secret returns 32 bytes that only who has the key can derive, for one purpose and client.
func (k SigningKey) Secret(purpose, client string) ([]byte, error) {
	private, err := k.Private.Bytes()
	if err != nil {
		return nil, fmt.Errorf("derive from a signing key: %w", err)
	}
	mac := hmac.New(sha256.New, private)
	mac.Write([]byte(purpose + "\x00" + client))
	return mac.Sum(nil), nil
}

// SigningSecret is the Secret with an endpoint's signing keys: the one that signs, the next one, which is published long
// before it does, and for a while the one before.
type SigningSecret struct{ *corev1.Secret }

// signingKeyNames are the keys of the Secret's data, the one that signs first.
var signingKeyNames = []string{v1alpha1.SecretKeySigningKey, v1alpha1.SecretKeyNextSigningKey, v1alpha1.SecretKeyPreviousSigningKey}

// Keys are those by which access tokens are verified. The first is the one that signs, or is going to; without it there are
// none.
func (s SigningSecret) Keys() []SigningKey {
	var keys []SigningKey
	for _, name := range signingKeyNames {
		key, err := parseSigningKey(s.Data[name])
		if err != nil && len(keys) == 0 {
			return nil
		}
		if err != nil {
			continue
		}
		if name == v1alpha1.SecretKeyPreviousSigningKey {
			ends := s.timeOf(v1alpha1.AnnotationPreviousSigningKeyExpiresAt)
			if ends.IsZero() {
				continue
			}
			key.Until = ends
		}
		keys = append(keys, key)
	}
	return keys
}

// SignsAt is from when on the first key signs: it must have been published for a moment.
func (s SigningSecret) SignsAt() time.Time {
	return s.timeOf(v1alpha1.AnnotationSigningKeyIssuedAt).Add(SigningKeyDelay)
}

// timeOf is an annotation's time; the zero time where it is missing or not a time, which is always over.
func (s SigningSecret) timeOf(annotation string) time.Time {
	parsed, err := time.Parse(time.RFC3339, s.Annotations[annotation])
	if err != nil {
		return time.Time{}
	}
	return parsed
}

func (s SigningSecret) annotate(key string, at time.Time) {
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[key] = at.UTC().Format(time.RFC3339)
}

// BringUpToDate makes keys that are missing, lets the next one sign when its time has come and drops the one before when
// no token of it can be valid any more. It returns when to do so again.
func (s SigningSecret) BringUpToDate(now time.Time) (time.Time, error) {
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	if err := s.fill(v1alpha1.SecretKeySigningKey, v1alpha1.AnnotationSigningKeyIssuedAt, now); err != nil {
		return time.Time{}, err
	}
	if err := s.fill(v1alpha1.SecretKeyNextSigningKey, v1alpha1.AnnotationNextSigningKeyIssuedAt, now); err != nil {
		return time.Time{}, err
	}
	if !now.Before(s.rotatesAt()) {
		if err := s.rotate(now); err != nil {
			return time.Time{}, err
		}
	}
	again := s.rotatesAt()
	if len(s.Data[v1alpha1.SecretKeyPreviousSigningKey]) == 0 {
		return again, nil
	}
	ends := s.timeOf(v1alpha1.AnnotationPreviousSigningKeyExpiresAt)
	if !now.Before(ends) {
		delete(s.Data, v1alpha1.SecretKeyPreviousSigningKey)
		delete(s.Annotations, v1alpha1.AnnotationPreviousSigningKeyExpiresAt)
		return again, nil
	}
	if ends.Before(again) {
		again = ends
	}
	return again, nil
}

// rotatesAt is when the next key signs: after the time of the one that does, and not before all replicas know it.
func (s SigningSecret) rotatesAt() time.Time {
	at, published := s.timeOf(v1alpha1.AnnotationSigningKeySince).Add(SigningKeyLifetime),
		s.timeOf(v1alpha1.AnnotationNextSigningKeyIssuedAt).Add(time.Hour)
	if published.After(at) {
		return published
	}
	return at
}

// fill makes a key that is missing or no key.
func (s SigningSecret) fill(name, issuedAt string, now time.Time) error {
	if _, err := parseSigningKey(s.Data[name]); err == nil {
		return nil
	}
	key, err := newSigningKey()
	if err != nil {
		return err
	}
	s.Data[name] = key
	s.annotate(issuedAt, now)
	if name == v1alpha1.SecretKeySigningKey {
		s.annotate(v1alpha1.AnnotationSigningKeySince, now)
	}
	return nil
}

func (s SigningSecret) rotate(now time.Time) error {
	s.Data[v1alpha1.SecretKeyPreviousSigningKey] = s.Data[v1alpha1.SecretKeySigningKey]
	s.annotate(v1alpha1.AnnotationPreviousSigningKeyExpiresAt, now.Add(previousKeyLifetime))
	s.Data[v1alpha1.SecretKeySigningKey] = s.Data[v1alpha1.SecretKeyNextSigningKey]
	s.Annotations[v1alpha1.AnnotationSigningKeyIssuedAt] = s.Annotations[v1alpha1.AnnotationNextSigningKeyIssuedAt]
	s.annotate(v1alpha1.AnnotationSigningKeySince, now)
	delete(s.Data, v1alpha1.SecretKeyNextSigningKey)
	return s.fill(v1alpha1.SecretKeyNextSigningKey, v1alpha1.AnnotationNextSigningKeyIssuedAt, now)
}
