package oktaspec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTheDocumentIsOktasUnchanged(t *testing.T) {
	sum := sha256.Sum256(specTest)
	if got, want := hex.EncodeToString(sum[:]), "a118fed67320a2265909bde6b95cdaf4f6f085ff5a89a0deb88c87d443eae899"; got != want {
		t.Fatalf("testdata digest %s, want %s: see testdata/README.md", got, want)
	}
}

// fakeServer answers the twelve requests as a good server would; each field spoils one thing.
type fakeServer struct {
	users map[string]map[string]any // by lower-case userName

	numbersAsText, noFirstUser, acceptsAnyToken, plainTextErrors, duplicates, losesUsers, groupsAsObject bool
}

func (f *fakeServer) fail(w http.ResponseWriter, status int) {
	if f.plainTextErrors {
		http.Error(w, "no", status)
		return
	}
	reply(w, status, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "detail": "no",
	})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func (f *fakeServer) list(w http.ResponseWriter, resources any, total int) {
	var number any = total
	if f.numbersAsText {
		number = strconv.Itoa(total)
	}
	reply(w, http.StatusOK, map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": number, "startIndex": 1, "itemsPerPage": total, "Resources": resources,
	})
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, isUser := strings.CutPrefix(r.URL.Path, "/scim/v2/Users/")
	switch {
	case r.Header.Get("Authorization") != "Bearer good" && !f.acceptsAnyToken:
		f.fail(w, http.StatusUnauthorized)
	case r.URL.Path == "/scim/v2/Groups":
		if f.groupsAsObject {
			f.list(w, map[string]any{}, 1)
			return
		}
		f.list(w, []any{map[string]any{"id": "g"}}, 1)
	case isUser:
		for _, user := range f.users {
			if user["id"] == id {
				reply(w, http.StatusOK, user)
				return
			}
		}
		f.fail(w, http.StatusNotFound)
	case r.Method == http.MethodPost:
		f.create(w, r)
	case r.URL.Query().Has("filter"):
		name := strings.Trim(strings.TrimPrefix(r.URL.Query().Get("filter"), "userName eq "), `"`)
		if user, ok := f.users[strings.ToLower(name)]; ok {
			f.list(w, []any{user}, 1)
			return
		}
		f.list(w, []any{}, 0)
	case f.noFirstUser:
		f.list(w, []any{}, 0)
	default:
		f.list(w, []any{f.users["first@example.com"]}, 1)
	}
}

func (f *fakeServer) create(w http.ResponseWriter, r *http.Request) {
	var user map[string]any
	if err := json.NewDecoder(r.Body).Decode(&user); err != nil {
		panic(err)
	}
	key := strings.ToLower(user["userName"].(string))
	if _, ok := f.users[key]; ok && !f.duplicates {
		f.fail(w, http.StatusConflict)
		return
	}
	user["id"] = "id-" + key
	if !f.losesUsers {
		f.users[key] = user
	}
	reply(w, http.StatusCreated, user)
}

func TestRun(t *testing.T) {
	tests := map[string]struct {
		spoil func(*fakeServer)
		// failed are the numbers of the steps that have to fail.
		failed []int
	}{
		"a good server passes every step":                  {func(*fakeServer) {}, nil},
		"totals as text are no numbers":                    {func(f *fakeServer) { f.numbersAsText = true }, []int{1, 9, 19}},
		"an empty server fails the first two steps":        {func(f *fakeServer) { f.noFirstUser = true }, []int{1, 3}},
		"a server without authentication fails step 401":   {func(f *fakeServer) { f.acceptsAnyToken = true }, []int{21}},
		"errors in plain text fail where detail is wanted": {func(f *fakeServer) { f.plainTextErrors = true }, []int{7, 21, 23}},
		"a second user of the same name is noticed":        {func(f *fakeServer) { f.duplicates = true }, []int{15}},
		"a created user that is not there is noticed":      {func(f *fakeServer) { f.losesUsers = true }, []int{13, 15}},
		"groups that are no array fail the script":         {func(f *fakeServer) { f.groupsAsObject = true }, []int{19}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			fake := &fakeServer{users: map[string]map[string]any{"first@example.com": {
				"id": "1", "userName": "first@example.com", "active": true,
				"name":   map[string]any{"givenName": "Ada", "familyName": "First"},
				"emails": []any{map[string]any{"value": "first@example.com"}},
			}}}
			tc.spoil(fake)
			server := httptest.NewServer(fake)
			defer server.Close()

			report, err := Run(t.Context(), server.Client(), Config{BaseURL: server.URL + "/scim/v2/", Auth: "Bearer good"})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Steps) != 12 {
				t.Errorf("%d requests reported, want the document's 12", len(report.Steps))
			}
			var failed []int
			for _, s := range report.Steps {
				if len(s.Failures()) > 0 {
					failed = append(failed, s.Number)
				}
			}
			if !slices.Equal(failed, tc.failed) || report.Passed() != (tc.failed == nil) {
				t.Errorf("failed steps %v, Passed %t, want %v failed:\n%s", failed, report.Passed(), tc.failed, report)
			}
		})
	}
}

func TestAServerThatCannotBeReachedIsInTheReport(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	report, err := Run(t.Context(), server.Client(), Config{BaseURL: server.URL, Auth: "x"})
	if err != nil || report.Passed() || report.Steps[0].Error == "" {
		t.Fatalf("err %v, report:\n%s", err, report)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, nil, Config{BaseURL: "http://localhost", Auth: "x"}); err == nil {
		t.Fatal("want the context's error")
	}
}

func TestAReportWithoutRequestsHasNotPassed(t *testing.T) {
	if (Report{Steps: []Step{{Skipped: true}}}).Passed() {
		t.Fatal("nothing was carried out, so nothing has passed")
	}
}
