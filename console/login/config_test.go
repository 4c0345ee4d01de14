package login

import (
	"strings"
	"testing"
	"time"
)

const goodConfiguration = `
apiVersion: console.provisioning.rservice.dev/v1alpha1
kind: ConsoleConfiguration
baseURL: https://console.example.com/
clientID: scim-console
clientSecretFile: /etc/scim-console/client/secret
jwt:
  issuer:
    url: https://idp.example.com
  claimMappings:
    username: {claim: email, prefix: ""}
    groups: {expression: "dyn(claims.groups).filter(g, g.startsWith('scim-'))"}
  claimValidationRules:
    - {expression: claims.email_verified == true, message: a verified e-mail address}
session:
  confirmWithin: 5m
`

func TestAConfigurationIsCompleted(t *testing.T) {
	c, err := ParseConfiguration([]byte(goodConfiguration))
	if err != nil {
		t.Fatal(err)
	}
	if c.BaseURL != "https://console.example.com" || c.JWT.Issuer.Audiences[0] != "scim-console" || c.Session.ConfirmWithin.Duration != 5*time.Minute ||
		c.Session.IdleTimeout.Duration != DefaultIdleTimeout || c.Session.Lifetime.Duration != DefaultLifetime {
		t.Errorf("%+v", c)
	}
}

func TestAConfigurationSaysWhatIsWrong(t *testing.T) {
	for change, want := range map[[2]string]string{
		{"ConsoleConfiguration", "Configuration"}:                                              "has to be console.provisioning.rservice.dev/v1alpha1 ConsoleConfiguration",
		{"https://console.example.com/", "http://c.example.com"}:                               "baseURL",
		{"https://console.example.com/", "https://c.example.com/x"}:                            "baseURL",
		{"clientID: scim-console", "clientID: ''"}:                                             "clientID: Required",
		{"    url: https://idp", "    audiences: [x]\n    url: https://idp"}:                   "audiences",
		{"https://idp.example.com", "http://idp.example.com"}:                                  "jwt.issuer.url",
		{"claims.groups).filter(", "claims.groups).filte("}:                                    "jwt.claimMappings.groups.expression",
		{"{claim: email, prefix: \"\"}", "{claim: email}"}:                                     "jwt.claimMappings.username.prefix",
		{"confirmWithin: 5m", "confirmWithin: 1s"}:                                             "session.confirmWithin",
		{"confirmWithin: 5m", "lifetime: 999h"}:                                                "session.lifetime",
		{"confirmWithin: 5m", "idle: 5m"}:                                                      `unknown field "idle"`,
		{"    url: https://idp", "    egressSelectorType: controlplane\n    url: https://idp"}: "egressSelectorType",
	} {
		_, err := ParseConfiguration([]byte(strings.Replace(goodConfiguration, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s for %s: %v", change[1], change[0], err)
		}
	}
}
