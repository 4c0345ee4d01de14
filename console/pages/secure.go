package pages

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// contentPolicy lets a page use what the console itself serves, and nothing within the page.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure checks where a request comes from before anything else is done with it.
func (s *server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if s.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		switch {
		case !s.isHost(r.Host):
			// A name that somebody else's DNS leads here has that person's pages talk to the console.
			s.fail(w, r, s.elsewhere())
		case !safe(r) && !s.isOwnOrigin(r):
			s.fail(w, r, &Notice{Status: http.StatusForbidden, Title: "Nothing was done: the request came from another site", Text: "Open the console itself and repeat what you did."})
		case safe(r) && isPartOfOthers(r):
			s.fail(w, r, &Notice{Status: http.StatusForbidden, Title: "The console is no part of other sites", Text: "Open the console itself."})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// elsewhere says where the console is.
func (s *server) elsewhere() *Notice {
	return &Notice{
		Status: http.StatusMisdirectedRequest, Title: "The console is not at this address",
		Text: "Open it by the address that it was announced with: it is at " + strings.Join(s.Hosts, ", ") + ". If that is where you are, what is in " +
			"front of the console puts another host into the requests, and has to be told to pass on the one that browsers send (header Host).",
	}
}

// isPartOfOthers reports whether a page of another site asks for something to use within itself, such as an image or a stream, and not
// somebody who follows a link. Browsers keep the answer from that page, but not how long it takes, nor what it costs; and cookies go
// along from another host of the same domain, or another port of this machine.
func isPartOfOthers(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // an older browser, the console itself, an address that somebody has typed
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// safe reports whether a request changes nothing.
func safe(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func (s *server) isHost(host string) bool {
	return len(s.Hosts) == 0 || slices.ContainsFunc(s.Hosts, func(known string) bool {
		return strings.EqualFold(s.withoutPort(known), s.withoutPort(host))
	})
}

// withoutPort leaves out the port of the scheme, which browsers do not send.
func (s *server) withoutPort(host string) string {
	_, port, err := net.SplitHostPort(host)
	if err == nil && (s.TLS && port == "443" || !s.TLS && port == "80") {
		return strings.TrimSuffix(host, ":"+port)
	}
	return host
}

// isOwnOrigin reports whether a browser says that a page of the console sends the request. By Referrer-Policy no-referrer browsers
// send "null" as the Origin of a form also to the page's own site: then Sec-Fetch-Site, which no page can set, says what it is.
func (s *server) isOwnOrigin(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch {
	case site != "" && site != "same-origin":
		return false
	case origin == "" || origin == "null":
		return site == "same-origin"
	}
	parsed, err := url.Parse(origin)
	if err != nil {
		return false
	}
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	return parsed.Scheme == scheme && strings.EqualFold(s.withoutPort(parsed.Host), s.withoutPort(r.Host))
}

// checkNamespace returns a Notice for what cannot be the name of a namespace; "" is that of no namespace.
func checkNamespace(name string) error {
	if name == "" || len(validation.IsDNS1123Label(name)) == 0 {
		return nil
	}
	return &Notice{Status: http.StatusNotFound, Title: "There is no such namespace", Text: "Names of namespaces have lower-case letters, digits and hyphens."}
}

// checkName returns a Notice for what cannot be the name of an object; "" is that of none, and "-" stands for one that is not there
// yet. Nothing is asked about such a name: an address can be long, and answers about names are kept.
func checkName(name string) error {
	if name == "" || name == "-" || len(validation.IsDNS1123Subdomain(name)) == 0 {
		return nil
	}
	return &Notice{Status: http.StatusNotFound, Title: "There is no such object", Text: "Names of objects have lower-case letters, digits, hyphens and dots."}
}
