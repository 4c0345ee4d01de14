// Package pages is the console in a browser: HTML that the server makes, a style, and a small script that no page needs.
package pages

import (
	"context"
	"embed"
	"errors"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/draft"
	"rservice.dev/scim-operator/console/listing"
)

// own is the prefix of addresses that are no namespace's: no namespace can be called so.
const own = "/-/"

// pageTimeout ends a page that does not come to an end, as when a cache does not get to know a kind.
const pageTimeout = time.Minute

// pagesAtOnce is how many pages are made for one person at the same time. Others wait.
const pagesAtOnce = 8

// maxForm is the most bytes of a form: a rule is the longest text that one holds.
const maxForm = 2 << 20

// Options are what differs between a console on somebody's machine and the operator's.
type Options struct {
	// Sessions says who sends a request.
	Sessions Sessions
	// Hosts are what the Host of a request may be, such as 127.0.0.1:38080. One that names the port of its scheme is also
	// taken without it. Empty: any, for a proxy that has looked at it.
	Hosts []string
	// Namespace is the one to begin with; "": the visitor chooses.
	Namespace string
	// Namespaces are those that may be of interest, of which the visitor gets to see those that the caller may read. Nil: those
	// with a ScimEndpoint, where the caller may list these in all namespaces.
	Namespaces func(ctx context.Context, caller access.Caller) ([]string, error)
	// EventWriter writes the Events that tell of actions. Nil: the person's own client does, where that person may.
	EventWriter client.Client
	// Stopping ends streams of changes when it is closed. Nil: they end with their requests.
	Stopping <-chan struct{}
	// TLS says that browsers reach the console by HTTPS, directly or through a proxy.
	TLS bool
	// Logger gets a line for each action and each failure.
	Logger logr.Logger
}

type server struct {
	Options
	pages *templates
	// turns are of pages.
	turns *turns
	// streams are those of all, streamTurns of each person.
	streams     chan struct{}
	streamTurns *turns
	// checker checks rules that people write.
	checker draft.Checker
	// numbers are those of the overview.
	numbers listing.Numbers
}

//go:embed static
var static embed.FS

// New returns the console.
func New(o Options) (http.Handler, error) {
	pages, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	if o.Sessions == nil {
		return nil, errors.New("the console needs to know who its visitors are")
	}
	s := &server{
		Options: o, pages: pages, turns: newTurns(pagesAtOnce), streams: make(chan struct{}, maxStreams), streamTurns: newTurns(streamsAtOnce),
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+own+"static/{file}", s.open(serveStatic))
	mux.Handle(own, s.open(func(http.ResponseWriter, *http.Request) error { return noPage() }))
	for pattern, handle := range o.Sessions.Routes() {
		mux.Handle(pattern, s.open(handle))
	}
	mux.Handle("GET "+own+"me", s.page(s.me))
	mux.Handle("GET "+own+"events/{namespace}", s.page(s.events))
	mux.Handle("GET "+own+"namespaces", s.page(s.namespaces))
	mux.Handle("GET /{$}", s.page(s.home))
	mux.Handle("/", s.tenant())
	return s.secure(mux), nil
}

// tenant has the addresses below a namespace.
func (s *server) tenant() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.page(func(http.ResponseWriter, *http.Request, *visit) error { return noPage() }))
	mux.Handle("GET /{namespace}", s.page(func(w http.ResponseWriter, r *http.Request, v *visit) error {
		http.Redirect(w, r, "/"+v.Namespace+"/", http.StatusSeeOther)
		return nil
	}))
	for pattern, handle := range s.routes() {
		mux.Handle(pattern, s.page(handle))
	}
	return mux
}

func noPage() *Notice {
	return &Notice{Status: http.StatusNotFound, Title: "There is no such page", Text: "The address may be mistyped, or from another version of the console."}
}

// serveStatic serves style, script and icon, which everybody may see.
func serveStatic(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	content, err := static.ReadFile("static/" + name)
	if err != nil {
		return noPage()
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(content) //nolint:gosec // the console's own file; a visitor who has gone needs none
	return nil
}

// handler answers for a session. An error becomes a page that says what is wrong.
type handler func(w http.ResponseWriter, r *http.Request, v *visit) error

// visit is what a handler knows of who asks and where.
type visit struct {
	*Session
	// Namespace is the one in the address; "" on pages of none.
	Namespace string
	// since are the states of what a page shows, noted before it is read.
	since string
}

// page wraps what needs a session. What changes something needs its form token, too.
func (s *server) page(handle handler) http.Handler {
	return s.open(func(w http.ResponseWriter, r *http.Request) error {
		session, err := s.Sessions.Of(w, r)
		if err != nil {
			return err
		}
		if session == nil {
			return s.Sessions.Begin(w, r)
		}
		if !safe(r) {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := session.CheckForm(r); err != nil {
				return err
			}
		}
		v := &visit{Session: session, Namespace: r.PathValue("namespace")}
		if err := errors.Join(checkNamespace(v.Namespace), checkName(r.PathValue("name"))); err != nil {
			return err
		}
		if safe(r) && v.Namespace != "" && !isStream(r) {
			v.begin(r)
		}
		if err := s.inTurn(handle)(w, r, v); err != nil {
			return &problem{visit: v, err: err}
		}
		return nil
	})
}

// open wraps what needs no session.
func (s *server) open(handle Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if !isStream(r) {
			bounded, cancel := context.WithTimeout(ctx, pageTimeout)
			defer cancel()
			ctx = bounded
		}
		if err := handle(w, r.WithContext(ctx)); err != nil {
			s.fail(w, r, err)
		}
	})
}

// NewHTTPServer returns what serves the console, with limits for slow clients.
func NewHTTPServer(console http.Handler) *http.Server {
	return &http.Server{
		Handler:           console,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      pageTimeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
