package login

import (
	"context"
	"net/http"
	"net/url"
)

// logout ends the session in this browser. A page answers, not the provider: browsers hold the Content-Security-Policy's form-action
// against where a form leads in the end.
func (l *Login) logout(w http.ResponseWriter, r *http.Request) {
	if s, err := l.open(r.Context(), sessionOf(r)); err == nil {
		l.log.Info("Logged out", "user", s.User)
	}
	deleteSessionCookies(w)
	if d, err := l.provider.discover(r.Context()); err == nil && d.endSession != "" {
		l.page(w, r, http.StatusOK, notice{
			Title: "You are logged out of the console", Text: "Now of the provider, too.", Link: endPath, Action: "Log out there", Refresh: endPath,
		})
		return
	}
	deleteCookie(w, hintCookie, endPath)
	http.Redirect(w, r, loggedOutPath, http.StatusSeeOther)
}

// end sends the browser to the provider's log-out (OpenID Connect RP-Initiated Logout 1.0).
func (l *Login) end(w http.ResponseWriter, r *http.Request) {
	d, err := l.provider.discover(r.Context())
	if err != nil {
		l.failed(w, r, err)
		return
	}
	address, err := url.Parse(d.endSession)
	if err != nil || d.endSession == "" {
		http.Redirect(w, r, loggedOutPath, http.StatusSeeOther)
		return
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
}

// hint keeps the ID token for the log-out at the provider, which some ask for. It goes to no other path, and is left out if it is too
// large.
func (l *Login) hint(ctx context.Context, w http.ResponseWriter, token string) {
	sealed, err := sealJSON(ctx, l.options.Keys, hintCookie, token)
	if err != nil || len(sealed) > chunkSize {
		deleteCookie(w, hintCookie, endPath)
		return
	}
	http.SetCookie(w, cookie(hintCookie, sealed, endPath))
}

func (l *Login) loggedOut(w http.ResponseWriter, r *http.Request) {
	l.page(w, r, http.StatusOK, notice{Title: "You are logged out", Text: "Close the browser if others use it, too.", Link: "/", Action: "Log in"})
}
