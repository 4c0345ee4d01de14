package scim

import "strings"

// URNs of the schemas and messages of RFC 7643 and RFC 7644.
const (
	UserURN                  = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN                 = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN            = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	SchemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	ResourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	ServiceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	ErrorURN                 = "urn:ietf:params:scim:api:messages:2.0:Error"
	ListResponseURN          = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpURN               = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	SearchRequestURN         = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	BulkRequestURN           = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResponseURN          = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

	// CustomFieldsURN is the product's extension for custom fields, whose ids are not known here.
	CustomFieldsURN = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields"
)

// urnSpellings maps the lower-case form of every known schema URN, and of the
// misspelt and older ones that clients send, to the canonical spelling.
var urnSpellings = map[string]string{
	lowerASCII(UserURN):         UserURN,
	lowerASCII(GroupURN):        GroupURN,
	lowerASCII(EnterpriseURN):   EnterpriseURN,
	lowerASCII(CustomFieldsURN): CustomFieldsURN,
	// Sample requests of Microsoft lack the last colon.
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0user": EnterpriseURN,
	// SCIM 1.1 and drafts of 2.0, still sent by OneLogin.
	"urn:scim:schemas:extension:enterprise:1.0":      EnterpriseURN,
	"urn:scim:schemas:extension:enterprise:2.0":      EnterpriseURN,
	"urn:scim:schemas:extension:enterprise:2.0:user": EnterpriseURN,
}

// longestURN is the length of the longest of urnSpellings, so that a long path is not looked up piece by piece.
var longestURN = func() (longest int) {
	for urn := range urnSpellings {
		longest = max(longest, len(urn))
	}
	return longest
}()

// canonicalURN returns the canonical spelling of a known schema URN and any other URN as it is.
func canonicalURN(urn string) string {
	if c, ok := urnSpellings[lowerASCII(urn)]; ok {
		return c
	}
	return urn
}

// IsURN reports whether a top-level key names a schema, or an attribute with its schema's URN, rather than a core attribute.
func IsURN(key string) bool {
	return len(key) > 4 && strings.EqualFold(key[:4], "urn:")
}

// splitKnownURN splits "URN:rest" or "URN" where the URN is one of
// urnSpellings. The longest URN wins. ok is false for all other strings.
func splitKnownURN(s string) (urn, rest string, ok bool) {
	lower := lowerASCII(s)
	if c, found := urnSpellings[lower]; found {
		return c, "", true
	}
	for i := min(len(lower)-1, longestURN); i > 0; i-- {
		if lower[i] != ':' {
			continue
		}
		if c, found := urnSpellings[lower[:i]]; found {
			return c, s[i+1:], true
		}
	}
	return "", "", false
}
