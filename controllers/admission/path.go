package admission

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"rservice.dev/scim-operator/api/strangers"
)

// pathPattern is the form of a path at which rules are reviewed: after the prefix 130
// random bits, in letters that the API server takes.
var pathPattern = regexp.MustCompile(`^` + pathPrefix + `[a-z2-7]{26}$`)

const pathPrefix = "/automationrules/"

// newPath makes a path that nobody guesses.
func newPath() string { return pathPrefix + strings.ToLower(rand.Text()) }

// secretPath reports whether a path is one that newPath makes.
func secretPath(path string) bool { return pathPattern.MatchString(path) }

// paths are those that are answered. Who does not know one of them learns nothing.
type paths struct {
	admitted atomic.Pointer[[]string]
	// until is when each of them ends. Only the rotator touches it.
	until map[string]time.Time
}

// admit takes paths that the Secret or the configuration has now, for some time more: each
// replica looks when it looks, and the API server may still call what the configuration
// said a moment ago. Other texts are passed over.
func (p *paths) admit(now time.Time, lasting time.Duration, current ...string) {
	if p.until == nil {
		p.until = map[string]time.Time{}
	}
	for _, path := range current {
		if secretPath(path) {
			p.until[path] = now.Add(lasting)
		}
	}
	admitted := make([]string, 0, len(p.until))
	for path, until := range p.until {
		if now.After(until) {
			delete(p.until, path)
			continue
		}
		admitted = append(admitted, path)
	}
	p.admitted.Store(&admitted)
}

// admits reports whether a path is answered. The time that it takes tells nothing of how
// much of the path is right.
func (p *paths) admits(path string) bool {
	admitted := p.admitted.Load()
	if admitted == nil {
		return false
	}
	known := 0
	for _, right := range *admitted {
		known |= subtle.ConstantTimeCompare([]byte(right), []byte(path))
	}
	return known == 1
}

// guard passes on what comes to an admitted path. All else is answered before its body is
// read, and alike.
func (p *paths) guard(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.admits(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		strangers.Known(r)
		inner.ServeHTTP(w, r)
	})
}
