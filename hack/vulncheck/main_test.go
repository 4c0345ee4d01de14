package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/index/db.json" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(database.Close)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		database string
		optional bool
		command  string
		want     int
		says     string
	}{
		"nothing found":                 {database.URL, false, "echo fine", 0, "fine"},
		"something found":               {database.URL + "/", true, "echo GO-1; exit 3", 3, "GO-1"},
		"no database":                   {gone.URL, false, "echo fine", 1, "NOT CHECKED"},
		"no database, where that is so": {gone.URL, true, "exit 3", 0, "NOT CHECKED"},
		"another server":                {other.URL, false, "exit 0", 1, "404"},
		"a copy in files":               {"file:///srv/vulndb", false, "echo fine", 0, "fine"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if got := run(t.Context(), c.database, c.optional, &out, "sh", "-c", c.command); got != c.want || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit %d, %q; want %d, %q", got, out.String(), c.want, c.says)
			}
			if strings.Contains(out.String(), "NOT CHECKED") && strings.Contains(out.String(), "fine") {
				t.Error("the command was run all the same")
			}
		})
	}
}
