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

// link adds the addresses that the store does not know: meta.location, and $ref
// of members and groups. It returns the location and the version. The resource
// belongs to the caller.
func link(base string, rt *scim.ResourceType, res scim.Resource) (location, version string) {
	location = scim.Location(base, rt, res.ID())
	if meta := res.Complex("meta"); meta != nil {
		meta["location"] = location
	}
	for _, name := range []string{"groups", "members"} {
		switch values := res[name].(type) {
		case []any:
			addRefs(base, values)
		case scim.Stream:
			res[name] = streamRefs(base, values)
		}
	}
	return location, versionOf(res)
}

func addRefs(base string, values []any) {
	for _, value := range values {
		if reference, ok := value.(map[string]any); ok {
			addRef(base, reference)
		}
	}
}

func streamRefs(base string, values scim.Stream) scim.Stream {
	return func(yield func(map[string]any) bool) {
		for value := range values {
			addRef(base, value)
			if !yield(value) {
				return
			}
		}
	}
}

func addRef(base string, reference map[string]any) {
	id, ok := reference["value"].(string)
	if !ok {
		return
	}
	// The type of a user's group is "direct"; only a member can be a user.
	rt := scim.Group
	if reference["type"] == scim.User.Name {
		rt = scim.User
	}
	reference["$ref"] = scim.Location(base, rt, id)
}
