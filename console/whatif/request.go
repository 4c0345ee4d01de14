package whatif

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rservice.dev/scim-operator/scimserver/scim"
)

// Request is a SCIM request.
type Request struct {
	// Method is POST, PUT, PATCH or DELETE.
	Method string `json:"method"`
	// Path is /Users, /Groups, or one of these with an id behind it. What stands before, such as the base URL, does not matter.
	Path string `json:"path"`
	// IfMatch is the header of that name, "" for none.
	IfMatch string `json:"ifMatch,omitempty"`
	// Body is JSON.
	Body json.RawMessage `json:"body,omitempty"`
	// Endpoint is the ScimEndpoint that the request comes to; "" stands for the first one by name. Its clientProfile counts.
	Endpoint string `json:"endpoint,omitempty"`
}

// ParseRequest reads a request from JSON: an object with method and path or, if whole is false, no more than the body of one.
func ParseRequest(data []byte) (request Request, whole bool, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return Request{}, false, fmt.Errorf("read the request: it is no JSON object: %w", err)
	}
	if fields["method"] == nil || fields["path"] == nil {
		return Request{Body: data}, false, nil
	}
	for name := range fields {
		if !slices.Contains([]string{"method", "path", "ifMatch", "body", "endpoint"}, name) {
			return Request{}, true, fmt.Errorf("read the request: it has %q; there are method, path, ifMatch, endpoint and body", name)
		}
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return Request{}, true, fmt.Errorf("read the request: %w", err)
	}
	return request, true, nil
}

// target is whom a request is about.
func (r Request) target() (rt *scim.ResourceType, id string, err error) {
	parsed, err := url.Parse(r.Path)
	if err != nil {
		return nil, "", fmt.Errorf("path %q: %w", r.Path, err)
	}
	if parsed.RawQuery != "" {
		return nil, "", fmt.Errorf("path %q has a query, which changes nothing of what is stored: leave it out", r.Path)
	}
	segments := strings.Split(strings.Trim(parsed.Path, "/"), "/")
	for i, segment := range segments {
		for _, known := range []*scim.ResourceType{scim.User, scim.Group} {
			if "/"+segment != known.Endpoint || len(segments) > i+2 {
				continue
			}
			if i+1 < len(segments) {
				id = segments[i+1]
			}
			return known, id, r.fits(id)
		}
	}
	return nil, "", fmt.Errorf("path %q is neither /Users nor /Groups, with or without an id", r.Path)
}

// fits reports whether the method is one for a resource, or for all of a type.
func (r Request) fits(id string) error {
	switch r.Method {
	case http.MethodPost:
		if id != "" {
			return fmt.Errorf("POST is to /Users or /Groups, without an id")
		}
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		if id == "" {
			return fmt.Errorf("%s needs the id of a user or group behind the path", r.Method)
		}
	default:
		return fmt.Errorf("method %q changes nothing: use POST, PUT, PATCH or DELETE", r.Method)
	}
	return nil
}
