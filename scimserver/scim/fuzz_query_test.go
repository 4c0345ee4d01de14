package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func FuzzParseSearch(f *testing.F) {
	for _, seed := range []string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"attributes":["id"],"filter":"displayName sw \"smith\"","startIndex":1,"count":10}`,
		`{"cursor":"","count":"10","sortBy":"meta.lastModified","sortOrder":"Descending","excludedAttributes":"members,groups"}`,
		`{"Filter":"members[value eq \"u1\"] or urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr","sortby":"emails"}`,
		`{"sortBy":"urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields:cars.plate","cursor":null,"startIndex":-1,"count":1e2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := ParseSearch(body)
		if err != nil {
			scimErr, ok := errors.AsType[*Error](err)
			if !ok || !slices.Contains([]string{TypeInvalidSyntax, TypeInvalidValue, TypeInvalidCount, TypeInvalidCursor}, scimErr.ScimType) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		if s.Page.StartIndex < 1 || s.Page.Count < 0 || s.Page.Count > MaxCount {
			t.Fatalf("the page %+v is out of range", s.Page)
		}
		if s.Digest("a") == s.Digest("b") {
			t.Fatal("the digest does not depend on the scope")
		}
		samples := sampleResources(t)
		if filter, err := ParseRootFilter(s.Filter); err != nil {
			wantError(t, err, 400, TypeInvalidFilter)
		} else {
			for rt, res := range samples {
				if filter.Match(res) && !filter.CanMatch(rt) {
					t.Fatalf("%s matches a %s, but CanMatch denies it", filter, rt.Name)
				}
			}
		}
		sort, err := ParseRootSort(s.SortBy, s.SortOrder)
		if err != nil {
			wantError(t, err, 400, TypeInvalidValue)
			return
		}
		user, group := sort.Key(samples[User]), sort.Key(samples[Group])
		if sort.Compare(user, group) != -sort.Compare(group, user) || sort.Compare(user, user) != 0 {
			t.Fatalf("%v and %v have no order", user, group)
		}
	})
}

func FuzzDecodeCursor(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Add("", []byte{}, "0190a0b0-0000-7000-8000-000000000001", "smith", 10, int64(0))
	f.Add(EncodeCursor(cursorKey, Cursor{Issued: now}), []byte{cursorVersion, 1, 2}, "", "", -1, int64(-1))
	f.Add("AAAA", (&Cursor{Position: SortKey{ID: "1", Value: "a"}, Count: 1 << 40}).marshal(), "\x00", "\xff", 1<<40, int64(1<<50))
	f.Fuzz(func(t *testing.T, token string, plain []byte, id, value string, count int, millis int64) {
		if _, err := DecodeCursor(cursorKey, token, now, time.Hour); err != nil {
			scimErr, ok := errors.AsType[*Error](err)
			if !ok || scimErr.ScimType != TypeInvalidCursor && scimErr.ScimType != TypeExpiredCursor {
				t.Fatalf("unexpected error %v", err)
			}
		}
		if c, err := unmarshalCursor(plain); err == nil {
			again, err := unmarshalCursor(c.marshal())
			if diff := cmp.Diff(c, again); err != nil || diff != "" {
				t.Fatalf("read as something else: %v\n%s", err, diff)
			}
		}
		want := Cursor{Position: SortKey{ID: id, Value: value}, Count: count, Issued: time.UnixMilli(millis).UTC()}
		token = EncodeCursor(cursorKey, want)
		if len(token) > maxCursorLength {
			return
		}
		got, err := DecodeCursor(cursorKey, token, now, 0)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("read as something else: %v\n%s", err, diff)
		}
	})
}

func FuzzParseBulk(f *testing.F) {
	for _, operations := range []string{
		`[` + postTeam + `,` + postAnn + `]`, `[` + postA + `,` + postB + `,` + postBad + `]`,
		`[{"method":"patch","path":"/Groups/bulkId:a","version":"1","data":{"Operations":[{"op":"add","path":"members","value":["bulkId:b","bulkId:c"]}]}},` + postA + `,` + postB + `]`,
		`[{"method":"POST","bulkId":"a","path":"/Users","data":{"userName":"fail","manager":["bulkId:a",{"x":[{"y":"bulkId:a"}],"z":1}]}},{"method":"DELETE","path":"/Users/bulkId:a"}]`,
		`[{"method":"PUT","path":"/Users/1"},{"method":"POST","path":"/Users/1"},{"bulkId":""},{"method":"DELETE","path":"/Groups/%2f"}]`,
	} {
		f.Add([]byte(`{"Operations":` + operations + `}`))
		f.Add([]byte(`{"failOnErrors":1,"Operations":` + operations + `}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := ParseBulk(body, BulkLimits{MaxOperations: 50})
		if err != nil {
			return
		}
		calls, created, deleted := 0, 0, 0
		response := request.Run("https://h", func(c BulkCall) BulkResult {
			calls++
			if strings.HasPrefix(c.ID, bulkIDPrefix) || c.Type == nil || (c.ID == "") != (c.Method == http.MethodPost) {
				t.Fatalf("a call is not complete: %+v, %s", c, c.Data)
			}
			if c.Method != http.MethodDelete {
				data, err := decodeObject(c.Data)
				if err != nil {
					t.Fatalf("the data of a %s is no JSON: %s", c.Method, c.Data)
				}
				again := BulkOperation{Method: c.Method, rt: c.Type, data: data}
				again.eachReference(func(bulkID string) { t.Fatalf("a reference to %q is left: %s", bulkID, c.Data) })
			}
			if bytes.Contains(c.Data, []byte("fail")) {
				return BulkResult{Err: invalidValue("fail")}
			}
			if c.Method == http.MethodPost {
				created++
			}
			if strings.HasPrefix(c.ID, "new") && c.Method == http.MethodDelete {
				deleted++
			}
			return BulkResult{Status: 200, ID: "new" + string(rune('a'+created))}
		})
		if calls > 3*len(request.Operations) || len(response.Operations) > len(request.Operations) {
			t.Fatalf("%d operations made %d calls and %d outcomes", len(request.Operations), calls, len(response.Operations))
		}
		posts := 0
		for _, o := range response.Operations {
			if o.Method == http.MethodPost && o.Err == nil {
				posts++
			}
		}
		if request.FailOnErrors == 0 && len(response.Operations) != len(request.Operations) {
			t.Fatal("an operation is not reported")
		}
		if posts > created || created-posts > deleted {
			t.Fatalf("%d were created, %d deleted, and %d reported", created, deleted, posts)
		}
		if !json.Valid(response.Encode()) {
			t.Fatalf("the answer is no JSON: %s", response.Encode())
		}
	})
}
