package scimserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/scimserver/scim"
)

func TestAuthorizationHeader(t *testing.T) {
	for name, test := range map[string]struct {
		values     []string
		wantStatus int
		wantHeader string
	}{
		"bearer":                          {[]string{"Bearer " + goodToken}, 200, ""},
		"the scheme in another case":      {[]string{"bEARER " + goodToken}, 200, ""},
		"blanks around the token":         {[]string{" Bearer   " + goodToken + " "}, 200, ""},
		"no header":                       {nil, 401, `Bearer realm="SCIM"`},
		"an empty header":                 {[]string{""}, 401, `Bearer realm="SCIM"`},
		"a scheme without token":          {[]string{"Bearer"}, 401, `Bearer realm="SCIM"`},
		"a token without scheme":          {[]string{goodToken}, 401, `Bearer realm="SCIM"`},
		"another scheme":                  {[]string{"Basic " + goodToken}, 401, `Bearer realm="SCIM"`},
		"a wrong token":                   {[]string{"Bearer wrong"}, 401, `Bearer realm="SCIM", error="invalid_token"`},
		"a good token and something else": {[]string{"Bearer " + goodToken + " more"}, 401, `Bearer realm="SCIM", error="invalid_token"`},
		"two headers":                     {[]string{"Bearer " + goodToken, "Bearer " + goodToken}, 401, `Bearer realm="SCIM"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			r := request("GET", "/scim/v2/Users/"+someID, "")
			r.Header["Authorization"] = test.values
			w := serve(s, r)
			if got := w.Header().Get("WWW-Authenticate"); got != test.wantHeader {
				t.Errorf("WWW-Authenticate is %q, want %q", got, test.wantHeader)
			}
			if test.wantStatus == 401 {
				wantSCIMError(t, w, 401, "")
			} else if w.Code != test.wantStatus {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		name       string
		method     string
		path       string
		wantStatus int
		wantAllow  string
	}{
		{"a user", "GET", "/Users/" + someID, 200, ""},
		{"a trailing slash", "GET", "/Users/" + someID + "/", 200, ""},
		{"a double slash from a base URL with a slash", "GET", "//Users/" + someID, 200, ""},
		{"a trailing question mark", "GET", "/Users/" + someID + "?", 200, ""},
		{"a trailing ampersand", "GET", "/Users/" + someID + "?attributes=userName&", 200, ""},
		{"HEAD like GET", "HEAD", "/Users/" + someID, 200, ""},
		{"a wrong method on one user", "POST", "/Users/" + someID, 405, "GET, HEAD, PUT, PATCH, DELETE"},
		{"a wrong method on all users", "DELETE", "/Users", 405, "GET, HEAD, POST"},
		{"a method that somebody made up", "BREW", "/Groups", 405, "GET, HEAD, POST"},
		{"a discovery document cannot be written", "PUT", "/ServiceProviderConfig", 405, "GET, HEAD"},
		{"an unknown resource", "GET", "/Devices", 404, ""},
		{"something below a user", "GET", "/Users/" + someID + "/groups", 404, ""},
		{"the base path itself", "GET", "", 200, ""},
		{"the base path with a slash", "GET", "/?filter=id+pr", 200, ""},
		{"a wrong method on the base path", "POST", "", 405, "GET, HEAD"},
		{"an unknown schema", "GET", "/Schemas/urn:example:none", 404, ""},
		{"an unknown resource type", "GET", "/ResourceTypes/Device", 404, ""},
		{"the own user", "GET", "/Me", 501, ""},
		{"changing the own user", "PATCH", "/Me", 501, ""},
		{"bulk without a body", "POST", "/Bulk", 400, ""},
		{"a search without a body", "POST", "/.search", 400, ""},
		{"a search of users without a body", "POST", "/Users/.search", 400, ""},
		{"a search of groups without a body", "POST", "/Groups/.search", 400, ""},
		{"a wrong method on the search of all", "GET", "/.search", 405, "POST"},
		{"a wrong method on the search of users", "GET", "/Users/.search", 405, "POST"},
		{"another wrong method on the search of users", "DELETE", "/Users/.search", 405, "POST"},
		{"bulk has no GET", "GET", "/Bulk", 405, "POST"},
		{"a filter on schemas", "GET", `/Schemas?filter=id+pr`, 403, ""},
		{"a filter on one schema", "GET", `/Schemas/urn:ietf:params:scim:schemas:core:2.0:User?filter=id+pr`, 403, ""},
		{"a filter on one resource type", "GET", `/ResourceTypes/User?filter=id+pr`, 403, ""},
		{"a filter on the service provider", "GET", `/ServiceProviderConfig?filter=id+pr`, 403, ""},
		{"a query that cannot be decoded", "GET", "/Users?filter=%zz", 400, ""},
		{"a filter given twice", "GET", "/Users?filter=id+pr&filter=id+pr", 400, ""},
		{"a filter that is none", "GET", "/Users?filter=userName", 400, ""},
		{"a count that is no number", "GET", "/Users?count=many", 400, ""},
		{"attributes that are none", "GET", "/Users/" + someID + "?attributes=a%20b", 400, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, base := range []string{"/scim/v2", "/scim"} {
				s, _ := testServer(found)
				w := serve(s, request(test.method, base+test.path, ""))
				if w.Code != test.wantStatus {
					t.Errorf("%s: got %d %s, want %d", base, w.Code, w.Body, test.wantStatus)
				}
				if got := w.Header().Get("Allow"); got != test.wantAllow {
					t.Errorf("%s: Allow is %q, want %q", base, got, test.wantAllow)
				}
				if got := w.Header().Get("Content-Type"); got != "application/scim+json" {
					t.Errorf("%s: Content-Type is %q", base, got)
				}
			}
		})
	}
}

func TestOutsideOfTheBasePath(t *testing.T) {
	s, _ := testServer(found)
	wantSCIMError(t, serve(s, request("GET", "/", "")), 404, "")
	wantSCIMError(t, serve(s, request("GET", "/Users", "")), 404, "")
	r := request("GET", "/", "")
	r.Header.Del("Authorization")
	wantSCIMError(t, serve(s, r), 401, "")
}

func TestDiscoverySaysWhatWorks(t *testing.T) {
	s, _ := testServer(found)
	w := serve(s, request("GET", "http://example.com/scim/v2/ServiceProviderConfig", ""))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "authenticationSchemes")
	want := map[string]any{
		"schemas":        []any{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": true, "maxOperations": 1000.0, "maxPayloadSize": float64(4 << 20)},
		"filter":         map[string]any{"supported": true, "maxResults": 1000.0},
		"changePassword": map[string]any{"supported": false},
		"sort":           map[string]any{"supported": true},
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": 100.0, "maxPageSize": 1000.0, "cursorTimeout": 3600.0,
		},
		"etag": map[string]any{"supported": true},
		"meta": map[string]any{
			"resourceType": "ServiceProviderConfig", "location": "http://example.com/scim/v2/ServiceProviderConfig",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(w.Body.String(), `"type":"oauthbearertoken"`) {
		t.Errorf("no authentication scheme: %s", w.Body)
	}
}

func TestDiscoveryLists(t *testing.T) {
	s, _ := testServer(found)
	for path, want := range map[string][]string{
		"/ResourceTypes": {"Group", "User"},
		"/Schemas":       {scim.GroupURN, scim.UserURN, scim.EnterpriseURN},
	} {
		w := serve(s, request("GET", "http://example.com/scim/v2"+path, ""))
		var list struct {
			Schemas      []string              `json:"schemas"`
			TotalResults int                   `json:"totalResults"`
			Resources    []scim.SchemaDocument `json:"Resources"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, resource := range list.Resources {
			ids = append(ids, resource.ID)
			one := serve(s, request("GET", resource.Meta.Location, ""))
			if one.Code != http.StatusOK || !strings.Contains(one.Body.String(), `"id":"`+resource.ID+`"`) {
				t.Errorf("%s is not there: %d %s", resource.Meta.Location, one.Code, one.Body)
			}
		}
		slices.Sort(ids)
		slices.Sort(want)
		if diff := cmp.Diff(want, ids); diff != "" || list.TotalResults != len(want) || !slices.Contains(list.Schemas, scim.ListResponseURN) {
			t.Errorf("%s: %d in total (-want +got):\n%s", path, list.TotalResults, diff)
		}
	}
}

func TestRequestID(t *testing.T) {
	for name, test := range map[string]struct {
		given string
		kept  bool
	}{
		"an id of a proxy is kept":            {"Root=1-67891233-abcdef012345678912345678", true},
		"a UUID is kept":                      {someID, true},
		"the longest":                         {strings.Repeat("a", 128), true},
		"one that is too long is replaced":    {strings.Repeat("a", 129), false},
		"one with a line break is replaced":   {"a\nb", false},
		"one that is an e-mail address":       {"babs@example.com", false},
		"one with letters beyond ASCII":       {"é", false},
		"none":                                {"", false},
		"one that would need quotes in a log": {`a" b`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, logs := testServer(found)
			w := serve(s, request("GET", "/scim/v2/Users/"+someID, "", "X-Request-ID", test.given))
			got := w.Header().Get("X-Request-ID")
			if (got == test.given) != test.kept || got == "" {
				t.Errorf("%q became %q", test.given, got)
			}
			if lines := logs.lines("Request"); len(lines) != 1 || lines[0]["requestID"] != got {
				t.Errorf("the log has another id: %s", logs)
			}
		})
	}
}

func TestAccessLogHoldsNothingOfTheClient(t *testing.T) {
	s, logs := testServer(found)
	serve(s, request("GET", "/scim/v2/Users?filter=userName+eq+%22babs@example.com&secret=1", ""))
	serve(s, request("POST", "/scim/v2/Users", `{"userName":"babs@example.com","password":"t0p"`))
	serve(s, request("DELETE", "/scim/v2/Users/babs@example.com/x", ""))
	serve(s, request("BABS-EXAMPLE", "/scim/v2/Users", ""))
	lines := logs.lines("Request")
	if len(lines) != 4 {
		t.Fatalf("%d lines: %s", len(lines), logs)
	}
	delete(lines[1], "time")
	delete(lines[1], "milliseconds")
	delete(lines[1], "requestID")
	want := map[string]any{
		"level": "INFO", "logger": "scim", "msg": "Request", "method": "POST", "route": "/Users", "status": 400.0,
		"tokenID": "0123456789ab", "tenant": "acme", "source": "192.0.2.1",
	}
	if diff := cmp.Diff(want, lines[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, secret := range []string{"babs", "BABS", "t0p", "secret", goodToken} {
		if strings.Contains(logs.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, logs)
		}
	}
}
