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
	authenticationv1 "k8s.io/api/authentication/v1"

	"rservice.dev/scim-operator/api/strangers"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
)

// Addresses of this package.
const (
	loginPath     = "/-/login"
	callbackPath  = "/-/callback"
	logoutPath    = "/-/logout"
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
	// maxComing bounds how many people are on their way in or out at the same time, of whom some wait for the provider.
	maxComing = 256
)

// Options are what a Login needs.
type Options struct {
	Configuration *Configuration
	Keys          *Keys
	// Caller returns who acts as a person in the cluster.
	Caller func(context.Context, authenticationv1.UserInfo) (access.Caller, error)
	// Logger gets who logged in and out, and what failed.
	Logger logr.Logger
	// Now is the time; nil: time.Now.
	Now func() time.Time
}

// Login lets people in whom an OpenID Connect provider knows.
type Login struct {
	options  Options
	provider *provider
	renewals singleflight.Group
	coming   chan struct{}
	log      logr.Logger
	now      func() time.Time
}

var _ pages.Sessions = (*Login)(nil)

// New makes a Login. Keys of the provider are fetched in ctx, which has to last as long.
func New(ctx context.Context, o Options) (*Login, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := newProvider(ctx, o.Configuration, o.Now)
	if err != nil {
		return nil, err
	}
	return &Login{options: o, provider: p, coming: make(chan struct{}, maxComing), log: o.Logger.WithName("login"), now: o.Now}, nil
}

// Routes implements pages.Sessions.
func (l *Login) Routes() map[string]pages.Handler {
	return map[string]pages.Handler{
		"GET " + loginPath: l.bounded(l.begin), "GET " + callbackPath: l.bounded(l.callback),
		"POST " + logoutPath: l.bounded(l.logout), "GET " + endPath: l.bounded(l.end), "GET " + loggedOutPath: l.loggedOut,
	}
}

// bounded answers as many as there is room for: anybody can ask, and a provider that takes its time would have all wait.
func (l *Login) bounded(handle pages.Handler) pages.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		select {
		case l.coming <- struct{}{}:
			defer func() { <-l.coming }()
			return handle(w, r)
		default:
			return &pages.Notice{
				Status: http.StatusServiceUnavailable, Title: "Too many people are logging in", Text: "Try again in a moment.",
				Links: []pages.Link{{Text: "Try again", Address: "/"}},
			}
		}
	}
}

