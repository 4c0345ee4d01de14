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

	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// tokenPrefix lets secret scanners recognise a token.
	tokenPrefix = "scim_"
	// tokenBytes is the size of a token in random bytes.
	tokenBytes = 32
	// defaultTokenOverlap is how long the old token stays valid after a rotation.
	defaultTokenOverlap = 30 * 24 * time.Hour
	// clockTolerance is how far the clock of another leader may have been ahead of this one's.
	clockTolerance = 5 * time.Minute
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

// check says what is wrong with the tokens, "" when nothing is.
func (s tokenSecret) check() string {
	token, hash := s.Data[v1alpha1.SecretKeyToken], s.Data[v1alpha1.SecretKeyTokenHash]
	if len(hash) == 0 {
		return checkToken(token)
	}
	parsed, ok := tokens.ParseHash(hash)
	switch {
	case len(token) > 0 && parsed != tokens.HashOf(token):
		return fmt.Sprintf("The Secret has key %q and, of another token, %q: take out one of them. Until then %[1]q counts.",
			v1alpha1.SecretKeyToken, v1alpha1.SecretKeyTokenHash)
	case !ok:
		return fmt.Sprintf("The Secret's key %q must hold the SHA-256 of a token, 64 hexadecimal digits, as sha256sum prints it.", v1alpha1.SecretKeyTokenHash)
	}
	return ""
}

// madeElsewhere reports whether the Secret holds only the hash of its token.
func (s tokenSecret) madeElsewhere() bool { return len(s.Data[v1alpha1.SecretKeyToken]) == 0 }

func (s tokenSecret) annotate(key, value string) {
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[key] = value
}

func (s tokenSecret) annotateTime(key string, t time.Time) {
	s.annotate(key, t.UTC().Format(time.RFC3339))
}

// generation is the tokenGeneration that the current token was made for; false when
// nobody has taken that down.
func (s tokenSecret) generation() (int64, bool) {
	generation, err := strconv.ParseInt(s.Annotations[v1alpha1.AnnotationTokenGeneration], 10, 64)
	return generation, err == nil
}

func (s tokenSecret) annotateGeneration(generation int64) {
	s.annotate(v1alpha1.AnnotationTokenGeneration, strconv.FormatInt(generation, 10))
}

// timeOf is an annotation's time, nil when it is missing or not a time.
func (s tokenSecret) timeOf(annotation string) *v1alpha1.Timestamp {
	return tokens.TimeOf(s.Secret, annotation)
}

// issue puts a new token into the Secret.
func (s tokenSecret) issue(generation int64, now time.Time) {
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	token := newToken()
	s.Data[v1alpha1.SecretKeyToken] = token
	s.annotateGeneration(generation)
	s.issued(v1alpha1.TokenID(string(token)), now)
}

// issued takes down since when the current token is known.
func (s tokenSecret) issued(id string, now time.Time) {
	s.annotate(v1alpha1.AnnotationIssuedTokenID, id)
	s.annotateTime(v1alpha1.AnnotationTokenIssuedAt, now)
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
	expiry, rotated := s.timeOf(v1alpha1.AnnotationPreviousTokenExpiresAt), s.timeOf(v1alpha1.AnnotationTokenIssuedAt)
	if expiry == nil || rotated == nil {
		return
	}
	if end := rotated.Add(overlapOf(endpoint)); end.Before(expiry.Time) {
		s.annotateTime(v1alpha1.AnnotationPreviousTokenExpiresAt, end)
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
		s.annotateTime(v1alpha1.AnnotationPreviousTokenExpiresAt, now.Add(overlap))
	}
	s.issue(endpoint.Spec.TokenGeneration, now)
}

func (s tokenSecret) dropPrevious() {
	delete(s.Data, v1alpha1.SecretKeyPreviousToken)
	for _, annotation := range []string{
		v1alpha1.AnnotationPreviousTokenID, v1alpha1.AnnotationPreviousTokenIssuedAt, v1alpha1.AnnotationPreviousTokenExpiresAt,
	} {
		delete(s.Annotations, annotation)
	}
}

