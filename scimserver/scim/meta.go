package scim

import (
	"strings"
	"time"
)

// Meta holds what the meta attribute tells of a resource (RFC 7643 section 3.1).
type Meta struct {
	Created      time.Time
	LastModified time.Time
	// Version is the entity tag, such as W/"3"; empty leaves it out.
	Version string
}

// Location returns the URI of a resource. baseURL may end with a slash.
func Location(baseURL string, rt *ResourceType, id string) string {
	return strings.TrimSuffix(baseURL, "/") + rt.Endpoint + "/" + id
}

// Stamp sets id, meta and schemas of a resource that the caller owns.
func Stamp(rt *ResourceType, res Resource, id, baseURL string, m Meta) {
	res["id"] = id
	meta := res.Complex("meta")
	if meta == nil {
		meta = make(map[string]any, 5)
		res["meta"] = meta
	}
	clear(meta)
	meta["resourceType"] = rt.Name
	meta["created"] = formatInstant(m.Created)
	meta["lastModified"] = formatInstant(m.LastModified)
	meta["location"] = Location(baseURL, rt, id)
	if m.Version != "" {
		meta["version"] = m.Version
	}
	res.setSchemas(rt)
}

func formatInstant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// MatchesVersion reports whether a list of entity tags, as of If-Match and
// If-None-Match, holds the version or "*". Tags are compared weakly, as versions are
// (RFC 7644 section 3.14, RFC 9110 section 13.1).
func MatchesVersion(tags, version string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || tag != "" && strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}
