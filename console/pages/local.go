package pages

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"rservice.dev/scim-operator/console/access"
)

const (
	// linkLasts is how long a link of Local can be used.
	linkLasts = 10 * time.Minute
	// localCookie begins the name of the session's cookie, and the port ends it: browsers send cookies to all ports of a machine, and
	// two consoles are not to end each other's sessions.
	localCookie = "scim-console-"
)

// Local are the sessions of a console on somebody's own machine, where all that the console can do is that person's. Who opens a
// link of it gets in, once.
type Local struct {
	caller  access.Caller
	address string
	cookie  string

	mu sync.Mutex
	// link is the SHA-256 of the link's secret, until it was used or another one was made.
	link    [sha256.Size]byte
	linkEnd time.Time
	// sessions are keys of sessions by the SHA-256 of their cookies.
	sessions map[[sha256.Size]byte][]byte
}

var _ Sessions = (*Local)(nil)

// NewLocal lets one person in who sees the links of Link. address is what the console is served at, such as 127.0.0.1:38080.
func NewLocal(caller access.Caller, address string) *Local {
	port := address[strings.LastIndexByte(address, ':')+1:]
	return &Local{caller: caller, address: address, cookie: localCookie + port, sessions: map[[sha256.Size]byte][]byte{}}
}

// Link makes a link that opens the console once, within ten minutes. A link from before no longer does.
func (l *Local) Link() string {
	secret := newSecret()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link, l.linkEnd = sha256.Sum256([]byte(secret)), time.Now().Add(linkLasts)
	return "http://" + l.address + own + "enter/" + secret
}

// newSecret has 256 random bits.
func newSecret() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // which never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// Of implements Sessions.
func (l *Local) Of(_ http.ResponseWriter, r *http.Request) (*Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cookie := range r.CookiesNamed(l.cookie) {
		if key := l.sessions[sha256.Sum256([]byte(cookie.Value))]; key != nil {
			return &Session{Caller: l.caller, Key: key}, nil
		}
	}
	return nil, nil
}

// Begin implements Sessions.
func (l *Local) Begin(http.ResponseWriter, *http.Request) error {
	return &Notice{
		Status: http.StatusUnauthorized, Title: "Open the console by its link",
		Text: "The command kubectl scim console prints a link that opens the console in one browser, once. Run it again for another link.",
	}
}

// Routes implements Sessions.
func (l *Local) Routes() map[string]Handler {
	return map[string]Handler{"GET " + own + "enter/{secret}": l.enter}
}

func (l *Local) enter(w http.ResponseWriter, r *http.Request) error {
	if !l.use(r.PathValue("secret")) {
		return &Notice{
			Status: http.StatusForbidden, Title: "The link has been used, or is too old",
			Text: "A link opens the console once, within ten minutes. Run kubectl scim console again for another one.",
		}
	}
	cookie, key := newSecret(), []byte(newSecret())
	l.mu.Lock()
	l.sessions[sha256.Sum256([]byte(cookie))] = key
	l.mu.Unlock()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // no TLS on this machine's own address
		Name: l.cookie, Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	// A redirect would be part of the visit that a click elsewhere began, to which browsers send no such cookie.
	return &Notice{Status: http.StatusOK, Title: "Welcome", Text: "The console opens by itself.", Forward: "/", Links: []Link{{Text: "Open the console", Address: "/"}}}
}

// use reports whether the secret is that of the link, which it is once.
func (l *Local) use(secret string) bool {
	given := sha256.Sum256([]byte(secret))
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(l.linkEnd) || subtle.ConstantTimeCompare(given[:], l.link[:]) != 1 {
		return false
	}
	l.linkEnd = time.Time{}
	return true
}
