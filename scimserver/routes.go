package scimserver

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
)

// basePaths are both in use, because clients differ in what they append to the
// address that they are given.
var basePaths = []string{"/scim/v2", "/scim"}

// route is one method of one address below a base path.
type route struct {
	method string
	// path is also the route's name in logs and metrics.
	path    string
	handle  handler
	timeout time.Duration
	maxBody int64
	// maxValues is how many values the body may have.
	maxValues int
	// public says that a client without Authorization header is answered, too.
	public bool
	// reads says that the request changes nothing, so that it ends when its client leaves, and that a client may send it who
	// may read only.
	reads bool
}

// routes lists all addresses.
func (s *Server) routes() []route {
	root := &searches{store: s.store, shares: s.shares, now: s.now}
	list := []route{
		{method: http.MethodGet, path: "/ServiceProviderConfig", handle: s.getServiceProviderConfig, public: true},
		{method: http.MethodGet, path: "/Schemas", handle: listSchemas},
		{method: http.MethodGet, path: "/Schemas/{id}", handle: getSchema},
		{method: http.MethodGet, path: "/ResourceTypes", handle: listResourceTypes},
		{method: http.MethodGet, path: "/ResourceTypes/{id}", handle: getResourceType},
		{method: http.MethodPost, path: "/Bulk", handle: s.newBulk().post, timeout: bulkTimeout, maxBody: maxBulkBody, maxValues: maxBulkValues},
		{method: http.MethodGet, path: "/", handle: root.get, timeout: listTimeout, maxBody: maxUserBody},
		{method: http.MethodPost, path: "/.search", handle: root.post, reads: true, timeout: listTimeout, maxBody: maxUserBody},
	}
	for _, rt := range scim.ResourceTypes() {
		list = append(list, s.resourceRoutes(rt)...)
	}
	for i := range list {
		list[i].reads = list[i].reads || list[i].method == http.MethodGet
		if list[i].timeout == 0 {
			list[i].timeout, list[i].maxBody = requestTimeout, maxUserBody
		}
		if list[i].maxValues == 0 {
			list[i].maxValues = maxUserValues
		}
	}
	return list
}

func (s *Server) resourceRoutes(rt *scim.ResourceType) []route {
	h := &resources{rt: rt, store: s.store, shares: s.shares}
	all := &searches{rt: rt, store: s.store, shares: s.shares, now: s.now}
	one := rt.Endpoint + "/{id}"
	writes := s.writes(rt)
	write := func(method, path string) route {
		r := route{method: method, path: path, handle: writes[method], timeout: requestTimeout, maxBody: maxUserBody}
		if rt == scim.Group {
			r.timeout, r.maxBody, r.maxValues = groupWriteTimeout, maxGroupBody, scim.MaxJSONValues
		}
		return r
	}
	return []route{
		{method: http.MethodGet, path: rt.Endpoint, handle: all.get, timeout: listTimeout, maxBody: maxUserBody},
		{method: http.MethodGet, path: one, handle: h.get},
		{method: http.MethodPost, path: rt.Endpoint + "/.search", handle: all.post, reads: true, timeout: listTimeout, maxBody: maxUserBody},
		write(http.MethodPost, rt.Endpoint),
		write(http.MethodPut, one),
		write(http.MethodPatch, one),
		write(http.MethodDelete, one),
	}
}

// writes are the methods that change a resource, as requests and as bulk operations.
func (s *Server) writes(rt *scim.ResourceType) map[string]handler {
	h := &resources{rt: rt, store: s.store, shares: s.shares}
	return map[string]handler{
		http.MethodPost:   s.audited("create", rt, h.create),
		http.MethodPut:    s.audited("replace", rt, h.replace),
		http.MethodPatch:  s.audited("patch", rt, h.patch),
		http.MethodDelete: s.audited("delete", rt, h.remove),
	}
}

// newMux registers all routes below all base paths, and for every address an
// answer to the methods that it does not have.
func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	routes := s.routes()
	methods := make(map[string][]string)
	for _, r := range routes {
		countFrom0(r.path, r.method)
		methods[r.path] = append(methods[r.path], r.method)
		if r.method == http.MethodGet {
			methods[r.path] = append(methods[r.path], http.MethodHead)
		}
	}
	for _, base := range basePaths {
		for _, r := range routes {
			mux.Handle(r.method+" "+base+strings.TrimSuffix(r.path, "/"), s.chain(base, r))
		}
		for path, allowed := range methods {
			for _, method := range refused(path) {
				mux.Handle(method+base+strings.TrimSuffix(path, "/"), s.chain(base, other(path, wrongMethod(allowed))))
			}
		}
		mux.Handle(base+"/Me", s.chain(base, other("/Me", notImplemented("/Me"))))
	}
	s.registerOpen(mux)
	mux.Handle("/", s.chain(basePaths[0], other("unknown", noSuchPath)))
	return mux
}

// refused returns the prefixes of patterns for methods that an address does not have.
func refused(path string) []string {
	if !strings.HasSuffix(path, "/.search") || path == "/.search" {
		return []string{""}
	}
	// A pattern for every method would be in conflict with those of one resource.
	return []string{http.MethodGet + " ", http.MethodPut + " ", http.MethodPatch + " ", http.MethodDelete + " "}
}

func other(path string, handle handler) route {
	return route{path: path, handle: handle, reads: true, timeout: requestTimeout, maxBody: maxUserBody, maxValues: maxUserValues}
}

func wrongMethod(allowed []string) handler {
	allow := strings.Join(allowed, ", ")
	return func(*http.Request) (response, error) {
		return response{}, withHeader(
			scim.NewError(http.StatusMethodNotAllowed, "this address takes %s only", allow), "Allow", allow)
	}
}

// normalized takes double and trailing slashes out of the path: they come from
// base URLs that were typed in with a slash at the end, and a redirect would
// turn a POST into a GET. Dots are no way to another address, in whatever
// spelling, because a filter in front of the server may not see through it.
func normalized(next, unknown http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		clean, ok := cleanPath(escaped)
		if !ok {
			unknown.ServeHTTP(w, r)
			return
		}
		if clean != escaped {
			target := *r.URL
			// What EscapedPath returns can be unescaped.
			target.Path, _ = url.PathUnescape(clean)
			target.RawPath = clean
			r = r.WithContext(r.Context())
			r.URL = &target
		}
		next.ServeHTTP(w, r)
	})
}

// cleanPath drops empty segments of an escaped path. It refuses paths with dot segments, and those that do not begin with
// a slash, which CONNECT and "OPTIONS *" have.
func cleanPath(escaped string) (string, bool) {
	if !strings.HasPrefix(escaped, "/") {
		return "", false
	}
	clean := make([]byte, 0, len(escaped))
	for segment := range strings.SplitSeq(escaped, "/") {
		if segment == "" {
			continue
		}
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return "", false
		}
		clean = append(append(clean, '/'), segment...)
	}
	if len(clean) == 0 {
		return "/", true
	}
	return string(clean), true
}
