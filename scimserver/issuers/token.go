package issuers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxToken bounds a token. Microsoft Entra ID's are 2 KiB, with 200 groups 9.
	maxToken = 16 << 10
	// maxAudiences bounds the audiences of a token.
	maxAudiences = 16
	// skew is how far the clocks of an issuer and of the operator may differ.
	skew = time.Minute
	// maxDate is the last second of the year 9999.
	maxDate = 253402300799
)

// algorithms are those that tokens may be signed with (RFC 7518 section 3.1): asymmetric ones, so that nobody can make a
// token with what is public.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}

// Algorithms are those that tokens may be signed with.
func Algorithms() []string { return slices.Clone(algorithms) }

// parsed is what a token says, before anybody has verified it.
type parsed struct {
	raw string
	// digest is that of what is signed. The signature is not in it: one can be changed and stay valid.
	digest            [sha256.Size]byte
	algorithm, keyID  string
	issuer, subject   string
	audiences         []string
	hasAudience       bool
	expiry            time.Time
	notBefore, issued time.Time
	hasExpiry         bool
	// claims are all of them.
	claims map[string]json.RawMessage
}

// LooksLikeJWT reports whether a token can be meant to be a JWT: a header that is a JSON object, and two dots.
func LooksLikeJWT(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") >= 2
}

// parse reads a token in the compact form (RFC 7515 section 7.1). It is strict, so that what is read here and what the
// library reads is the same.
func parse(token string) (*parsed, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("it has %d bytes, and %d are the most", len(token), maxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it does not consist of three parts with dots between them")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, fmt.Errorf("its %s is not base64url without padding", []string{"header", "payload", "signature"}[i])
		}
	}
	t := &parsed{raw: token, digest: sha256.Sum256([]byte(token[:len(parts[0])+1+len(parts[1])]))}
	if err := t.readHeader(decoded[0]); err != nil {
		return nil, err
	}
	return t, t.readClaims(decoded[1])
}

func (t *parsed) readHeader(data []byte) error {
	header, err := object(data, "alg", "kid", "crit", "b64")
	if err != nil {
		return fmt.Errorf("its header %w", err)
	}
	if _, ok := header["crit"]; ok {
		return errors.New("its header has crit, and no extension is understood")
	}
	if _, ok := header["b64"]; ok {
		return errors.New("its header has b64")
	}
	if err := text(header, "alg", &t.algorithm); err != nil {
		return fmt.Errorf("its header's %w", err)
	}
	if err := text(header, "kid", &t.keyID); err != nil {
		return fmt.Errorf("its header's %w", err)
	}
	return nil
}

func (t *parsed) readClaims(data []byte) error {
	claims, err := object(data, "iss", "sub", "aud", "exp", "nbf", "iat")
	if err != nil {
		return fmt.Errorf("its payload %w", err)
	}
	t.claims = claims
	if err := errors.Join(text(claims, "iss", &t.issuer), text(claims, "sub", &t.subject)); err != nil {
		return fmt.Errorf("its claim %w", err)
	}
	_, t.hasExpiry = claims["exp"]
	for name, into := range map[string]*time.Time{"exp": &t.expiry, "nbf": &t.notBefore, "iat": &t.issued} {
		if err := date(claims, name, into); err != nil {
			return err
		}
	}
	return t.readAudiences(claims["aud"])
}

func (t *parsed) readAudiences(data json.RawMessage) error {
	if data == nil {
		return nil
	}
	t.hasAudience = true
	var one string
	if json.Unmarshal(data, &one) == nil && !isNull(data) {
		t.audiences = []string{one}
		return nil
	}
	var several []*string
	if json.Unmarshal(data, &several) != nil || isNull(data) || slices.Contains(several, nil) {
		return errors.New("its claim aud is neither a text nor a list of texts")
	}
	if len(several) > maxAudiences {
		return fmt.Errorf("its claim aud has more than %d texts", maxAudiences)
	}
	for _, audience := range several {
		t.audiences = append(t.audiences, *audience)
	}
	return nil
}

// object reads an object. A name that is one of those that count but for its letters is refused: decoders that do not
// tell them apart take it for the other.
func object(data []byte, names ...string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, errors.New("is not a JSON object")
	}
	for name := range maps.Keys(members) {
		if !slices.Contains(names, name) && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return nil, fmt.Errorf("has %s in other letters", strings.ToLower(name))
		}
	}
	return members, nil
}

func text(members map[string]json.RawMessage, name string, into *string) error {
	data, ok := members[name]
	if !ok {
		return nil
	}
	if isNull(data) || json.Unmarshal(data, into) != nil {
		return fmt.Errorf("%s is no text", name)
	}
	return nil
}

// date reads a NumericDate (RFC 7519 section 2).
func date(members map[string]json.RawMessage, name string, into *time.Time) error {
	data, ok := members[name]
	if !ok {
		return nil
	}
	var seconds float64
	if isNull(data) || json.Unmarshal(data, &seconds) != nil || seconds < 0 || seconds > maxDate {
		return fmt.Errorf("its claim %s is no number of seconds since 1970", name)
	}
	*into = time.Unix(int64(seconds), 0)
	return nil
}

func isNull(data json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(data), []byte("null")) }

// checkTimes looks at exp, nbf and iat. The library looks at exp, without skew, and at nbf, with a minute of it; iat it
// leaves alone.
func (t *parsed) checkTimes(now time.Time) *failure {
	ago := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	clocks := "Set the clocks of the issuer and of the operator's nodes: they may differ by " + skew.String() + "."
	switch {
	case !t.hasExpiry:
		return failed(stageTimes, v1alpha1.RefusalExpired, "Let the issuer put exp into its tokens.", "The token has no claim exp, so it would never expire.")
	case !now.Before(t.expiry):
		return failed(stageTimes, v1alpha1.RefusalExpired, "Let the client get a new token in time, or set the clocks.",
			"The token expired at %s; it is %s here.", ago(t.expiry), ago(now))
	case t.notBefore.After(now.Add(skew)):
		return failed(stageTimes, v1alpha1.RefusalNotYetValid, clocks, "The token is valid from %s on (nbf); it is %s here.", ago(t.notBefore), ago(now))
	case t.issued.After(now.Add(skew)):
		return failed(stageTimes, v1alpha1.RefusalNotYetValid, clocks, "The token was issued at %s (iat); it is %s here.", ago(t.issued), ago(now))
	}
	return nil
}

// fits reports whether a token meets the rules of an element that want a claim to have a value. It looks at claims as the
// library does.
func (t *parsed) fits(element *v1alpha1.JWTAuthenticator) bool {
	return !slices.ContainsFunc(element.ClaimValidationRules, func(rule v1alpha1.ClaimValidationRule) bool {
		if rule.Claim == "" {
			return false
		}
		var value string
		data, ok := t.claims[rule.Claim]
		return !ok || json.Unmarshal(data, &value) != nil || value != rule.RequiredValue
	})
}

// isOf reports whether a token is one of a client's assertions.
func (t *parsed) isOf(known *v1alpha1.OAuthClient) bool {
	return slices.ContainsFunc(known.Assertions, func(a v1alpha1.ClientAssertion) bool {
		return a.Issuer == t.issuer && a.Subject == t.subject
	})
}
