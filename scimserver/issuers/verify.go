package issuers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

const (
	// maxCandidates bounds how many endpoints are asked about one token, and how many are told of one that more may take.
	maxCandidates = 16
	// maxSpellings bounds how many endpoints are told of a token that none of them takes.
	maxSpellings = 4
)

// Identity is who a token is of, and for whom.
type Identity struct {
	// Endpoint is the reader's own: read only.
	Endpoint *v1alpha1.ScimEndpoint
	// Element is the index in its spec.authentication.jwt.
	Element int
	// Issuer, Audience and Subject are claims; Audience is the one that the element names.
	Issuer, Audience, Subject string
	// Scope is what a bearer may do, and ScopeField the field that says so; "" for an assertion.
	Scope      v1alpha1.Scope
	ScopeField string
	// ID is the same for all tokens of the issuer with this subject, and does not reveal either.
	ID string
	// Expiry is when the token expires.
	Expiry time.Time
	// Digest is the same for all tokens that say the same, however they are signed: whoever accepts a token once goes by
	// it, as a signature can be changed and stay valid.
	Digest [32]byte
}

// use is what a token is to be used for.
type use struct {
	// clientID is the client whose assertion it is; "" for a bearer token.
	clientID string
}

// Bearer verifies a token that a request brings. The endpoint is found by issuer and audience. (nil, nil) means that it
// is no JWT; the error of one that is not accepted is a *Refusal.
func (i *Issuers) Bearer(ctx context.Context, token string) (*Identity, error) {
	if !LooksLikeJWT(token) {
		return nil, nil
	}
	t, refused := i.read(token)
	if refused != nil {
		return nil, refused
	}
	takers, err := trust.Taking(ctx, i.reader, t.issuer, t.audiences)
	if err != nil {
		return nil, err
	}
	if len(takers) == 0 {
		spelling, err := trust.Spelling(ctx, i.reader, t.issuer, maxSpellings+1)
		if err != nil {
			return nil, err
		}
		return nil, i.strange(ctx, t, use{}, spelling)
	}
	accepted, refused := i.decide(ctx, t, use{}, takers)
	if refused != nil {
		return nil, refused
	}
	i.remember(t, accepted, takers)
	return accepted.identity, nil
}

// Assertion verifies a token by which the client with this id proves who it is (RFC 7523 section 3) to one of the
// endpoints, which have the client. An element of jwt takes it if the client's assertions name its issuer and the token's
// subject. The error of one that is not accepted is a *Refusal. Whether an assertion has been used before is the caller's.
func (i *Issuers) Assertion(ctx context.Context, token, clientID string, endpoints []*v1alpha1.ScimEndpoint) (*Identity, error) {
	t, refused := i.read(token)
	if refused != nil {
		if ofSeveralTenants(endpoints) {
			return nil, refused
		}
		for _, endpoint := range endpoints {
			refused.Told = append(refused.Told, Told{Endpoint: client.ObjectKeyFromObject(endpoint), Message: refused.Message, Remedy: refused.Remedy})
		}
		return nil, refused
	}
	as := use{clientID: clientID}
	takers := slices.DeleteFunc(slices.Clone(endpoints), func(e *v1alpha1.ScimEndpoint) bool { return !takes(e, t) })
	if len(takers) == 0 {
		return nil, i.strange(ctx, t, as, endpoints[:min(len(endpoints), maxCandidates)])
	}
	accepted, refused := i.decide(ctx, t, as, takers)
	if refused != nil {
		return nil, refused
	}
	return accepted.identity, nil
}

// takes reports whether an endpoint trusts the token's issuer for one of its audiences.
func takes(endpoint *v1alpha1.ScimEndpoint, t *parsed) bool {
	return slices.ContainsFunc(endpoint.Spec.Authentication.JWT, func(e v1alpha1.JWTAuthenticator) bool {
		return e.Issuer.URL == t.issuer && audienceOf(&e.Issuer, t) != ""
	})
}

// audienceOf is the audience that both have, "" for none.
func audienceOf(issuer *v1alpha1.JWTIssuer, t *parsed) string {
	for _, audience := range t.audiences {
		if audience != "" && slices.Contains(issuer.Audiences, audience) {
			return audience
		}
	}
	return ""
}

