package login

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	authenticationv1 "k8s.io/api/authentication/v1"
)

// reserved is what names begin with that are the cluster's own.
const reserved = "system:"

// refusal is why somebody is not let in, in words for that person.
type refusal struct{ title, text string }

func (r *refusal) Error() string { return r.title }

func foreign() *refusal {
	return &refusal{
		title: "This log-in is for another application",
		text:  "The provider's ID token was issued for another client than this console, or by another issuer. Whoever runs the console compares clientID and jwt.issuer of its configuration with what the provider has.",
	}
}

// tokenError says why an ID token is not good.
func tokenError(err error) error {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return &refusal{
			title: "The log-in has expired",
			text:  "The provider's ID token was out of date when it came. Begin again; if that does not help, the clocks of the provider and of the cluster differ.",
		}
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "expected audience"), strings.Contains(text, "different provider"):
		return foreign()
	case strings.Contains(text, "fetching keys"):
		return fmt.Errorf("%w: its keys cannot be fetched", errAway)
	}
	return &refusal{
		title: "The provider's answer could not be verified",
		text:  "The signature, form or time of its ID token is not right. Begin again; if that does not help, tell whoever runs the console.",
	}
}

// claimsError says which rule of the configuration does not take a person. The library's own words have values of claims.
func (p *provider) claimsError(err error) error {
	said := ""
	if err != nil {
		said = err.Error()
	}
	jwt := &p.configuration.JWT
	for _, rule := range jwt.ClaimValidationRules {
		if rule.Claim != "" && strings.Contains(said, "required claim "+rule.Claim+" ") {
			return ruled(fmt.Sprintf("claim %s is not what it has to be", rule.Claim), "")
		}
		if told := toldBy(said, rule.Expression, rule.Message); told != "" {
			return ruled(rule.Expression, told)
		}
	}
	for _, rule := range jwt.UserValidationRules {
		if told := toldBy(said, rule.Expression, rule.Message); told != "" {
			return ruled(rule.Expression, told)
		}
	}
	if strings.Contains(said, "distributed claims") {
		return &refusal{
			title: "You are in too many groups for a log-in",
			text:  "The provider names your groups only elsewhere (as Entra does beyond 200). Whoever runs the console has the provider put in the groups of this application alone.",
		}
	}
	return &refusal{
		title: "Your log-in cannot be mapped",
		text:  "The provider's ID token lacks a claim that jwt.claimMappings of the console's configuration needs, or has it in another form: an e-mail address that is not verified, no list of groups. Whoever runs the console has the provider put it in, by a scope or a claim of its own.",
	}
}

func toldBy(said, expression, message string) string {
	if expression == "" || !strings.Contains(said, expression) && (message == "" || !strings.Contains(said, message)) {
		return ""
	}
	if message == "" {
		return expression
	}
	return message
}

func ruled(expected, message string) *refusal {
	if message == "" {
		message = expected
	}
	return &refusal{
		title: "This console does not take your log-in",
		text:  "Its configuration expects of everybody: " + message + ". Ask whoever runs the console, or log in as somebody else.",
	}
}

// admit looks whether a person may be one of the console's.
func (p *provider) admit(info *authenticationv1.UserInfo) error {
	if strings.HasPrefix(info.Username, reserved) || slices.ContainsFunc(info.Groups, func(group string) bool { return strings.HasPrefix(group, reserved) }) {
		return &refusal{
			title: "Your log-in has a name of the cluster's own",
			text:  "Names of users and groups that begin with system: are Kubernetes' own, and nobody has one by a claim. Whoever runs the console gives jwt.claimMappings a prefix, or leaves out such groups by an expression.",
		}
	}
	if info.Username == "" || slices.Contains(info.Groups, "") {
		return &refusal{title: "Your log-in has no name", text: "jwt.claimMappings of the console's configuration makes an empty name of a user or group of it."}
	}
	if p.configuration.mapsGroups() && len(info.Groups) == 0 {
		expected := "claim " + p.configuration.JWT.ClaimMappings.Groups.Claim
		if p.configuration.JWT.ClaimMappings.Groups.Claim == "" {
			expected = "expression " + p.configuration.JWT.ClaimMappings.Groups.Expression
		}
		return &refusal{
			title: "You are in no group of this console",
			text:  "Roles are given to groups, and your log-in has none: " + expected + " was to name at least one. Ask for membership of a group that has a role (scim-viewer, scim-editor, scim-account-owner), or, if you are in one, have the provider put groups into ID tokens of this application.",
		}
	}
	return nil
}
