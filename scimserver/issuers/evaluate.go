package issuers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// verification is what is known of one token while endpoints are asked about it.
type verification struct {
	issuers *Issuers
	token   *parsed
	as      use
	signed  map[*keySet]*signature
	// payload is what any of the sets has verified.
	payload []byte
	// asked is what each endpoint was when it was asked first: it may change meanwhile, and then has other sets.
	asked map[types.UID]*configured
	// tries is how many keys have been tried, of all sets.
	tries int
}

func (i *Issuers) verification(t *parsed, as use) *verification {
	return &verification{issuers: i, token: t, as: as, signed: map[*keySet]*signature{}, asked: map[types.UID]*configured{}}
}

// elements returns those of an endpoint, the same ones as long as the verification takes.
func (v *verification) elements(endpoint *v1alpha1.ScimEndpoint) []*element {
	asked := v.asked[endpoint.UID]
	if asked == nil {
		asked = v.issuers.configured(endpoint)
		v.asked[endpoint.UID] = asked
	}
	return asked.elements
}

// signature is what one set says of the token's.
type signature struct {
	revision uint64
	failure  *failure
}

// checkSignatures has the sets of the endpoints verify the token. All of them together have the patience that a request
// has for keys: a stranger's token is to cost no more because many endpoints trust the issuer that it names.
func (v *verification) checkSignatures(ctx context.Context, endpoints ...*v1alpha1.ScimEndpoint) {
	ctx, cancel := context.WithTimeout(ctx, v.issuers.limits.patience)
	defer cancel()
	var behind []*element
	for _, endpoint := range endpoints {
		for _, e := range v.elements(endpoint) { //nolint:contextcheck // keys are fetched for longer than a request lasts
			if e.set == nil || e.spec.Issuer.URL != v.token.issuer || v.signed[e.set] != nil {
				continue
			}
			if v.check(e); v.signed[e.set].failure != nil {
				behind = append(behind, e)
			}
		}
	}
	// All are asked for before any is waited for, so that a slow issuer takes no time from the others.
	waits := make([]func(context.Context) bool, len(behind))
	for n, e := range behind {
		waits[n] = e.set.refetch(v.signed[e.set].revision)
	}
	for n, e := range behind {
		if waits[n](ctx) {
			v.check(e)
		}
	}
}

// check has the set of an element verify the token. The sets together try no more keys than one may, but each at least one:
// whoever publishes many keys for somebody else's issuer keeps that one's own from nothing.
func (v *verification) check(e *element) {
	payload, revision, tries, f := e.set.tryKeys(v.token, trust.Path(e.index).String(), max(1, maxTries-v.tries))
	v.tries += tries
	v.signed[e.set] = &signature{revision: revision, failure: f}
	if f == nil {
		v.payload = payload
	}
}

// ask asks the elements of an endpoint one after the other.
func (v *verification) ask(ctx context.Context, endpoint *v1alpha1.ScimEndpoint) *outcome {
	o := &outcome{endpoint: endpoint}
	for _, e := range v.elements(endpoint) { //nolint:contextcheck // keys are fetched for longer than a request lasts
		f := v.askElement(ctx, endpoint, e)
		if f != nil {
			if f.undecided {
				o.undecided = f
			}
			if o.failure == nil || f.stage > o.failure.stage {
				o.failure = f
			}
			continue
		}
		s := v.signed[e.set]
		o.identity = &Identity{
			Endpoint: endpoint, Element: e.index, Issuer: v.token.issuer, Audience: audienceOf(&e.spec.Issuer, v.token),
			Subject: v.token.subject, Expiry: v.token.expiry, Digest: v.token.digest,
			ID: v1alpha1.TokenID(v.token.issuer + "\n" + v.token.subject),
		}
		if v.as.clientID == "" {
			o.identity.Scope, o.identity.ScopeField = e.spec.Scope, trust.Path(e.index).Child("scope").String()
		}
		o.set, o.revision, o.failure = e.set, s.revision, s.failure
		if s.failure == nil {
			return o
		}
	}
	if o.identity == nil && o.failure == nil {
		o.failure = failed(stageIssuer, v1alpha1.RefusalUntrustedIssuer, "", "The endpoint trusts no issuer any more.")
	}
	return o
}