// read reads a token, as far as that does not depend on who takes it.
func (i *Issuers) read(token string) (*parsed, *Refusal) {
	t, err := parse(token)
	if err != nil {
		return nil, everywhere(v1alpha1.RefusalMalformedToken, "Let the client send the token as the issuer made it.",
			"The token is not a JWT that is understood: %s.", err)
	}
	if !slices.Contains(algorithms, t.algorithm) {
		return nil, everywhere(v1alpha1.RefusalAlgorithm, "Let the issuer sign with one of them.",
			"The token's algorithm was to be one of %s; what came is %s.", strings.Join(algorithms, ", "), quote(t.algorithm))
	}
	return t, nil
}

// outcome is what became of a token at one endpoint.
type outcome struct {
	endpoint *v1alpha1.ScimEndpoint
	// identity is set if the claims are taken; set and revision, too, if it is also signed by the endpoint's issuer.
	identity *Identity
	set      *keySet
	revision uint64
	// undecided is why nobody knows whether the endpoint takes the claims; nil if it is known.
	undecided *failure
	// failure is why not, of the element that it came furthest with.
	failure *failure
}

// decide asks all endpoints that a token may be for. It is for one whose element takes the claims, if that one verifies
// the signature, and no other takes the claims, too: also if that other one has no keys, or other ones, so that two
// endpoints never take turns. One of which nobody can say now whether it takes them counts as if it did.
func (i *Issuers) decide(ctx context.Context, t *parsed, as use, takers []*v1alpha1.ScimEndpoint) (*outcome, *Refusal) {
	v := i.verification(t, as)
	asked := takers
	if len(takers) > maxCandidates {
		// Those whose rules want other values of claims take it in no case, so they keep it from nobody.
		asked = slices.DeleteFunc(slices.Clone(takers), func(e *v1alpha1.ScimEndpoint) bool { return !v.anyMayTake(e) })
		switch {
		case len(asked) > maxCandidates:
			return nil, v.crowded(asked)
		case len(asked) == 0:
			asked = takers[:maxCandidates]
		}
	}
	v.checkSignatures(ctx, asked...)
	var taking, undecided, outcomes []*outcome
	for _, endpoint := range asked {
		o := v.ask(ctx, endpoint)
		outcomes = append(outcomes, o)
		switch {
		case o.identity != nil:
			taking = append(taking, o)
		case o.undecided != nil:
			undecided = append(undecided, o)
		}
	}
	switch {
	case len(taking) > 1, len(taking) == 1 && len(undecided) > 0:
		return nil, ambiguous(t, taking, undecided...)
	case len(taking) == 1 && taking[0].failure == nil:
		return taking[0], nil
	}
	return nil, furthest(outcomes, ofSeveralTenants(takers))
}

// crowded is the refusal of a token that more endpoints may take than are asked. Those of each namespace are told, so that
// none crowds out the others.
func (v *verification) crowded(endpoints []*v1alpha1.ScimEndpoint) *Refusal {
	refusal := &Refusal{Reason: v1alpha1.RefusalAmbiguous}
	discreet := ofSeveralTenants(endpoints)
	before := map[string]int{}
	place := map[types.UID]int{} // among those of the namespace
	for _, endpoint := range endpoints {
		place[endpoint.UID] = before[endpoint.Namespace]
		before[endpoint.Namespace]++
	}
	slices.SortStableFunc(endpoints, func(a, b *v1alpha1.ScimEndpoint) int { return place[a.UID] - place[b.UID] })
	for _, endpoint := range endpoints[:maxCandidates] {
		at := slices.IndexFunc(endpoint.Spec.Authentication.JWT, func(e v1alpha1.JWTAuthenticator) bool { return v.mayTake(endpoint, &e) })
		refusal.Told = append(refusal.Told, Told{
			Endpoint: client.ObjectKeyFromObject(endpoint), Discreet: discreet,
			Message: fmt.Sprintf("At most %d ScimEndpoints were to take tokens of issuer %s for one audience by rules that do not want a claim "+
				"to have a value; there are more, so none does.", maxCandidates, quote(v.token.issuer)),
			Remedy: apartRemedy(max(at, 0)),
		})
	}
	return refusal
}

// apartRemedy is what tells the tokens of endpoints apart.
func apartRemedy(element int) string {
	return "Give each ScimEndpoint an audience of its own, or let rules tell their tokens apart in both, such as\n" +
		line(element, "claimValidationRules: [..., {claim: sub, requiredValue: <sub>}]")
}

