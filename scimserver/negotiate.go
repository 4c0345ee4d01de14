package scimserver

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"rservice.dev/scim-operator/scimserver/scim"
)

// negotiated refuses requests that cannot be answered in SCIM's own media type,
// or whose body is in another (RFC 7644 section 3.1).
func negotiated(next handler) handler {
	return func(r *http.Request) (response, error) {
		if answersInFull(r.Method) && !acceptsJSON(r.Header.Values("Accept")) {
			return response{}, scim.NewError(http.StatusNotAcceptable, "answers are %s; accept that or application/json", contentType)
		}
		if hasBody(r) {
			if err := checkBodyType(r.Header); err != nil {
				return response{}, err
			}
		}
		return next(r)
	}
}

// answersInFull reports whether every success of the method has a body. Where there may be none, Accept has nothing to
// decide, and refusing the request for it would leave undone what the client wants done.
func answersInFull(method string) bool {
	return method != http.MethodDelete && method != http.MethodPatch
}

// acceptsJSON is lenient: no header, and entries that make no sense, accept anything.
func acceptsJSON(accept []string) bool {
	excluded := false
	for entry := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		mediaType, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			return true
		}
		excluded = true
		if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil && q == 0 {
			continue
		}
		kind, _, hasSubtype := strings.Cut(mediaType, "/")
		if !hasSubtype || kind == "*" || mediaType == "application/*" || isJSON(mediaType) {
			return true
		}
	}
	return !excluded
}

// isJSON reports whether a media type is JSON by its name: application/json, text/json, application/x-json, and what
// ends with +json (RFC 6839), such as application/vnd.github.v3+json.
func isJSON(mediaType string) bool {
	_, subtype, _ := strings.Cut(mediaType, "/")
	return subtype == "json" || subtype == "x-json" || strings.HasSuffix(subtype, "+json")
}

func hasBody(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return r.ContentLength != 0
	}
	return false
}

// checkBodyType accepts JSON in UTF-8, under whatever name, and no type at all.
func checkBodyType(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return scim.NewError(http.StatusUnsupportedMediaType, "bodies must not be compressed")
	}
	given := h.Get("Content-Type")
	if given == "" {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(given)
	if err != nil || !isJSON(mediaType) {
		return scim.NewError(http.StatusUnsupportedMediaType, "send the body as %s or application/json", contentType)
	}
	switch charset := parameters["charset"]; strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return nil
	}
	return scim.NewError(http.StatusUnsupportedMediaType, "send the body in UTF-8")
}
