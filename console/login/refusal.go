package login

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
)

// logIn leads to the provider, and back to a page.
func logIn(to string) []pages.Link {
	return []pages.Link{{Text: "Log in", Address: loginPath + "?to=" + url.QueryEscape(localPath(to))}}
}

// refused is a page for somebody who is not let in, with what was expected.
func refused(title, text string) *pages.Notice {
	return &pages.Notice{Status: http.StatusForbidden, Title: title, Text: text, Links: logIn("/")}
}

// ended takes a session from the browser, and says why.
func (l *Login) ended(w http.ResponseWriter, r *http.Request, why string) *pages.Notice {
	deleteSessionCookies(w)
	to := "/"
	if r.Method == http.MethodGet && !isStream(r) {
		to = r.URL.RequestURI()
	} else {
		why += " Nothing was done."
	}
	return &pages.Notice{Status: http.StatusUnauthorized, Title: "Your session is over", Text: why + " Log in again.", Links: logIn(to)}
}

// spoken is a duration without units of which there are none.
func spoken(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// silentRefusals are what a provider says when it was to ask nothing and would have to (OpenID Connect Core 1.0 section 3.1.2.6).
var silentRefusals = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

// notLoggedIn is for somebody whom the provider sent back without a code.
func (l *Login) notLoggedIn(w http.ResponseWriter, a *attempt, code string) error {
	deleteSessionCookies(w)
	if a.Silent && slices.Contains(silentRefusals, code) {
		return &pages.Notice{Status: http.StatusUnauthorized, Title: "Your session is over", Text: "The provider wants you to log in again.", Links: logIn(a.To)}
	}
	n := refused("The provider did not let you in", "Ask whoever runs it whether you may use this application, or log in as somebody else.")
	n.Details, n.Links = []string{"It says: " + oneWord(code) + "."}, logIn(a.To)
	return n
}

func foreign() *pages.Notice {
	return refused("This login is for another application",
		"The provider's ID token was issued for another client than this console, or by another issuer. Whoever runs the console compares clientID and jwt.issuer of its configuration with what the provider has.")
}

// tokenError says why an ID token is not good.
func tokenError(err error) error {
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return refused("The login has expired",
			"The provider's ID token was out of date when it came. Begin again; if that does not help, the clocks of the provider and of the cluster differ.")
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "expected audience"), strings.Contains(text, "different provider"):
		return foreign()
	case strings.Contains(text, "fetching keys"):
		return fmt.Errorf("%w: its keys cannot be fetched", errAway)
	}
	return refused("The provider's answer could not be verified",
		"The signature, form or time of its ID token is not right. Begin again; if that does not help, tell whoever runs the console.")
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
			return ruled("claim " + rule.Claim + " has the value that it names")
		}
		if told := toldBy(said, rule.Expression, rule.Message); told != "" {
			return ruled(told)
		}
	}
	for _, rule := range jwt.UserValidationRules {
		if told := toldBy(said, rule.Expression, rule.Message); told != "" {
			return ruled(told)
		}
	}
	if strings.Contains(said, "email not verified") {
		return refused("Your e-mail address is not verified",
			"Claim email is your name here, and the provider says that it has not verified the address. Have it verified there, and log in again.")
	}
	if strings.Contains(said, "distributed claims") {
		return refused("You are in too many groups for a login",
			"The provider names your groups only elsewhere, as Entra does beyond 200. Whoever runs the console has it put in the groups of this application alone.")
	}
	return refused("Your login cannot be mapped",
		"The provider's ID token lacks a claim that jwt.claimMappings of the console's configuration needs, or has it in another form. Whoever runs the console has the provider put it in, by a scope or a claim of its own.")
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

func ruled(expected string) *pages.Notice {
	n := refused("This console does not take your login", "Its configuration expects something else. Ask whoever runs the console, or log in as somebody else.")
	n.Details = []string{"Expected: " + expected}
	return n
}

// admit looks whether a person may be one of the console's.
func (p *provider) admit(info *authenticationv1.UserInfo) error {
	if err := access.CheckNames(*info); err != nil {
		return reservedName()
	}
	groups := &p.configuration.JWT.ClaimMappings.Groups
	if groups.Claim == "" && groups.Expression == "" || len(info.Groups) > 0 {
		return nil
	}
	n := refused("You are in no group of this console",
		"Roles are given to groups, and your login has none. Ask for membership of a group that has a role (scim-viewer, scim-editor, scim-account-owner), or, if you are in one, have the provider put groups into the ID tokens of this application.")
	if n.Details = []string{"Expected: at least one group in claim " + groups.Claim}; groups.Claim == "" {
		n.Details = []string{"Expected: at least one group by " + groups.Expression}
	}
	return n
}

func reservedName() *pages.Notice {
	n := refused("Your login has a name that nobody may have here",
		"Whoever runs the console gives jwt.claimMappings a prefix, or leaves such groups out by an expression.")
	n.Details = []string{"Expected: names of users and groups of one line, without blanks at their ends, which are not empty and do not begin with system:"}
	return n
}

// explain makes a page of an error, and logs what it is about without anything of the person.
func (l *Login) explain(err error) error {
	if n, ok := errors.AsType[*pages.Notice](err); ok {
		l.log.Info("Refused a login", "because", n.Title)
		return n
	}
	if large, ok := errors.AsType[tooLargeError](err); ok {
		l.log.Info("Refused a login", "because", large.Error())
		n := refused("You are in too many groups for a session",
			"A browser keeps only so much. Whoever runs the console lets jwt.claimMappings.groups keep those that matter, such as by expression dyn(claims.groups).filter(g, g.startsWith('scim-')).")
		n.Details = []string{large.Error()}
		return n
	}
	if _, ok := errors.AsType[*access.ReservedNameError](err); ok {
		return reservedName()
	}
	switch {
	case apierrors.IsForbidden(err):
		l.log.Error(err, "The operator may not act as a person; apply config/console, or its component legacy before Kubernetes 1.36")
		return refused("The cluster does not let the console act as you",
			"The operator's account may impersonate only whom and what the cluster's roles say. Whoever runs it finds the refusal in the operator's log.")
	case errors.Is(err, errRefused):
		l.log.Error(err, "The provider refused to log somebody in")
		n := refused("The provider did not let you in",
			"Begin again; if that does not help, whoever runs the console compares its client with what the provider has.")
		n.Details = []string{err.Error()}
		return n
	case errors.Is(err, errAway):
		l.log.Error(err, "The provider cannot be asked to log people in")
		return &pages.Notice{
			Status: http.StatusServiceUnavailable, Title: "The provider does not answer as it should",
			Text: "Try again in a moment. Whoever runs the console finds the reason in the operator's log.", Links: []pages.Link{{Text: "Try again", Address: "/"}},
		}
	}
	return err
}