// Begin implements pages.Sessions.
func (l *Login) Begin(w http.ResponseWriter, r *http.Request) error {
	if !isNavigation(r) {
		return &pages.Notice{Status: http.StatusUnauthorized, Title: "You are not logged in", Text: "Nothing was done.", Links: []pages.Link{{Text: "Log in", Address: "/"}}}
	}
	http.Redirect(w, r, loginPath+"?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	return nil
}

// Of implements pages.Sessions.
func (l *Login) Of(w http.ResponseWriter, r *http.Request) (*pages.Session, error) {
	sealed := sessionOf(r)
	if sealed == "" {
		return nil, nil
	}
	s, err := l.open(r.Context(), sealed)
	if errors.Is(err, errNotSealed) {
		return nil, l.ended(w, r, "Its key is not used any more, or it was not one of this console.")
	}
	if err != nil {
		return nil, l.explain(err)
	}
	if s, err = l.current(w, r, s); s == nil {
		return nil, err
	}
	caller, err := l.options.Caller(r.Context(), s.userInfo())
	if err != nil {
		return nil, l.explain(err)
	}
	strangers.Known(r)
	return &pages.Session{Caller: caller, Key: s.ID, Logout: logoutPath}, nil
}

// current returns a session as it goes on, nil if it does not. The browser gets it again where it has changed.
func (l *Login) current(w http.ResponseWriter, r *http.Request, s *session) (*session, error) {
	times := &l.options.Configuration.Session
	now := l.now()
	switch {
	case now.Sub(time.Unix(s.Begun, 0)) >= times.Lifetime.Duration:
		return nil, l.ended(w, r, "Sessions last "+spoken(times.Lifetime.Duration)+".")
	case now.Sub(time.Unix(s.Seen, 0)) >= times.IdleTimeout.Duration:
		return nil, l.ended(w, r, "Nobody used it for "+spoken(times.IdleTimeout.Duration)+".")
	}
	changed := false
	if age := now.Sub(time.Unix(s.Confirmed, 0)); age >= times.ConfirmWithin.Duration/2 {
		again, err := l.confirm(w, r, s, age < times.ConfirmWithin.Duration)
		if again == nil {
			return nil, err
		}
		s, changed = again, again != s
	}
	// What a page's script asks for by itself is no use of the session.
	if now.Sub(time.Unix(s.Seen, 0)) >= seenEvery && !isStream(r) {
		s.Seen, changed = now.Unix(), true
	}
	if changed {
		if err := l.keep(r.Context(), w, s); err != nil {
			return nil, l.explain(err)
		}
	}
	return s, nil
}

// confirm has the provider say again who a person is; counts says that its last word still does. Nil, without an error, if the answer
// leads the browser to the provider.
func (l *Login) confirm(w http.ResponseWriter, r *http.Request, s *session, counts bool) (*session, error) {
	if s.refresh == "" {
		return byBrowser(r, s, counts)
	}
	// Pages ask for several things at once, and a provider may take a refresh token once.
	lasting := context.WithoutCancel(r.Context())
	result, err, _ := l.renewals.Do(string(s.ID), func() (any, error) { return l.provider.again(lasting, s.refresh) })
	_, isNotice := errors.AsType[*pages.Notice](err)
	switch {
	case errors.Is(err, errRefused): // or another replica was faster with the token
		return byBrowser(r, s, false)
	case isNotice:
		l.log.Info("Ended a session whose person is let in no more", "user", s.User)
		return nil, l.ended(w, r, "The provider confirms your login, but not in a way that this console takes.")
	case err != nil && counts:
		l.log.Error(err, "The provider could not be asked whether a person is still known")
		return s, nil
	case err != nil:
		return nil, l.explain(err)
	}
	found, ok := result.(*identity)
	if !ok || found.subject != s.Subject {
		return nil, l.ended(w, r, "The provider confirms another person.")
	}
	again := *s
	again.setUser(found.user)
	again.Confirmed = l.now().Unix()
	if found.refresh != "" {
		again.refresh = found.refresh
	}
	return &again, nil
}

// byBrowser is confirm by way of the browser, which waits for a page that somebody looks at.
func byBrowser(r *http.Request, s *session, counts bool) (*session, error) {
	switch {
	case isNavigation(r):
		return nil, nil // Begin leads to the provider, which is asked to confirm the session that there is
	case counts:
		return s, nil
	}
	return nil, &pages.Notice{
		Status: http.StatusUnauthorized, Title: "Your login has to be confirmed",
		Text:  "Nothing was done. Open the console in another tab, which logs you in, then load this page again: the browser asks whether to send the form once more.",
		Links: []pages.Link{{Text: "Open the console", Address: "/"}},
	}
}

// open decrypts a session.
func (l *Login) open(ctx context.Context, sealed string) (*session, error) {
	content, err := l.options.Keys.open(ctx, sessionCookie, sealed)
	if err != nil {
		return nil, err
	}
	return decodeSession(content)
}

// keep gives the browser a session.
func (l *Login) keep(ctx context.Context, w http.ResponseWriter, s *session) error {
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

// begin sends the browser to the provider. Where it has a session, the provider is to ask nothing: it only confirms it.
func (l *Login) begin(w http.ResponseWriter, r *http.Request) error {
	a := &attempt{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: localPath(r.URL.Query().Get("to")), Begun: l.now().Unix(),
	}
	if _, err := l.open(r.Context(), sessionOf(r)); err == nil {
		a.Silent = true
	}
	address, err := l.provider.begin(r.Context(), a)
	if err != nil {
		return l.explain(err)
	}
	sealed, err := sealJSON(r.Context(), l.options.Keys, attemptCookie, a)
	if err != nil {
		return l.explain(err)
	}
	http.SetCookie(w, cookie(attemptCookie, sealed, "/"))
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// localPath is where to return to: a page of the console, never of another place.
func localPath(to string) string {
	parsed, err := url.Parse(to)
	if err != nil || len(to) > maxReturn || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") ||
		parsed.Host != "" || parsed.Scheme != "" || slices.Contains([]string{loginPath, callbackPath, logoutPath, endPath, loggedOutPath}, parsed.Path) {
		return "/"
	}
	return to
}

// callback is where the browser comes back to.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	a, err := l.attempt(r, query.Get("state"))
	if err != nil {
		return err
	}
	deleteCookie(w, attemptCookie, "/")
	if code := query.Get("error"); code != "" {
		return l.notLoggedIn(w, a, code)
	}
	found, err := l.provider.finish(r.Context(), a, query.Get("code"))
	if err != nil {
		return l.explain(err)
	}
	s := l.successor(r, a, found)
	if _, err := l.options.Caller(r.Context(), s.userInfo()); err != nil {
		return l.explain(err)
	}
	if err := l.keep(r.Context(), w, s); err != nil {
		return l.explain(err)
	}
	l.hint(r.Context(), w, found.idToken)
	if !a.Silent {
		l.log.Info("Logged in", "user", s.User, "groups", len(s.Groups))
	}
	http.Redirect(w, r, a.To, http.StatusSeeOther)
	return nil
}

// attempt returns the login that a browser comes back from.
func (l *Login) attempt(r *http.Request, state string) (*attempt, error) {
	a := &attempt{}
	c, err := r.Cookie(attemptCookie)
	if err == nil {
		err = openJSON(r.Context(), l.options.Keys, attemptCookie, c.Value, a)
	}
	if err != nil && !errors.Is(err, errNotSealed) && !errors.Is(err, http.ErrNoCookie) {
		return nil, l.explain(err)
	}
	if err != nil || state == "" || a.State != state || l.now().Sub(time.Unix(a.Begun, 0)) > attemptLifetime {
		return nil, &pages.Notice{
			Status: http.StatusBadRequest, Title: "This login was not begun here",
			Text:  "Or it was begun more than " + spoken(attemptLifetime) + " ago, or again in another tab. Begin again.",
			Links: logIn(a.To),
		}
	}
	return a, nil
}

// successor is the new session: of somebody who was only confirmed the old one, which ends when it would have.
func (l *Login) successor(r *http.Request, a *attempt, found *identity) *session {
	s := newSession(l.now())
	if before, err := l.open(r.Context(), sessionOf(r)); a.Silent && err == nil && before.Subject == found.subject {
		s.ID, s.Begun, s.Seen = before.ID, before.Begun, before.Seen
	}
	s.Subject, s.refresh = found.subject, found.refresh
	s.setUser(found.user)
	return s
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