// askElement returns nil if an element takes the claims of a token that is signed by the issuer of any of the endpoints.
func (v *verification) askElement(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, e *element) *failure {
	t, issuer := v.token, &e.spec.Issuer
	if issuer.URL != t.issuer {
		if trust.Like(issuer.URL) != trust.Like(t.issuer) {
			return failed(stageIssuer, v1alpha1.RefusalUntrustedIssuer, newElement,
				"A token of issuer %s was to come; it came one that says it is of %s, which nobody has verified.", quote(issuer.URL), quote(t.issuer))
		}
		return failed(stageSpelling, v1alpha1.RefusalUntrustedIssuer, line(e.index, "issuer.url: <iss as the message has it, if your issuer spells itself so>"),
			"A token of issuer %s was to come; it came one that says it is of %s, which is spelled differently and which nobody has verified.",
			quote(issuer.URL), quote(t.issuer))
	}
	if e.fault != "" {
		return v.undecided(endpoint, e, failed(stageKeys, v1alpha1.RefusalIssuerInvalid, e.fault, "The element %s, which trusts the token's issuer, is not valid.", trust.Path(e.index)))
	}
	if e.full != "" {
		return v.undecided(endpoint, e, failed(stageKeys, v1alpha1.RefusalIssuerUnavailable, "Name fewer issuers.", "The keys of the issuer %s are not fetched: %s.", quote(issuer.URL), e.full))
	}
	if s := v.signed[e.set]; v.payload == nil {
		return s.failure
	}
	if f := t.checkTimes(v.issuers.now()); f != nil {
		return f
	}
	if audience := audienceOf(issuer, t); audience == "" {
		wanted := "<aud>"
		if len(t.audiences) > 0 {
			wanted = v.told(e, t.audiences[0], wanted)
		}
		return failed(stageAudience, v1alpha1.RefusalAudience, withAudience(e.index, issuer, wanted),
			"One of the audiences %s was to come; what came is %s, of issuer %s with subject %s.", quoteAll(issuer.Audiences), audiencesText(t), quote(t.issuer), quote(t.subject))
	}
	if f := v.checkUse(endpoint, e); f != nil {
		return f
	}
	return v.checkClaims(ctx, endpoint, e)
}

// mayTake reports whether an element takes the token, as far as that can be told without its keys and expressions.
func (v *verification) mayTake(endpoint *v1alpha1.ScimEndpoint, e *v1alpha1.JWTAuthenticator) bool {
	if e.Issuer.URL != v.token.issuer || audienceOf(&e.Issuer, v.token) == "" || !v.token.fits(e) {
		return false
	}
	if v.as.clientID == "" {
		return e.Scope != ""
	}
	known := endpoint.Client(v.as.clientID)
	return known != nil && v.token.isOf(known)
}

// anyMayTake reports whether an element of an endpoint may take the token.
func (v *verification) anyMayTake(endpoint *v1alpha1.ScimEndpoint) bool {
	return slices.ContainsFunc(endpoint.Spec.Authentication.JWT, func(e v1alpha1.JWTAuthenticator) bool { return v.mayTake(endpoint, &e) })
}

// undecided marks the failure of an element that may take the token, but of which that cannot be found out now.
func (v *verification) undecided(endpoint *v1alpha1.ScimEndpoint, e *element, f *failure) *failure {
	f.undecided = v.mayTake(endpoint, e.spec)
	return f
}

// checkUse looks whether an element's tokens may be used for this.
func (v *verification) checkUse(endpoint *v1alpha1.ScimEndpoint, e *element) *failure {
	if v.as.clientID == "" {
		if e.spec.Scope == "" {
			return failed(stageUse, v1alpha1.RefusalBearer, line(e.index, "scope: scim"),
				"Tokens of issuer %s for audience %s are assertions of clients, for the token endpoint; one with subject %s came as a bearer token.",
				quote(v.token.issuer), audiencesText(v.token), quote(v.token.subject))
		}
		return nil
	}
	clients := endpoint.Spec.Authentication.Clients
	place := slices.IndexFunc(clients, func(c v1alpha1.OAuthClient) bool { return c.ClientID == v.as.clientID })
	if place < 0 {
		return failed(stageUse, v1alpha1.RefusalSubject, "", "There is no such client.")
	}
	if v.token.isOf(&clients[place]) {
		return nil
	}
	return failed(stageUse, v1alpha1.RefusalSubject,
		fmt.Sprintf("spec.authentication.clients[%d].assertions: [..., {issuer: %s, subject: %s}]",
			place, quote(v.token.issuer), v.told(e, v.token.subject, "<sub>")),
		"An assertion of the client was to have one of its issuers and subjects; it came one of %s with subject %s.", quote(v.token.issuer), quote(v.token.subject))
}

// verifiedKey is under what a context has the payload that has been verified.
type verifiedKey struct{}

type verifiedPayload struct {
	token   string
	payload []byte
}

// verifiedBefore is the library's set of keys: it returns what has been verified already.
type verifiedBefore struct{}

// VerifySignature implements go-oidc's KeySet.
func (verifiedBefore) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	verified, ok := ctx.Value(verifiedKey{}).(verifiedPayload)
	if !ok || verified.token != token {
		return nil, errors.New("the token has not been verified")
	}
	return bytes.Clone(verified.payload), nil
}

