package issuers

import (
	"maps"
	"strings"
	"testing"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

func TestEveryAlgorithmOfTheListIsAccepted(t *testing.T) {
	f := newFixture(t)
	of := issuer.New(t, algorithms...)
	endpoint := endpointFor(of, "globex")
	for _, algorithm := range algorithms {
		identity, refused := f.bearer(t, of.Token(algorithm, of.Claims(audience, subject)), endpoint)
		if refused != nil {
			t.Errorf("%s: refused for %s: %+v", algorithm, refused.Reason, refused.Told)
			continue
		}
		if identity.Subject != subject || identity.Issuer != of.URL || identity.Audience != audience || identity.Scope != v1alpha1.ScopeAll {
			t.Errorf("%s: %+v", algorithm, identity)
		}
	}
}

func TestATokenWithoutKeyIDIsTriedWithTheKeysOfItsKind(t *testing.T) {
	f := newFixture(t)
	key := f.issuer.Key("RS256")
	if _, refused := f.bearer(t, key.SignWith(map[string]any{"alg": "RS256"}, f.issuer.Claims(audience, subject))); refused != nil {
		t.Errorf("refused: %+v", refused)
	}
}

func TestAudiencesOfATokenMayBeSeveral(t *testing.T) {
	f := newFixture(t)
	identity, refused := f.bearer(t, f.good(func(c map[string]any) { c["aud"] = []string{"other", audience} }))
	if refused != nil || identity.Audience != audience {
		t.Errorf("identity %+v, refused %+v", identity, refused)
	}
}

// The claims that are wrong are in the table of scimserver, over HTTP; here is what only the library or the strict reading finds.
func TestTokensThatDecodersReadDifferentlyAreRefused(t *testing.T) {
	f := newFixture(t)
	key := f.issuer.Key("RS256")
	claims := f.issuer.Claims(audience, subject)
	tests := map[string]string{
		"a claim in other letters":     f.good(func(c map[string]any) { c["AUD"] = "other" }),
		"exp as a text":                f.good(func(c map[string]any) { c["exp"] = "9999999999" }),
		"exp beyond all years":         f.good(func(c map[string]any) { c["exp"] = 1e300 }),
		"aud in a list in a list":      f.good(func(c map[string]any) { c["aud"] = []any{[]string{audience}} }),
		"aud with null":                f.good(func(c map[string]any) { c["aud"] = []any{audience, nil} }),
		"sub as a number":              f.good(func(c map[string]any) { c["sub"] = 7 }),
		"crit":                         key.SignWith(map[string]any{"alg": "RS256", "kid": "RS256", "crit": []string{"b64"}, "b64": true}, claims),
		"alg in other letters":         key.SignWith(map[string]any{"alg": "RS256", "ALG": "none", "kid": "RS256"}, claims),
		"padding":                      f.good() + "=",
		"five parts":                   f.good() + ".a.b",
		"a line end within":            strings.Replace(f.good(), ".", "\n.", 1),
		"the JSON form":                `{"payload":"e30"}`,
		"more than there is room for":  f.good(func(c map[string]any) { c["x"] = strings.Repeat("x", maxToken) }),
		"more audiences than one may":  f.good(func(c map[string]any) { c["aud"] = strings.Split(strings.Repeat("a,", 40), ",") }),
		"a list of nothing as payload": "eyJhbGciOiJSUzI1NiJ9.W10.AA",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			_, refused := f.bearer(t, token)
			refused.must(t, v1alpha1.RefusalMalformedToken)
		})
	}
}

func TestAChangedSignatureKeepsTheDigest(t *testing.T) {
	f := newFixture(t)
	of := issuer.New(t, "PS256")
	endpoint := endpointFor(of, "globex")
	claims := of.Claims(audience, subject)
	one, refused := f.bearer(t, of.Token("PS256", claims), endpoint)
	other, refusedToo := f.bearer(t, of.Token("PS256", claims), endpoint)
	if refused != nil || refusedToo != nil || one.Digest != other.Digest {
		t.Errorf("%v and %v, refused %v and %v", one, other, refused, refusedToo)
	}
}

