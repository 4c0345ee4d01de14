package controllers

import (
	"fmt"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/verdict"
)

// expiryNotice is how long before the end of a credential the endpoint's status tells of it; of one that is valid for less than
// twice that, half of the time.
const expiryNotice = 30 * 24 * time.Hour

// credentialEnd is when a credential that has no successor stops working.
type credentialEnd struct {
	// what names it in the middle of a sentence, renew how to get another one.
	what, renew string
	// made is since when it works; zero if that is not known.
	made, at time.Time
}

// noticed is from when on the end is told of.
func (e credentialEnd) noticed() time.Time {
	notice := expiryNotice
	if !e.made.IsZero() {
		notice = min(notice, e.at.Sub(e.made)/2)
	}
	return e.at.Add(-notice)
}

// endOfToken is when the current token of an endpoint ends; none if it does not, or if nobody would miss it.
func endOfToken(endpoint *v1alpha1.ScimEndpoint, secret tokenSecret, now time.Time) []credentialEnd {
	if !missed(endpoint, now) {
		return nil
	}
	for _, token := range tokens.Of(secret.Secret, endpoint.Spec.Authentication.TokenSeconds) {
		if token.State != v1alpha1.TokenCurrent || token.ExpiresAt == nil {
			continue
		}
		renew := fmt.Sprintf("make another one with %s, and give it to the client", tokens.Renewal(endpoint))
		if token.Elsewhere {
			renew = fmt.Sprintf("make another one, put its hash into Secret %q and the present one under %s, and give it to the client",
				secret.Name, v1alpha1.SecretKeyPreviousTokenHash)
		}
		return []credentialEnd{{what: "token " + token.ID(), renew: renew, made: token.IssuedAt.Time, at: token.ExpiresAt.Time}}
	}
	return nil
}

// missed reports whether a client needs the token: one that authenticates in another way does not, unless it has used the token
// of late.
func missed(endpoint *v1alpha1.ScimEndpoint, now time.Time) bool {
	if len(endpoint.Status.Tokens) == 0 {
		return false // the Secret is not accepted, or that of another one
	}
	if authentication := endpoint.Spec.Authentication; len(authentication.Clients) == 0 && len(authentication.JWT) == 0 {
		return true
	}
	last := endpoint.Status.Tokens[0].LastUsedAt
	return last != nil && now.Sub(last.Time) < expiryNotice
}

// expiring says which credentials have ended or are about to, "" when none is, and when there will be something else to tell;
// zero for never.
func expiring(ends []credentialEnd, now time.Time) (reason, message string, next time.Time) {
	var told []string
	for _, end := range ends {
		at := end.at.UTC().Format(time.RFC3339)
		switch {
		case !now.Before(end.at):
			reason = v1alpha1.ReasonEnded
			told = append(told, fmt.Sprintf("At %s %s ended: %s.", at, end.what, end.renew))
			continue
		case !now.Before(end.noticed()):
			if reason == "" {
				reason = v1alpha1.ReasonEndsSoon
			}
			told = append(told, fmt.Sprintf("At %s %s ends: %s.", at, end.what, end.renew))
			next = sooner(next, end.at)
		default:
			next = sooner(next, end.noticed())
		}
	}
	return reason, verdict.Truncate(strings.Join(told, " ")), next
}

// sooner is the earlier one of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