// bringUpToDate rotates the token if the endpoint asks for it, takes down since when a token of somebody else is known, shortens
// the time of a previous one when the endpoint gives it less by now, and removes one that has ended.
func (s tokenSecret) bringUpToDate(endpoint *v1alpha1.ScimEndpoint, now time.Time) {
	generation, known := s.generation()
	if endpoint.Status.ObservedGeneration == 0 && generation > endpoint.Spec.TokenGeneration {
		// The Secret is from an earlier endpoint, whose rotations do not count for this one.
		known = false
	}
	replaced := s.noteCurrent(overlapOf(endpoint), now)
	switch {
	case !known || replaced && s.madeElsewhere():
		// The token of somebody else counts as the one asked for.
		s.annotateGeneration(endpoint.Spec.TokenGeneration)
	case generation < endpoint.Spec.TokenGeneration && !s.madeElsewhere():
		s.rotate(endpoint, now)
	}
	s.shortenOverlap(endpoint)
	for _, token := range tokens.Of(s.Secret, endpoint.Spec.Authentication.TokenSeconds) {
		// The hash is somebody else's, who may put it there again.
		if token.State == v1alpha1.TokenPrevious && !token.Valid(now) && !token.Elsewhere {
			s.dropPrevious()
		}
	}
}

// noteCurrent takes down from when on the current token counts, if that is not known, and how long one before it that somebody
// else made goes on. It reports whether somebody has put another token in the place of one that was known.
func (s tokenSecret) noteCurrent(overlap time.Duration, now time.Time) (replaced bool) {
	current, ok := tokens.CurrentOf(s.Secret)
	if !ok {
		return false
	}
	before, issued := s.Annotations[v1alpha1.AnnotationIssuedTokenID], s.Annotations[v1alpha1.AnnotationTokenIssuedAt]
	replaced = before != "" && before != current.ID()
	since := s.timeOf(v1alpha1.AnnotationTokenIssuedAt)
	switch {
	case replaced, since == nil, since.After(now.Add(clockTolerance)):
		s.issued(current.ID(), now)
	case before == "":
		s.annotate(v1alpha1.AnnotationIssuedTokenID, current.ID())
	}
	s.notePrevious(overlap, replaced, before, issued)
	return replaced
}

// notePrevious gives a previous token that somebody else made the time of an overlap, counted from when the current one was seen:
// however often its hash is put there again, that does not prolong it. before and issued are what was known of the current token.
func (s tokenSecret) notePrevious(overlap time.Duration, replaced bool, before, issued string) {
	previous, ok := tokens.PreviousOf(s.Secret)
	if !ok || !previous.Elsewhere {
		return
	}
	id := previous.ID()
	if s.Annotations[v1alpha1.AnnotationPreviousTokenID] == id && (!replaced || id != before) {
		return
	}
	s.annotate(v1alpha1.AnnotationPreviousTokenID, id)
	delete(s.Annotations, v1alpha1.AnnotationPreviousTokenIssuedAt)
	if id == before {
		s.annotate(v1alpha1.AnnotationPreviousTokenIssuedAt, issued)
	}
	s.annotateTime(v1alpha1.AnnotationPreviousTokenExpiresAt, s.timeOf(v1alpha1.AnnotationTokenIssuedAt).Add(overlap))
}

// tokens tells of the tokens, without their values: of the current one, and of a previous one that is valid.
func (s tokenSecret) tokens(lifetime *int32, now time.Time) []v1alpha1.TokenStatus {
	var told []v1alpha1.TokenStatus
	for _, token := range tokens.Of(s.Secret, lifetime) {
		if token.State == v1alpha1.TokenCurrent || token.Valid(now) {
			told = append(told, v1alpha1.TokenStatus{ID: token.ID(), State: token.State, IssuedAt: token.IssuedAt, ExpiresAt: token.ExpiresAt})
		}
	}
	return told
}

// disown takes away what makes the Secret go with another endpoint.
func (s tokenSecret) disown(endpoint *v1alpha1.ScimEndpoint) {
	delete(s.Annotations, v1alpha1.AnnotationMadeFor)
	s.OwnerReferences = slices.DeleteFunc(s.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return owner.Kind == "ScimEndpoint" && owner.UID != endpoint.UID
	})
}
