package scimserver

import (
	"net/http"
	"strings"

	"rservice.dev/scim-operator/scimserver/scim"
)

// baseURL returns what the addresses in an answer start with: the URL that an
// administrator has set, or the one that the client has used.
func baseURL(r *http.Request) string {
	c := callOf(r)
	if c.client != nil && c.client.publicURL != "" {
		return c.client.publicURL
	}
	if r.Host == "" {
		return c.basePath // as of HTTP/1.0: a relative reference
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	// An ingress that ends TLS says so; of several proxies the first one counts.
	forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	switch forwarded = strings.ToLower(strings.TrimSpace(forwarded)); forwarded {
	case "http", "https":
		scheme = forwarded
	}
	return scheme + "://" + r.Host + c.basePath
}

// versionOf returns the resource's entity tag.
func versionOf(res scim.Resource) string {
	version, _ := res.Complex("meta")["version"].(string)
	return version
}
