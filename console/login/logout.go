package login

import (
	"context"
	"net/http"
	"net/url"

	"rservice.dev/scim-operator/console/pages"
)

// logout ends the session in this browser. A page answers, which leads to the provider: browsers hold form-action of the
// Content-Security-Policy against where a form leads in the end.
func (l *Login) logout(w http.ResponseWriter, r *http.Request) error {
	if s, err := l.open(r.Context(), sessionOf(r)); err == nil {
		l.log.Info("Logged out", "user", s.User)
	}
	deleteSessionCookies(w)
	if d, err := l.provider.discover(r.Context()); err == nil && d.endSession != "" {
		return &pages.Notice{
			Status: http.StatusOK, Title: "You are logged out of the console", Text: "The provider asks next whether to log you out there, too.",
			Links: []pages.Link{{Text: "Log out there", Address: endPath}}, Forward: endPath,
		}
	}
	deleteCookie(w, hintCookie, endPath)
	http.Redirect(w, r, loggedOutPath, http.StatusSeeOther)
	return nil
}

// end sends the browser to the provider's logout (OpenID Connect RP-Initiated Logout 1.0).
func (l *Login) end(w http.ResponseWriter, r *http.Request) error {
	d, err := l.provider.discover(r.Context())
	if err != nil {
		return l.explain(err)
	}
	address, err := url.Parse(d.endSession)
	if err != nil {
		return l.explain(err)
	}
	if d.endSession == "" {
		http.Redirect(w, r, loggedOutPath, http.StatusSeeOther)
		return nil
	}
	query := address.Query()
	query.Set("client_id", l.options.Configuration.ClientID)
	query.Set("post_logout_redirect_uri", l.options.Configuration.BaseURL+loggedOutPath)
	if c, err := r.Cookie(hintCookie); err == nil {
		var token string
		if openJSON(r.Context(), l.options.Keys, hintCookie, c.Value, &token) == nil {
			query.Set("id_token_hint", token)
		}
	}
	address.RawQuery = query.Encode()
	deleteCookie(w, hintCookie, endPath)
	http.Redirect(w, r, address.String(), http.StatusSeeOther)
	return nil
}

// hint keeps the ID token for the logout at the provider, which some ask for. It goes to no other address, and is left out if it is
// too large.
func (l *Login) hint(ctx context.Context, w http.ResponseWriter, token string) {
	sealed, err := sealJSON(ctx, l.options.Keys, hintCookie, token)
	if err != nil || len(sealed) > chunkSize {
		deleteCookie(w, hintCookie, endPath)
		return
	}
	c := cookie(hintCookie, sealed, endPath) //nolint:gosec // which has all attributes
	// Only the console's own page leads there: a link of another site would log the person out at the provider without a question.
	c.SameSite = http.SameSiteStrictMode
	http.SetCookie(w, c)
}

func (l *Login) loggedOut(http.ResponseWriter, *http.Request) error {
	return &pages.Notice{
		Status: http.StatusOK, Title: "You are logged out", Text: "Close the browser, too, if others use it.",
		Links: []pages.Link{{Text: "Log in", Address: "/"}},
	}
}