func TestRulesAndMappings(t *testing.T) {
	rule := func(r v1alpha1.ClaimValidationRule) func(*v1alpha1.ScimEndpoint) { return withClaimRules(r) }
	username := func(u v1alpha1.JWTUsername) func(*v1alpha1.ScimEndpoint) {
		return func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].ClaimMappings.Username = u }
	}
	tests := map[string]struct {
		change func(*v1alpha1.ScimEndpoint)
		claims map[string]any
		// username is who it is, refused what is told instead.
		username string
		refused  []string
	}{
		"a claim as it should be":       {change: rule(v1alpha1.ClaimValidationRule{Claim: "tid", RequiredValue: "t1"}), claims: map[string]any{"tid": "t1"}, username: subject},
		"another claim":                 {change: rule(v1alpha1.ClaimValidationRule{Claim: "tid", RequiredValue: "t1"}), claims: map[string]any{"tid": "secret-t2"}, refused: []string{`Claim "tid"`, "spec.authentication.jwt[0].claimValidationRules[0].requiredValue: <the token's tid>"}},
		"a claim that is missing":       {change: rule(v1alpha1.ClaimValidationRule{Claim: "tid", RequiredValue: "t1"}), refused: []string{`Claim "tid"`}},
		"another subject":               {change: rule(v1alpha1.ClaimValidationRule{Claim: "sub", RequiredValue: "x"}), refused: []string{`claimValidationRules[0].requiredValue: "` + subject + `"`}},
		"an expression that is true":    {change: rule(v1alpha1.ClaimValidationRule{Expression: "'scim' in claims.roles"}), claims: map[string]any{"roles": []string{"a", "scim"}}, username: subject},
		"an expression that is false":   {change: rule(v1alpha1.ClaimValidationRule{Expression: "claims.tid == 't1'", Message: "the tenant is another one"}), claims: map[string]any{"tid": "secret-t2"}, refused: []string{"the tenant is another one", "claimValidationRules[0].expression:"}},
		"an expression without a claim": {change: rule(v1alpha1.ClaimValidationRule{Expression: "claims.tid == 't1'"}), refused: []string{"claims.tid == 't1'", "has(claims.x)"}},
		"a rule of users":               {change: withUserRule("user.username == 'x'", ""), refused: []string{"userValidationRules[0].expression:"}},
		"a name from a claim":           {change: username(v1alpha1.JWTUsername{Claim: "appid", Prefix: "app:"}), claims: map[string]any{"appid": "a1"}, username: "app:a1"},
		"a name from an expression":     {change: username(v1alpha1.JWTUsername{Expression: "claims.appid + '@entra'"}), claims: map[string]any{"appid": "a1"}, username: "a1@entra"},
		"no name":                       {change: username(v1alpha1.JWTUsername{Claim: "appid"}), refused: []string{"spec.authentication.jwt[0].claimMappings.username: {claim: sub}"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, tt.change, func(e *v1alpha1.ScimEndpoint) {
				if tt.username != "" { // which rules of users see
					withUserRule(quoted("user.username == %q", tt.username), "")(e)
				}
			})
			_, refused := f.bearer(t, f.good(func(c map[string]any) {
				maps.Copy(c, tt.claims)
			}))
			if tt.refused != nil {
				refused.must(t, v1alpha1.RefusalClaims, tt.refused...)
				for _, told := range refused.Told {
					if strings.Contains(told.Message+told.Remedy, "secret") {
						t.Errorf("a value of a claim is told: %+v", told)
					}
				}
				return
			}
			if refused != nil {
				t.Errorf("refused %+v", refused)
			}
		})
	}
}

func TestExpressionsOfOwnersAreBounded(t *testing.T) {
	costly := "dyn(claims.l).all(a, dyn(claims.l).all(b, dyn(claims.l).all(c, a + b + c >= 0.0)))"
	f := newFixture(t, withClaimRules(v1alpha1.ClaimValidationRule{Expression: costly}))
	numbers := make([]int, 300)
	_, refused := f.bearer(t, f.good(func(c map[string]any) { c["l"] = numbers }))
	refused.must(t, v1alpha1.RefusalClaims, "takes too long", "claimValidationRules[0]")

	// Whatever one evaluation costs, a namespace has a part of the time.
	for range 100 { // as much as is let go again in a quarter of an hour, however slow the machine is
		f.configured(f.endpoint).elements[0].tenant.worked(time.Hour)
	}
	_, refused = f.bearer(t, f.good())
	refused.must(t, v1alpha1.RefusalClaims, "more time than they may")
}