// checkClaims has the library look at a token whose signature has been verified: once more at issuer, audience and times,
// and then at rules and mappings.
func (v *verification) checkClaims(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, e *element) *failure {
	path := trust.Path(e.index).String()
	if e.tenant.overworked() {
		return v.undecided(endpoint, e, failed(stageClaims, v1alpha1.RefusalClaims, "Make the expressions of "+path+" cheaper.",
			"The expressions of this namespace have taken more time than they may; tokens are accepted again in a moment."))
	}
	begun := time.Now()
	ctx = context.WithValue(ctx, verifiedKey{}, verifiedPayload{token: v.token.raw, payload: v.payload})
	response, ok, err := e.library.AuthenticateToken(ctx, v.token.raw)
	e.tenant.worked(time.Since(begun))
	if err != nil {
		return v.claimsFailure(e, path, err.Error())
	}
	if !ok || response == nil {
		return failed(stageIssuer, v1alpha1.RefusalUntrustedIssuer, "", "The token is not one of issuer %s.", quote(e.spec.Issuer.URL))
	}
	return nil
}

// claimsFailure says which rule it was. The library's own words are not told: they have values of claims.
func (v *verification) claimsFailure(e *element, path, said string) *failure {
	rules := e.spec.ClaimValidationRules
	for i, rule := range rules {
		named := "claim " + rule.Claim
		if rule.Claim != "" && (strings.Contains(said, named+" ") || strings.Contains(said, named+":")) {
			place := fmt.Sprintf("%s.claimValidationRules[%d]", path, i)
			return failed(stageClaims, v1alpha1.RefusalClaims, fmt.Sprintf("%s.requiredValue: %s", place, v.valueOf(e, rule.Claim)),
				"Claim %s was to be the text of %s.requiredValue, and is missing or another one.%s", quote(rule.Claim), place, v.tokenText())
		}
	}
	// Of two expressions one may be a part of the other, so the longest one that the library names is meant.
	place, longest, message := "", "", ""
	note := func(kind string, i int, expression, told string) {
		if len(expression) > len(longest) && strings.Contains(said, "'"+expression+"'") {
			place, longest, message = fmt.Sprintf("%s.%s[%d]", path, kind, i), expression, told
		}
	}
	for i, rule := range rules {
		note("claimValidationRules", i, rule.Expression, rule.Message)
	}
	for i, rule := range e.spec.UserValidationRules {
		note("userValidationRules", i, rule.Expression, rule.Message)
	}
	if place != "" && strings.Contains(said, "failed: ") {
		if message == "" {
			message = longest
		}
		return failed(stageClaims, v1alpha1.RefusalClaims, place+".expression: <an expression that is true of such a token>",
			"Expression %s of %s is not true of the token.%s", quote(message), place, v.tokenText())
	}
	if place != "" {
		return failed(stageClaims, v1alpha1.RefusalClaims, place+".expression: <an expression that also works where a claim is missing, such as has(claims.x) && ...>",
			"Expression %s of %s fails for the token, as when it reads a claim that is missing, or takes too long.%s", quote(longest), place, v.tokenText())
	}
	if strings.Contains(said, "username") || strings.Contains(said, "email") {
		return failed(stageClaims, v1alpha1.RefusalClaims, path+".claimMappings.username: {claim: sub}",
			"%s.claimMappings.username makes no name of the token: the claim is missing or no text, or email is not verified.%s", path, v.tokenText())
	}
	return failed(stageClaims, v1alpha1.RefusalClaims, "Let the issuer leave out what this operator does not understand.",
		"The claims of the token are not understood, such as _claim_names.%s", v.tokenText())
}

// valueOf is the token's value of a claim, if that may be told.
func (v *verification) valueOf(e *element, claim string) string {
	placeholder := "<the token's " + claim + ">"
	switch claim {
	case "sub":
		return v.told(e, v.token.subject, placeholder)
	case "aud":
		if len(v.token.audiences) == 1 {
			return v.told(e, v.token.audiences[0], placeholder)
		}
	}
	return placeholder
}

// told is a value of the token as a remedy may have it: in its place a placeholder, unless the element's own issuer has
// signed the token. Anybody makes a token that says anything, and another tenant's keys may have verified it.
func (v *verification) told(e *element, value, placeholder string) string {
	if v.signed[e.set].failure != nil {
		return placeholder
	}
	return quote(value)
}

func (v *verification) tokenText() string {
	return fmt.Sprintf(" It is of issuer %s with audience %s and subject %s.", quote(v.token.issuer), audiencesText(v.token), quote(v.token.subject))
}
