package login

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// Paths of this package. No namespace begins with a hyphen.
const (
	loginPath    = "/-/login"
	callbackPath = "/-/callback"
	// LogoutPath takes POST.
	LogoutPath    = "/-/logout"
	endPath       = "/-/logout/provider"
	loggedOutPath = "/-/logged-out"
)

const (
	// attemptLifetime is how long somebody may take at the provider.
	attemptLifetime = 15 * time.Minute
	// seenEvery is how often a session notes that it is used: each note is a new cookie.
	seenEvery = time.Minute
	// maxReturn bounds the address to return to.
	maxReturn = 1024
)

// Options are what a Login needs.
type Options struct {
	Configuration *Configuration
	Keys          *Keys
	// Check is asked about each new person, whether the cluster takes it; nil: nobody is. An error is told to the person.
	Check func(context.Context, *Session) error
	// Log gets who logged in and out.
	Log logr.Logger
	// Now is the time; nil: time.Now.
	Now func() time.Time
}

// Login lets people in.
type Login struct {
	options  Options
	host     string
	provider *provider
	renewals singleflight.Group
	crossing *http.CrossOriginProtection
	log      logr.Logger
	now      func() time.Time
}

// New makes a Login. Keys of the provider are fetched in ctx, in which it has to live.
func New(ctx context.Context, o Options) (*Login, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	base, err := url.Parse(o.Configuration.BaseURL)
	if err != nil {
		return nil, err
	}
	p, err := newProvider(ctx, o.Configuration, o.Now)
	if err != nil {
		return nil, err
	}
	return &Login{
		options: o, host: base.Host, provider: p, crossing: http.NewCrossOriginProtection(), log: o.Log.WithName("console"), now: o.Now,
	}, nil
}

type sessionKey struct{}