func TestATokenThatSeveralEndpointsWouldTakeIsNobodys(t *testing.T) {
	f := newFixture(t)
	squatter := endpointFor(f.issuer, "mallory")
	_, refused := f.bearer(t, f.good(), f.endpoint, squatter)
	refused.must(t, v1alpha1.RefusalAmbiguous, "claimValidationRules")
	if len(refused.Told) != 2 {
		t.Errorf("told %+v", refused.Told)
	}
	for _, told := range refused.Told {
		if strings.Contains(told.Message+told.Remedy, "mallory") || strings.Contains(told.Message+told.Remedy, "acme") {
			t.Errorf("one tenant is told of another: %+v", told)
		}
	}

	t.Run("also if the other one has other keys", func(t *testing.T) {
		own := issuer.New(t, "RS256")
		own.Name(f.issuer.URL)
		liar := endpointFor(f.issuer, "mallory-2", func(e *v1alpha1.ScimEndpoint) {
			e.Spec.Authentication.JWT[0].Issuer.DiscoveryURL = own.URL + "/.well-known/openid-configuration"
			e.Spec.Authentication.JWT[0].Issuer.CertificateAuthority = own.CA
		})
		_, refused := f.bearer(t, f.good(), f.endpoint, liar)
		refused.must(t, v1alpha1.RefusalAmbiguous)
		_, refused = f.bearer(t, own.Token("RS256", f.issuer.Claims(audience, subject)), f.endpoint, liar)
		refused.must(t, v1alpha1.RefusalAmbiguous)
		_, refused = f.bearer(t, own.Token("RS256", f.issuer.Claims(audience, subject)), f.endpoint)
		refused.must(t, v1alpha1.RefusalSignature)
	})
	t.Run("but for rules that keep them apart", func(t *testing.T) {
		other := endpointFor(f.issuer, "initech", withClaimRules(v1alpha1.ClaimValidationRule{Claim: "sub", RequiredValue: "other"}))
		identity, refused := f.bearer(t, f.good(), other, f.endpoint)
		if refused != nil || identity.Endpoint != f.endpoint {
			t.Errorf("identity %+v, refused %+v", identity, refused)
		}
	})
}

func TestAssertionsOfClients(t *testing.T) {
	f := newFixture(t, func(e *v1alpha1.ScimEndpoint) { e.Spec.Authentication.JWT[0].Scope = "" })
	endpoints := []*v1alpha1.ScimEndpoint{f.endpoint}
	identity, err := f.Assertion(t.Context(), f.good(), clientID, endpoints)
	if err != nil || identity.Endpoint != f.endpoint || identity.Subject != subject || identity.Scope != "" {
		t.Fatalf("identity %+v, error %v", identity, err)
	}

	_, refused := f.bearer(t, f.good())
	refused.must(t, v1alpha1.RefusalBearer, "spec.authentication.jwt[0].scope: scim")

	tests := map[string]struct {
		token  string
		reason v1alpha1.RefusalReason
		texts  []string
	}{
		"another subject":  {f.good(func(c map[string]any) { c["sub"] = "other" }), v1alpha1.RefusalSubject, []string{quoted(`spec.authentication.clients[0].assertions: [..., {issuer: %q, subject: "other"}]`, f.issuer.URL)}},
		"another audience": {f.good(func(c map[string]any) { c["aud"] = "api://other" }), v1alpha1.RefusalAudience, []string{`issuer.audiences: ["api://scim", "api://other"]`}},
		"no token at all":  {"x", v1alpha1.RefusalMalformedToken, []string{"three parts"}},
		"another issuer":   {f.good(func(c map[string]any) { c["iss"] = "https://x.example" }), v1alpha1.RefusalUntrustedIssuer, []string{"https://x.example"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := f.Assertion(t.Context(), tt.token, clientID, endpoints)
			refused, ok := err.(*Refusal) //nolint:errorlint // it is this type
			if !ok || len(refused.Told) != 1 {
				t.Fatalf("error %v", err)
			}
			refused.must(t, tt.reason, tt.texts...)
		})
	}
}

