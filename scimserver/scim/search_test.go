package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSearchReads(t *testing.T) {
	tests := map[string]struct {
		body string
		want SearchRequest
	}{
		"the example of RFC 7644 section 3.4.3": {
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"attributes":["displayName","userName"],
				"filter":"displayName sw \"smith\"","startIndex":1,"count":10}`,
			SearchRequest{Attributes: []string{"displayName", "userName"}, Filter: `displayName sw "smith"`, Page: Page{StartIndex: 1, Count: 10}}},
		"the first page by cursor, as in RFC 9865 section 3": {
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"cursor":"","count":10}`,
			SearchRequest{Page: Page{StartIndex: 1, Count: 10, ByCursor: true}}},
		"another page by cursor": {`{"cursor":"abc","count":"7","startIndex":1}`, SearchRequest{Page: Page{StartIndex: 1, Count: 7, ByCursor: true, Cursor: "abc"}}},
		"everything else": {
			`{"excludedAttributes":["members"],"sortBy":"title","sortOrder":"descending"}`,
			SearchRequest{ExcludedAttributes: []string{"members"}, SortBy: "title", SortOrder: "descending", Page: Page{StartIndex: 1, Count: DefaultCount}}},
		"nothing":                         {`{}`, SearchRequest{Page: Page{StartIndex: 1, Count: DefaultCount}}},
		"names in any case":               {`{"FILTER":"id pr","STARTINDEX":3,"sortby":"id"}`, SearchRequest{Filter: "id pr", SortBy: "id", Page: Page{StartIndex: 3, Count: DefaultCount}}},
		"nulls":                           {`{"filter":null,"attributes":null,"count":null,"cursor":null}`, SearchRequest{Page: Page{StartIndex: 1, Count: DefaultCount}}},
		"attributes as a text":            {`{"attributes":"id,title"}`, SearchRequest{Attributes: []string{"id,title"}, Page: Page{StartIndex: 1, Count: DefaultCount}}},
		"numbers as texts":                {`{"startIndex":"2","count":"3"}`, SearchRequest{Page: Page{StartIndex: 2, Count: 3}}},
		"numbers out of range":            {`{"startIndex":0,"count":-1}`, SearchRequest{Page: Page{StartIndex: 1, Count: 0}}},
		"a count out of range, by cursor": {`{"cursor":"","count":99999}`, SearchRequest{Page: Page{StartIndex: 1, Count: MaxCount, ByCursor: true}}},
		"members that it does not know":   {`{"shoe":1}`, SearchRequest{Page: Page{StartIndex: 1, Count: DefaultCount}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSearch([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("wrong request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSearchRefuses(t *testing.T) {
	tests := map[string]struct{ body, scimType string }{
		"no JSON":                        {`{`, TypeInvalidSyntax},
		"no object":                      {`[]`, TypeInvalidSyntax},
		"a member twice":                 {`{"filter":"id pr","Filter":"title pr"}`, TypeInvalidSyntax},
		"a filter that is no text":       {`{"filter":{}}`, TypeInvalidValue},
		"a sortBy that is no text":       {`{"sortBy":["title"]}`, TypeInvalidValue},
		"a sortOrder that is no text":    {`{"sortOrder":1}`, TypeInvalidValue},
		"attributes that are no texts":   {`{"attributes":["id",1]}`, TypeInvalidValue},
		"attributes that are an object":  {`{"attributes":{}}`, TypeInvalidValue},
		"excluded ones that are a truth": {`{"excludedAttributes":true}`, TypeInvalidValue},
		"a broken startIndex":            {`{"startIndex":1.5}`, TypeInvalidValue},
		"a startIndex of another type":   {`{"startIndex":[1]}`, TypeInvalidValue},
		"a broken count":                 {`{"count":"ten"}`, TypeInvalidValue},
		"a count of another type":        {`{"count":{}}`, TypeInvalidValue},
		"a broken count by cursor":       {`{"cursor":"","count":"ten"}`, TypeInvalidCount},
		"a count of another type there":  {`{"cursor":"","count":true}`, TypeInvalidCount},
		"a cursor that is no text":       {`{"cursor":1}`, TypeInvalidCursor},
		"a cursor and a startIndex":      {`{"cursor":"","startIndex":2}`, TypeInvalidValue},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSearch([]byte(tt.body))
			wantError(t, err, 400, tt.scimType)
		})
	}
}

func TestDigestTellsQueriesApart(t *testing.T) {
	queries := map[string]QueryDigest{
		"nothing":                   (&SearchRequest{}).Digest(),
		"a scope":                   (&SearchRequest{}).Digest("a"),
		"two scopes":                (&SearchRequest{}).Digest("a", ""),
		"a filter":                  (&SearchRequest{Filter: "a"}).Digest(),
		"sortBy":                    (&SearchRequest{SortBy: "a"}).Digest(),
		"sortOrder":                 (&SearchRequest{SortOrder: "a"}).Digest(),
		"an attribute":              (&SearchRequest{Attributes: []string{"a"}}).Digest(),
		"two attributes":            (&SearchRequest{Attributes: []string{"a", "b"}}).Digest(),
		"one that looks like two":   (&SearchRequest{Attributes: []string{"a\x01b"}}).Digest(),
		"an excluded attribute":     (&SearchRequest{ExcludedAttributes: []string{"a"}}).Digest(),
		"one selected and excluded": (&SearchRequest{Attributes: []string{"a"}, ExcludedAttributes: []string{"b"}}).Digest(),
	}
	seen := map[QueryDigest]string{}
	for name, digest := range queries {
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[digest] = name
	}
	first := (&SearchRequest{Filter: "a", Page: Page{StartIndex: 1}}).Digest("t", "/Users")
	if second := (&SearchRequest{Filter: "a", Page: Page{Count: 3, ByCursor: true, Cursor: "x"}}).Digest("t", "/Users"); first != second {
		t.Error("the digest depends on the page")
	}
}
