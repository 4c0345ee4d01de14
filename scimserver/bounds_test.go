package scimserver

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"rservice.dev/scim-operator/scimserver/scim"
)

func TestPathsAreCleanedWithoutLeadingElsewhere(t *testing.T) {
	for path, want := range map[string]string{
		"/scim/v2/Users":                    "/scim/v2/Users",
		"/scim/v2//Users/":                  "/scim/v2/Users",
		"//":                                "/",
		"/scim/v2/Users/a%2F..%2FGroups":    "/scim/v2/Users/a%2F..%2FGroups",
		"/scim/v2/Users/%2F":                "/scim/v2/Users/%2F",
		"/scim/v2/Users/..":                 "",
		"/scim/v2/Users/%2e%2E/Groups":      "",
		"/scim/v2/./Users":                  "",
		"*":                                 "",
		"scim/v2/Users":                     "",
		"/scim/v2/Users/%zz":                "",
		"/scim/v2/Users/a.b":                "/scim/v2/Users/a.b",
		"/scim/v2/Users/%61%2f%2e%2e%2fxyz": "/scim/v2/Users/%61%2f%2e%2e%2fxyz",
	} {
		got, ok := cleanPath(path)
		if got != want || ok != (want != "") {
			t.Errorf("%s became %q, %t, want %q", path, got, ok, want)
		}
	}
}

func TestSlashesInAnIDDoNotReachAnotherAddress(t *testing.T) {
	s, _ := testServer(func(context.Context) (scim.Resource, error) {
		return nil, scim.NewError(http.StatusNotFound, "it does not exist")
	})
	for _, path := range []string{"/scim/v2/Users/a%2F..%2F..%2FGroups", "/scim/v2/Users/%2F", "/scim/v2/Users/%2e"} {
		wantSCIMError(t, serve(s, request(http.MethodGet, path, "")), http.StatusNotFound, "")
	}
}

func TestBodiesOfVeryManyValuesAreRefusedBeforeTheyFillMemory(t *testing.T) {
	s, _ := testServer(found)
	body := `{"displayName":"x","members":[` + strings.Repeat("0,", scim.MaxJSONValues) + `0]}`
	wantSCIMError(t, serve(s, request(http.MethodPost, "/scim/v2/Groups", body)), http.StatusRequestEntityTooLarge, "")
}

func TestWhoHasNoTokenYetCanReadHowToAuthenticate(t *testing.T) {
	s, _ := testServer(found)
	for path, want := range map[string]int{"/ServiceProviderConfig": http.StatusOK, "/Schemas": http.StatusUnauthorized, "/Users": http.StatusUnauthorized} {
		r := request(http.MethodGet, "/scim/v2"+path, "")
		r.Header.Del("Authorization")
		if w := serve(s, r); w.Code != want {
			t.Errorf("%s without a token: got %d, want %d", path, w.Code, want)
		}
		r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 40))
		if w := serve(s, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s with a wrong token: got %d", path, w.Code)
		}
	}
}