// strange refuses a token that no endpoint takes for its issuer and audience, and tells those that trust the issuer in
// another spelling or for another audience. Endpoints of several namespaces are not told: it could be a token of one
// that another one must not know of.
func (i *Issuers) strange(ctx context.Context, t *parsed, as use, near []*v1alpha1.ScimEndpoint) *Refusal {
	refusal := everywhere(v1alpha1.RefusalUntrustedIssuer, newElement,
		"A token of a trusted issuer was to come; it came one that says it is of %s with audience %s and subject %s, which nobody has verified.",
		quote(t.issuer), audiencesText(t), quote(t.subject))
	if len(near) > maxSpellings && as.clientID == "" {
		return refusal
	}
	if len(near) == 0 || as.clientID == "" && ofSeveralTenants(near) {
		return refusal
	}
	v := i.verification(t, as)
	v.checkSignatures(ctx, near...)
	var outcomes []*outcome
	for _, endpoint := range near {
		outcomes = append(outcomes, v.ask(ctx, endpoint))
	}
	return furthest(outcomes, ofSeveralTenants(near))
}

func audiencesText(t *parsed) string {
	switch {
	case !t.hasAudience:
		return "none"
	case len(t.audiences) == 0:
		return "an empty list"
	}
	return quoteAll(t.audiences)
}

// ofSeveralTenants reports whether endpoints are of more than one namespace.
func ofSeveralTenants(endpoints []*v1alpha1.ScimEndpoint) bool {
	return slices.ContainsFunc(endpoints, func(e *v1alpha1.ScimEndpoint) bool { return e.Namespace != endpoints[0].Namespace })
}

// furthest is the refusal of a token: what those are told where it came furthest. Where it may have been for endpoints of
// several namespaces, nobody is told what came, as it was for one of them, and has the name of that one's client.
func furthest(outcomes []*outcome, discreet bool) *Refusal {
	var best stage
	for _, o := range outcomes {
		best = max(best, o.failure.stage)
	}
	if discreet {
		at := slices.IndexFunc(outcomes, func(o *outcome) bool { return o.failure.stage == best })
		return everywhere(outcomes[at].failure.reason, "Give each ScimEndpoint an audience, or the client an id, of its own.",
			"A token came that may have been for ScimEndpoints of several namespaces, so none is told more of it.")
	}
	refusal := &Refusal{}
	for _, o := range outcomes {
		f := o.failure
		if f.stage != best || (refusal.Reason != "" && f.reason != refusal.Reason) {
			continue
		}
		refusal.Reason = f.reason
		refusal.Told = append(refusal.Told, Told{Endpoint: client.ObjectKeyFromObject(o.endpoint), Message: f.message, Remedy: f.remedy})
	}
	return refusal
}

// ambiguous is the refusal of a token that several endpoints would take. None is told of the others, and where these are
// another tenant's, neither whose token it was nor from where it came.
func ambiguous(t *parsed, taking []*outcome, undecided ...*outcome) *Refusal {
	var endpoints []*v1alpha1.ScimEndpoint
	for _, o := range slices.Concat(taking, undecided) {
		endpoints = append(endpoints, o.endpoint)
	}
	discreet := ofSeveralTenants(endpoints)
	refusal := &Refusal{Reason: v1alpha1.RefusalAmbiguous}
	for _, o := range taking {
		came := fmt.Sprintf("issuer %s for audience %s", quote(t.issuer), quote(o.identity.Audience))
		if !discreet {
			came += " with subject " + quote(t.subject)
		}
		refusal.Told = append(refusal.Told, Told{
			Endpoint: client.ObjectKeyFromObject(o.endpoint),
			Message:  fmt.Sprintf("Exactly one ScimEndpoint was to take the token of %s; there are others, so none does.", came),
			Remedy:   apartRemedy(o.identity.Element),
			Discreet: discreet,
		})
	}
	for _, o := range undecided {
		refusal.Told = append(refusal.Told, Told{
			Endpoint: client.ObjectKeyFromObject(o.endpoint),
			Message: fmt.Sprintf("Exactly one ScimEndpoint was to take a token of issuer %s; another one does, and it could not be found out "+
				"whether this one does, so none got it. %s", quote(t.issuer), o.undecided.message),
			Remedy: o.undecided.remedy, Discreet: discreet,
		})
	}
	return refusal
}
