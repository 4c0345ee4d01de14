package trust_test

import (
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/v1alpha1"
)

func endpoint(change func(*v1alpha1.JWTAuthenticator)) *v1alpha1.ScimEndpoint {
	e := &v1alpha1.ScimEndpoint{}
	e.Spec.Authentication.JWT = []v1alpha1.JWTAuthenticator{{Issuer: v1alpha1.JWTIssuer{URL: "https://idp.example", Audiences: []string{"a"}}}}
	change(&e.Spec.Authentication.JWT[0])
	return e
}

func TestFaultsNameFieldExpressionAndWhatToDo(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.JWTAuthenticator)
		want   []string
	}{
		"nothing": {func(*v1alpha1.JWTAuthenticator) {}, nil},
		"a rule that does not compile": {func(e *v1alpha1.JWTAuthenticator) {
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Claim: "tid", RequiredValue: "x"}, {Expression: "claims.sub = 'x'"}}
		}, []string{"spec.authentication.jwt[0].claimValidationRules[1].expression", "claims.sub = 'x'", "Correct the expression"}},
		"a rule of users that is no condition": {func(e *v1alpha1.JWTAuthenticator) {
			e.UserValidationRules = []v1alpha1.UserValidationRule{{Expression: "user.username"}}
		}, []string{"spec.authentication.jwt[0].userValidationRules[0].expression", "must evaluate to bool"}},
		"a name that does not compile": {func(e *v1alpha1.JWTAuthenticator) { e.ClaimMappings.Username.Expression = "claim.sub" },
			[]string{"spec.authentication.jwt[0].claimMappings.username.expression", "claim.sub"}},
		"certificates that are none": {func(e *v1alpha1.JWTAuthenticator) { e.Issuer.CertificateAuthority = "secret" },
			[]string{"spec.authentication.jwt[0].issuer.certificateAuthority holds no certificates", "PEM"}},
		"a claim twice": {func(e *v1alpha1.JWTAuthenticator) {
			e.ClaimValidationRules = []v1alpha1.ClaimValidationRule{{Claim: "tid", RequiredValue: "x"}, {Claim: "tid", RequiredValue: "y"}}
		}, []string{"spec.authentication.jwt[0].claimValidationRules[1].claim is there twice"}},
		"a discovery URL that is the issuer": {func(e *v1alpha1.JWTAuthenticator) { e.Issuer.DiscoveryURL = "https://idp.example/" },
			[]string{"spec.authentication.jwt[0].issuer.discoveryURL is not valid"}},
		"several audiences without a policy": {func(e *v1alpha1.JWTAuthenticator) { e.Issuer.Audiences = []string{"a", "b"} },
			[]string{"spec.authentication.jwt[0].issuer.audienceMatchPolicy"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			faults := trust.Check(endpoint(tt.change))
			if tt.want == nil {
				if len(faults) > 0 {
					t.Errorf("faults: %+v", faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Element != 0 {
				t.Fatalf("faults: %+v", faults)
			}
			for _, text := range tt.want {
				if !strings.Contains(faults[0].Message, text) {
					t.Errorf("%q is not in %q", text, faults[0].Message)
				}
			}
			if strings.Contains(faults[0].Message, "secret") || strings.Contains(faults[0].Message, "\n") {
				t.Errorf("message %q", faults[0].Message)
			}
		})
	}
}

func TestAClientsIssuerHasToBeTrusted(t *testing.T) {
	e := endpoint(func(*v1alpha1.JWTAuthenticator) {})
	e.Spec.Authentication.Clients = []v1alpha1.OAuthClient{{ClientID: "c", Assertions: []v1alpha1.ClientAssertion{
		{Issuer: "https://idp.example", Subject: "s"}, {Issuer: "https://idp.example/", Subject: "s"},
	}}}
	faults := trust.Check(e)
	if len(faults) != 1 || faults[0].Element != -1 || !strings.Contains(faults[0].Message, `spec.authentication.clients[0].assertions[1].issuer is "https://idp.example/"`) {
		t.Errorf("faults: %+v", faults)
	}
}

func TestSpellingsOfOneIssuer(t *testing.T) {
	for _, pair := range [][2]string{
		{"https://idp.example", "https://idp.example/"},
		{"https://IDP.example/a", "https://idp.example/a"},
		{"https://sts.windows.net/5f1e/", "https://login.microsoftonline.com/5f1e/v2.0"},
		{"https://login.microsoftonline.com/5f1e", "https://login.microsoftonline.com/5f1e/v2.0"},
	} {
		if trust.Like(pair[0]) != trust.Like(pair[1]) {
			t.Errorf("%s and %s: %s and %s", pair[0], pair[1], trust.Like(pair[0]), trust.Like(pair[1]))
		}
	}
	if trust.Like("https://idp.example/a") == trust.Like("https://idp.example/b") {
		t.Error("two issuers are one")
	}
}