// FromContext returns the session that a request of Require has, or nil.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// Require serves the ways in and out, and hands to next what comes from somebody who is logged in, with the Session in the context,
// and what is below open, such as "/static/", from everybody. Requests of other hosts and forms of other origins are refused.
func (l *Login) Require(open string, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+loginPath, l.begin)
	mux.HandleFunc("GET "+callbackPath, l.callback)
	mux.HandleFunc("POST "+LogoutPath, l.logout)
	mux.HandleFunc("GET "+endPath, l.end)
	mux.HandleFunc("GET "+loggedOutPath, l.loggedOut)
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open != "" && strings.HasPrefix(r.URL.Path, open) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		if s := l.session(w, r); s != nil {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, s)))
		}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if !strings.EqualFold(r.Host, l.host) {
			l.page(w, r, http.StatusMisdirectedRequest, notice{
				Title: "The console has another address", Text: "It is at " + l.options.Configuration.BaseURL + ".",
				Link: l.options.Configuration.BaseURL + "/", Action: "Go there",
			})
			return
		}
		if err := l.crossing.Check(r); err != nil {
			l.page(w, r, http.StatusForbidden, notice{
				Title: "This form came from another place", Text: "Nothing was done: a page of another origin sent it. Use the console's own pages.",
				Link: "/", Action: "To the console",
			})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// session returns who a request comes from, or answers it and returns nil.
func (l *Login) session(w http.ResponseWriter, r *http.Request) *Session {
	sealed := sessionOf(r)
	if sealed == "" {
		l.unknown(w, r)
		return nil
	}
	s, err := l.open(r.Context(), sealed)
	if err != nil && !errors.Is(err, errNotSealed) {
		l.failed(w, r, err)
		return nil
	}
	times := &l.options.Configuration.Session
	now := l.now()
	switch {
	case err != nil:
		l.ended(w, r, "Your session is over", "Its key is not used any more, or it was not one of this console.")
		return nil
	case now.Sub(time.Unix(s.Begun, 0)) >= times.Lifetime.Duration:
		l.ended(w, r, "Your session is over", "Sessions last "+times.Lifetime.Duration.String()+".")
		return nil
	case now.Sub(time.Unix(s.Seen, 0)) >= times.IdleTimeout.Duration:
		l.ended(w, r, "Your session is over", "Nobody used it for "+times.IdleTimeout.Duration.String()+".")
		return nil
	}
	age := now.Sub(time.Unix(s.Confirmed, 0))
	if age >= times.ConfirmWithin.Duration/2 {
		if s = l.confirm(w, r, s, age < times.ConfirmWithin.Duration); s == nil {
			return nil
		}
	}
	// What a page's script asks for by itself is no use of the session.
	if s.Confirmed == now.Unix() || now.Sub(time.Unix(s.Seen, 0)) >= seenEvery && !isStream(r) {
		if !isStream(r) {
			s.Seen = now.Unix()
		}
		if err := l.keep(r.Context(), w, s); err != nil {
			l.failed(w, r, err)
			return nil
		}
	}
	return s
}

// confirm has the provider say again who a person is. Where that takes the browser, it waits for a page that is looked at, as long as
// the last word counts.
func (l *Login) confirm(w http.ResponseWriter, r *http.Request, s *Session, counts bool) *Session {
	if s.refresh == "" {
		switch {
		case isNavigation(r):
			http.Redirect(w, r, loginPath+"?silent=1&to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return nil
		case counts:
			return s
		}
		l.page(w, r, http.StatusUnauthorized, notice{
			Title: "Your log-in has to be confirmed", Text: "Nothing was done. Open the console in another tab, which logs you in, then come back and load this page again: your browser asks whether to send the form once more.",
			Link: "/", Action: "Open the console",
		})
		return nil
	}
	// Pages ask for several things at once, and a provider may take a refresh token once.
	result, err, _ := l.renewals.Do(string(s.ID), func() (any, error) {
		return l.provider.again(context.WithoutCancel(r.Context()), s.refresh)
	})
	var refused *refusal
	switch {
	case errors.Is(err, errRefused), errors.As(err, &refused):
		l.log.Info("Ended a session: the provider does not confirm the person", "user", s.User)
		l.ended(w, r, "Your session is over", "The provider does not confirm your log-in any more.")
		return nil
	case err != nil && counts:
		l.log.Error(err, "The provider could not be asked whether a person is still known")
		return s
	case err != nil:
		l.failed(w, r, err)
		return nil
	}
	found, _ := result.(*identity)
	if found.subject != s.Subject {
		l.ended(w, r, "Your session is over", "The provider confirms another person.")
		return nil
	}
	again := *s
	again.setUser(found.user)
	again.Confirmed = l.now().Unix()
	if found.refresh != "" {
		again.refresh = found.refresh
	}
	return &again
}

// open decrypts a session.
func (l *Login) open(ctx context.Context, sealed string) (*Session, error) {
	content, err := l.options.Keys.open(ctx, sessionCookie, sealed)
	if err != nil {
		return nil, err
	}
	return decodeSession(content)
}

// keep gives the browser a session.
func (l *Login) keep(ctx context.Context, w http.ResponseWriter, s *Session) error {
	content, err := s.encode()
	if err != nil {
		return err
	}
	sealed, err := l.options.Keys.seal(ctx, sessionCookie, content)
	if err != nil {
		return err
	}
	return setSessionCookies(w, sealed)
}

// begin sends the browser to the provider.
func (l *Login) begin(w http.ResponseWriter, r *http.Request) {
	a := &attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		To: localPath(r.URL.Query().Get("to")), Begun: l.now().Unix(), Silent: r.URL.Query().Get("silent") != "",
	}
	address, err := l.provider.begin(r.Context(), a)
	if err != nil {
		l.failed(w, r, err)
		return
	}
	sealed, err := sealJSON(r.Context(), l.options.Keys, attemptCookie, a)
	if err != nil {
		l.failed(w, r, err)
		return
	}
	http.SetCookie(w, cookie(attemptCookie, sealed, "/"))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// localPath is where to return to: a page of the console, never of another place.
func localPath(to string) string {
	parsed, err := url.Parse(to)
	if err != nil || len(to) > maxReturn || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") ||
		parsed.Host != "" || parsed.Scheme != "" || strings.HasPrefix(to, "/-/") {
		return "/"
	}
	return to
}

// callback is where the browser comes back to.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	a, ok := l.attempt(w, r, query.Get("state"))
	if !ok {
		return
	}
	deleteCookie(w, attemptCookie, "/")
	if code := query.Get("error"); code != "" {
		l.notLoggedIn(w, r, a, code)
		return
	}
	found, err := l.provider.finish(r.Context(), a, query.Get("code"))
	if err != nil {
		l.failed(w, r, err)
		return
	}
	s := l.successor(r, a, found)
	if l.options.Check != nil {
		if err := l.options.Check(r.Context(), s); err != nil {
			l.failed(w, r, err)
			return
		}
	}
	if err := l.keep(r.Context(), w, s); err != nil {
		l.failed(w, r, err)
		return
	}
	l.hint(r.Context(), w, found.idToken)
	if !a.Silent {
		l.log.Info("Logged in", "user", s.User, "groups", len(s.Groups))
	}
	http.Redirect(w, r, a.To, http.StatusSeeOther)
}

// attempt returns the log-in that a browser comes back from, or answers.
func (l *Login) attempt(w http.ResponseWriter, r *http.Request, state string) (*attempt, bool) {
	a := &attempt{}
	c, err := r.Cookie(attemptCookie)
	if err == nil {
		err = openJSON(r.Context(), l.options.Keys, attemptCookie, c.Value, a)
	}
	if err != nil && !errors.Is(err, errNotSealed) && !errors.Is(err, http.ErrNoCookie) {
		l.failed(w, r, err)
		return nil, false
	}
	if err != nil || state == "" || a.State != state || l.now().Sub(time.Unix(a.Begun, 0)) > attemptLifetime {
		l.page(w, r, http.StatusBadRequest, notice{
			Title: "This log-in was not begun here", Text: "Or it was begun more than " + attemptLifetime.String() + " ago, or again in another tab. Begin again.",
			Link: loginPath + "?to=" + url.QueryEscape(localPath(a.To)), Action: "Log in",
		})
		return nil, false
	}
	return a, true
}

// successor is the new session: of somebody who was only confirmed the old one, which ends when it would have.
func (l *Login) successor(r *http.Request, a *attempt, found *identity) *Session {
	s := newSession(l.now())
	if before, err := l.open(r.Context(), sessionOf(r)); a.Silent && err == nil && before.Subject == found.subject {
		s.ID, s.Begun, s.Seen = before.ID, before.Begun, before.Seen
	}
	s.Subject, s.refresh = found.subject, found.refresh
	s.setUser(found.user)
	return s
}

// silentRefusals are what a provider says when it was to ask nothing and would have to (OpenID Connect Core 1.0 section 3.1.2.6).
var silentRefusals = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

// notLoggedIn answers somebody whom the provider sent back without a code.
func (l *Login) notLoggedIn(w http.ResponseWriter, r *http.Request, a *attempt, code string) {
	again := loginPath + "?to=" + url.QueryEscape(a.To)
	if a.Silent && slices.Contains(silentRefusals, code) {
		deleteSessionCookies(w)
		l.page(w, r, http.StatusUnauthorized, notice{Title: "Your session is over", Text: "The provider wants you to log in again.", Link: again, Action: "Log in"})
		return
	}
	deleteSessionCookies(w)
	text := "The provider says: " + oneWord(code) + ". Ask whoever runs it whether you may use this application, or log in as somebody else."
	l.page(w, r, http.StatusForbidden, notice{Title: "The provider did not let you in", Text: text, Link: again, Action: "Log in"})
}

func isStream(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

// isNavigation reports whether somebody looks at what a request asks for, so that it may lead by the provider.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet || isStream(r) {
		return false
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "navigate" || mode == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// unknown answers somebody who has no session.
func (l *Login) unknown(w http.ResponseWriter, r *http.Request) {
	to := loginPath + "?to=" + url.QueryEscape(r.URL.RequestURI())
	if isNavigation(r) {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	l.page(w, r, http.StatusUnauthorized, notice{Title: "You are not logged in", Text: "Nothing was done.", Link: "/", Action: "Log in"})
}

// ended answers somebody whose session is over, and takes it from the browser.
func (l *Login) ended(w http.ResponseWriter, r *http.Request, title, text string) {
	deleteSessionCookies(w)
	to := "/"
	if r.Method == http.MethodGet {
		to = r.URL.RequestURI()
	} else {
		text += " Nothing was done."
	}
	l.page(w, r, http.StatusUnauthorized, notice{Title: title, Text: text, Link: loginPath + "?to=" + url.QueryEscape(to), Action: "Log in again"})
}
