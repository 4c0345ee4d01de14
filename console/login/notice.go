package login

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
)

//go:embed notice.html
var files embed.FS

var noticeTemplate = template.Must(template.ParseFS(files, "notice.html"))

// notice is a page that says one thing.
type notice struct {
	Title, Text  string
	Link, Action string
	// Refresh is where the browser goes by itself.
	Refresh string
}

// secure sets what every answer has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Strict-Transport-Security", "max-age=31536000")
}

func (l *Login) page(w http.ResponseWriter, _ *http.Request, status int, n notice) {
	var body bytes.Buffer
	if err := noticeTemplate.Execute(&body, n); err != nil {
		l.log.Error(err, "A page could not be made")
		http.Error(w, n.Title+"\n"+n.Text, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // unless the client has gone
}

// failed answers somebody who cannot be let in.
func (l *Login) failed(w http.ResponseWriter, r *http.Request, err error) {
	var refused *refusal
	var large errTooLarge
	switch {
	case errors.As(err, &refused):
		l.log.Info("Refused a log-in", "because", refused.title)
		l.page(w, r, http.StatusForbidden, notice{Title: refused.title, Text: refused.text, Link: loginPath, Action: "Log in"})
	case errors.As(err, &large):
		l.log.Info("Refused a log-in", "because", large.Error())
		l.page(w, r, http.StatusForbidden, notice{
			Title: "You are in too many groups for a session",
			Text:  "A browser keeps only so much: " + large.Error() + ". Whoever runs the console lets jwt.claimMappings.groups keep only those that matter, such as by expression: claims.groups.filter(g, g.startsWith('scim-')).",
			Link:  loginPath, Action: "Log in",
		})
	case errors.Is(err, errRefused):
		l.log.Error(err, "The provider refused to log somebody in")
		l.page(w, r, http.StatusForbidden, notice{
			Title: "The provider did not let you in", Text: err.Error() + ". Begin again; if that does not help, whoever runs the console compares its client with what the provider has.",
			Link: loginPath, Action: "Log in",
		})
	case r.Context().Err() != nil:
		// Nobody waits for an answer any more.
	default:
		l.log.Error(err, "A log-in failed")
		l.page(w, r, http.StatusServiceUnavailable, notice{
			Title: "Nobody can be logged in now", Text: "The provider or the cluster does not answer as it should. Whoever runs the console finds the reason in the operator's log.",
			Link: "/", Action: "Try again",
		})
	}
}
