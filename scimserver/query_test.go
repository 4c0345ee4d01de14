package scimserver

import (
	"net/http"
	"testing"
)

func TestAPlusInAQuery(t *testing.T) {
	for query, want := range map[string]string{
		"filter=userName+eq+%22ann%2Bx@example.com%22":              `userName eq "ann+x@example.com"`,
		"filter=userName%20eq%20%22ann%2Bx@example.com%22":          `userName eq "ann+x@example.com"`,
		"filter=userName%20eq%20%22ann+x@example.com%22&count=1+":   `userName eq "ann+x@example.com"`, // okta-sdk-java#839
		"filter=displayName+eq+%22Sales%20+%20Marketing%22":         `displayName eq "Sales + Marketing"`,
		"filter=displayName%20eq%20%22a%5C%22b+c%22+or+id+pr":       `displayName eq "a\"b+c" or id pr`,
		`filter=displayName%20eq%20%22a%5c%22b\%22+c%22`:            `displayName eq "a\"b\"+c"`,
		"filter=displayName%20eq%20%22a%5C%5C%22+or+id+pr":          `displayName eq "a\\" or id pr`,
		`filter=displayName+eq+"Sales%20EMEA"+and+id+eq+%22a%22`:    `displayName eq "Sales EMEA" and id eq "a"`,
		"filter=id+eq+%22a;b%22":                                    `id eq "a;b"`,
		"attributes=a%20b&filter=userName+eq+%22ann@example.com%22": `userName eq "ann@example.com"`,
	} {
		q, err := parseQuery(request(http.MethodGet, "/scim/v2/Users?"+query, ""))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got, err := q.one("filter"); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", query, got, err, want)
		}
	}
}