// Anybody sends a token that says anything, and the owner may set what the remedy says.
func TestRemediesHaveNoValuesOfTokensThatTheIssuerHasNotSigned(t *testing.T) {
	f := newFixture(t)
	strangers := issuer.New(t, "RS256")
	claims := func(change func(map[string]any)) string {
		c := f.issuer.Claims(audience, "evil-subject")
		change(c)
		return strangers.Token("RS256", c)
	}
	tokens := map[string]string{
		"another issuer":   claims(func(c map[string]any) { c["iss"] = "https://evil.example" }),
		"another spelling": claims(func(c map[string]any) { c["iss"] = strings.ToUpper(f.issuer.URL) }),
		"another audience": claims(func(c map[string]any) { c["aud"] = "evil-audience" }),
		"another key":      claims(func(map[string]any) {}),
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			_, refused := f.bearer(t, token)
			for _, told := range refused.Told {
				if strings.Contains(told.Remedy, "evil") || strings.Contains(told.Remedy, strings.ToUpper(f.issuer.URL)) {
					t.Errorf("a stranger writes the remedy: %s", told.Remedy)
				}
			}
			if len(refused.Told) != 1 {
				t.Errorf("told %+v", refused.Told)
			}
		})
	}
	t.Run("of an issuer that nobody trusts", func(t *testing.T) {
		parsed, _ := f.read(tokens["another issuer"])
		refused := f.strange(t.Context(), parsed, use{}, nil)
		refused.must(t, v1alpha1.RefusalUntrustedIssuer, "https://evil.example", "nobody has verified")
		if strings.Contains(refused.Remedy, "evil") {
			t.Errorf("a stranger writes the remedy: %s", refused.Remedy)
		}
	})
	t.Run("also if another endpoint's keys have verified it", func(t *testing.T) {
		liar := endpointFor(f.issuer, "acme", func(e *v1alpha1.ScimEndpoint) {
			e.Name, e.UID = "liar", "liar"
			e.Spec.Authentication.JWT[0].Issuer.DiscoveryURL = strangers.URL + "/.well-known/openid-configuration"
			e.Spec.Authentication.JWT[0].Issuer.CertificateAuthority = strangers.CA
		})
		strangers.Name(f.issuer.URL)
		_, refused := f.bearer(t, tokens["another audience"], f.endpoint, liar)
		refused.must(t, v1alpha1.RefusalAudience, `"evil-audience"]`, "<aud>]")
		for _, told := range refused.Told {
			if told.Endpoint.Name == f.endpoint.Name && strings.Contains(told.Remedy, "evil") {
				t.Errorf("another endpoint's issuer writes the remedy: %s", told.Remedy)
			}
		}
	})
}

func TestOwnersDoNotLearnOfOtherTenantsTokens(t *testing.T) {
	rule := func(tenant string) func(*v1alpha1.ScimEndpoint) {
		return withClaimRules(v1alpha1.ClaimValidationRule{Claim: "tid", RequiredValue: tenant})
	}
	f := newFixture(t, rule("acme"))
	token := f.good(func(c map[string]any) { c["tid"] = "initech" })
	_, refused := f.bearer(t, token, f.endpoint, endpointFor(f.issuer, "globex", rule("globex")))
	refused.must(t, v1alpha1.RefusalClaims, "of several namespaces")
	if len(refused.Told) != 0 || strings.Contains(refused.Message, subject) {
		t.Errorf("told %+v, and by address %q", refused.Told, refused.Message)
	}

	of := func(name string) *v1alpha1.ScimEndpoint {
		return endpointFor(f.issuer, "acme", rule(name), func(e *v1alpha1.ScimEndpoint) { e.Name = name; e.UID += "/two" })
	}
	_, refused = f.bearer(t, token, f.endpoint, of("two"))
	if refused.must(t, v1alpha1.RefusalClaims, subject); len(refused.Told) != 2 {
		t.Errorf("told %+v", refused.Told)
	}

	token = f.good(func(c map[string]any) { c["tid"] = "acme" })
	_, refused = f.bearer(t, token, f.endpoint, endpointFor(f.issuer, "mallory"))
	refused.must(t, v1alpha1.RefusalAmbiguous)
	for _, told := range refused.Told {
		if strings.Contains(told.Message+told.Remedy, subject) || !told.Discreet {
			t.Errorf("whose token it was is told: %+v", told)
		}
	}
}

func TestAnEndpointMayBeEditedDuringARequest(t *testing.T) {
	f := newFixture(t)
	other := issuer.New(t, "RS256")
	parsed, _ := f.read(f.good())
	v := f.verification(parsed, use{})
	v.checkSignatures(t.Context(), f.endpoint)
	f.see(changed(f.endpoint, func(e *v1alpha1.ScimEndpoint) { // as the same issuer with other keys
		e.Spec.Authentication.JWT[0].Issuer.DiscoveryURL = other.URL + "/.well-known/openid-configuration"
	}))
	if o := v.ask(t.Context(), f.endpoint); o.failure != nil || o.identity == nil {
		t.Errorf("outcome %+v", o)
	}
}
