package scimserver

import (
	"net/http"
	"path"
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
}

// routes lists all addresses.
func (s *Server) routes() []route {
	list := []route{
		{method: http.MethodGet, path: "/ServiceProviderConfig", handle: getServiceProviderConfig},
		{method: http.MethodGet, path: "/Schemas", handle: listSchemas},
		{method: http.MethodGet, path: "/Schemas/{id}", handle: getSchema},
		{method: http.MethodGet, path: "/ResourceTypes", handle: listResourceTypes},
		{method: http.MethodGet, path: "/ResourceTypes/{id}", handle: getResourceType},
		{method: http.MethodPost, path: "/Bulk", handle: notImplemented("Bulk")},
		{method: http.MethodPost, path: "/.search", handle: notImplemented("Search by POST")},
	}
	for _, rt := range scim.ResourceTypes() {
		list = append(list, s.resourceRoutes(rt)...)
	}
	for i := range list {
		if list[i].timeout == 0 {
			list[i].timeout, list[i].maxBody = requestTimeout, maxUserBody
		}
	}
	return list
}

func (s *Server) resourceRoutes(rt *scim.ResourceType) []route {
	h := &resources{rt: rt, store: s.store}
	one := rt.Endpoint + "/{id}"
	write := func(method, path, action string, handle handler) route {
		r := route{method: method, path: path, handle: s.audited(action, rt, handle), timeout: requestTimeout, maxBody: maxUserBody}
		if rt == scim.Group {
			r.timeout, r.maxBody = groupWriteTimeout, maxGroupBody
		}
		return r
	}
	return []route{
		{method: http.MethodGet, path: rt.Endpoint, handle: h.list},
		{method: http.MethodGet, path: one, handle: h.get},
		{method: http.MethodPost, path: rt.Endpoint + "/.search", handle: notImplemented("Search by POST")},
		write(http.MethodPost, rt.Endpoint, "create", h.create),
		write(http.MethodPut, one, "replace", h.replace),
		write(http.MethodPatch, one, "patch", h.patch),
		write(http.MethodDelete, one, "delete", h.remove),
	}
}

// newMux registers all routes below all base paths, and for every address an
// answer to the methods that it does not have.
func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	routes := s.routes()
	methods := make(map[string][]string)
	for _, r := range routes {
		methods[r.path] = append(methods[r.path], r.method)
		if r.method == http.MethodGet {
			methods[r.path] = append(methods[r.path], http.MethodHead)
		}
	}
	for _, base := range basePaths {
		for _, r := range routes {
			mux.Handle(r.method+" "+base+r.path, s.chain(base, r))
		}
		for path, allowed := range methods {
			if strings.HasSuffix(path, "/.search") {
				// For other methods ".search" is an id, which nothing has.
				continue
			}
			mux.Handle(base+path, s.chain(base, other(path, wrongMethod(allowed))))
		}
		mux.Handle(base+"/Me", s.chain(base, other("/Me", notImplemented("/Me"))))
	}
	mux.Handle("/", s.chain(basePaths[0], other("unknown", noSuchPath)))
	return mux
}

func other(path string, handle handler) route {
	return route{path: path, handle: handle, timeout: requestTimeout, maxBody: maxUserBody}
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
// turn a POST into a GET.
func normalized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if clean := path.Clean(r.URL.Path); clean != r.URL.Path && strings.HasPrefix(clean, "/") {
			target := *r.URL
			target.Path = clean
			target.RawPath = path.Clean(r.URL.EscapedPath())
			r = r.WithContext(r.Context())
			r.URL = &target
		}
		next.ServeHTTP(w, r)
	})
}
