package controllers

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// tokenPrefix lets secret scanners recognise a token.
	tokenPrefix = "scim_"
	// tokenBytes is the size of a token in random bytes.
	tokenBytes = 32
	// defaultTokenOverlap is how long the old token stays valid after a rotation.
	defaultTokenOverlap = 30 * 24 * time.Hour
)

// newToken returns a bearer token of 256 random bits.
func newToken() []byte {
	random := make([]byte, tokenBytes)
	rand.Read(random) // never fails: it ends the process instead
	return []byte(tokenPrefix + base64.RawURLEncoding.EncodeToString(random))
}

// checkToken says what is wrong with a token, "" when nothing is. What it allows fits
// into an HTTP header and cannot be guessed by its length.
func checkToken(token []byte) string {
	if len(token) < v1alpha1.MinTokenLength {
		return fmt.Sprintf("The Secret's key %q must hold at least %d characters.", v1alpha1.SecretKeyToken, v1alpha1.MinTokenLength)
	}
	if len(token) > v1alpha1.MaxTokenLength {
		return fmt.Sprintf("The Secret's key %q must hold at most %d characters.", v1alpha1.SecretKeyToken, v1alpha1.MaxTokenLength)
	}
	for _, c := range token {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("The Secret's key %q must hold printable ASCII characters only, without blanks or line ends.", v1alpha1.SecretKeyToken)
		}
	}
	return ""
}

// tokenSecret is the token Secret of an endpoint, with the meaning of its keys and
// annotations.
type tokenSecret struct{ *corev1.Secret }

func (s tokenSecret) annotate(key, value string) {
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[key] = value
}

// generation is the tokenGeneration that the current token was made for; false when
// nobody has taken that down.
func (s tokenSecret) generation() (int64, bool) {
	generation, err := strconv.ParseInt(s.Annotations[v1alpha1.AnnotationTokenGeneration], 10, 64)
	return generation, err == nil
}

// timeOf is an annotation's time, nil when it is missing or not a time.
func (s tokenSecret) timeOf(annotation string) *v1alpha1.Timestamp {
	parsed, err := time.Parse(time.RFC3339, s.Annotations[annotation])
	if err != nil {
		return nil
	}
	return new(v1alpha1.NewTimestamp(parsed))
}

// issue puts a new token into the Secret.
func (s tokenSecret) issue(generation int64, now time.Time) {
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	s.Data[v1alpha1.SecretKeyToken] = newToken()
	s.annotate(v1alpha1.AnnotationTokenGeneration, strconv.FormatInt(generation, 10))
	s.annotate(v1alpha1.AnnotationTokenIssuedAt, now.UTC().Format(time.RFC3339))
}

// overlapOf is how long an endpoint lets the old token be valid after a rotation.
func overlapOf(endpoint *v1alpha1.ScimEndpoint) time.Duration {
	if seconds := endpoint.Spec.TokenOverlapSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultTokenOverlap
}

// shortenOverlap lets a previous token end when an overlap that was made shorter after
// the rotation says so, as for a token that somebody has seen. It never prolongs one.
func (s tokenSecret) shortenOverlap(endpoint *v1alpha1.ScimEndpoint) {
	expiry, rotated := s.previousExpiry(), s.timeOf(v1alpha1.AnnotationTokenIssuedAt)
	if expiry == nil || rotated == nil {
		return
	}
	if end := rotated.Add(overlapOf(endpoint)); end.Before(expiry.Time) {
		s.annotate(v1alpha1.AnnotationPreviousTokenExpiresAt, end.UTC().Format(time.RFC3339))
	}
}

// rotate keeps the current token as the previous one for a while and issues another.
func (s tokenSecret) rotate(endpoint *v1alpha1.ScimEndpoint, now time.Time) {
	overlap := overlapOf(endpoint)
	s.dropPrevious()
	if overlap > 0 {
		s.Data[v1alpha1.SecretKeyPreviousToken] = s.Data[v1alpha1.SecretKeyToken]
		if issued, ok := s.Annotations[v1alpha1.AnnotationTokenIssuedAt]; ok {
			s.annotate(v1alpha1.AnnotationPreviousTokenIssuedAt, issued)
		}
		s.annotate(v1alpha1.AnnotationPreviousTokenExpiresAt, now.Add(overlap).UTC().Format(time.RFC3339))
	}
	s.issue(endpoint.Spec.TokenGeneration, now)
}

func (s tokenSecret) dropPrevious() {
	delete(s.Data, v1alpha1.SecretKeyPreviousToken)
	delete(s.Annotations, v1alpha1.AnnotationPreviousTokenIssuedAt)
	delete(s.Annotations, v1alpha1.AnnotationPreviousTokenExpiresAt)
}

// previousExpiry is when the previous token stops working, nil when there is none
// that works.
func (s tokenSecret) previousExpiry() *v1alpha1.Timestamp {
	if len(s.Data[v1alpha1.SecretKeyPreviousToken]) == 0 {
		return nil
	}
	return s.timeOf(v1alpha1.AnnotationPreviousTokenExpiresAt)
}

// bringUpToDate rotates the token if the endpoint asks for it, shortens the time of a
// previous one when the endpoint gives it less by now, and removes one that has expired.
func (s tokenSecret) bringUpToDate(endpoint *v1alpha1.ScimEndpoint, now time.Time) {
	generation, known := s.generation()
	if endpoint.Status.ObservedGeneration == 0 && generation > endpoint.Spec.TokenGeneration {
		// The Secret is from an earlier endpoint, whose rotations do not count for this one.
		known = false
	}
	switch {
	case !known:
		// The token of somebody else counts as the one asked for.
		s.annotate(v1alpha1.AnnotationTokenGeneration, strconv.FormatInt(endpoint.Spec.TokenGeneration, 10))
		s.annotate(v1alpha1.AnnotationTokenIssuedAt, now.UTC().Format(time.RFC3339))
	case generation < endpoint.Spec.TokenGeneration:
		s.rotate(endpoint, now)
	}
	s.shortenOverlap(endpoint)
	if expiry := s.previousExpiry(); expiry != nil && !now.Before(expiry.Time) {
		s.dropPrevious()
	}
}

// tokens tells of the tokens that are valid, without their values.
func (s tokenSecret) tokens() []v1alpha1.TokenStatus {
	current := string(s.Data[v1alpha1.SecretKeyToken])
	tokens := []v1alpha1.TokenStatus{{
		ID: v1alpha1.TokenID(current), State: v1alpha1.TokenCurrent, IssuedAt: s.timeOf(v1alpha1.AnnotationTokenIssuedAt),
	}}
	previous := string(s.Data[v1alpha1.SecretKeyPreviousToken])
	if expiry := s.previousExpiry(); expiry != nil && previous != current {
		tokens = append(tokens, v1alpha1.TokenStatus{
			ID: v1alpha1.TokenID(previous), State: v1alpha1.TokenPrevious,
			IssuedAt: s.timeOf(v1alpha1.AnnotationPreviousTokenIssuedAt), ExpiresAt: expiry,
		})
	}
	return tokens
}

// disown takes away what makes the Secret go with another endpoint.
func (s tokenSecret) disown(endpoint *v1alpha1.ScimEndpoint) {
	s.OwnerReferences = slices.DeleteFunc(s.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return owner.Kind == "ScimEndpoint" && owner.UID != endpoint.UID
	})
}
