package okta

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAccessTokens(t *testing.T) {
	var bodies []string
	answer := `{"access_token":"a","token_type":"Bearer","expires_in":3600,"scope":"scim"}`
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s, %v", r.Method, err)
		}
		bodies = append(bodies, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer) // the client says if it got none
	}))
	defer server.Close()
	now := time.Now()
	o := &OAuth{TokenURL: server.URL, ClientID: "api://c", ClientSecret: "s+", HTTP: server.Client()}
	for _, step := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {58 * time.Minute, 1}, {time.Hour, 2}} {
		if token, err := o.Token(t.Context(), now.Add(step.after)); err != nil || token != "a" || len(bodies) != step.asked {
			t.Errorf("after %s: %q, %v, asked %d times", step.after, token, err, len(bodies))
		}
	}
	if want := "grant_type=client_credentials&client_id=api%3A%2F%2Fc&client_secret=s%2B&scope=scim"; bodies[0] != want {
		t.Errorf("sent %s", bodies[0])
	}

	file := filepath.Join(t.TempDir(), "assertion")
	if err := os.WriteFile(file, []byte("x.y.z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	workload := &OAuth{TokenURL: server.URL, ClientID: "c", AssertionFile: file, HTTP: server.Client()}
	if _, err := workload.Token(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if want := "grant_type=client_credentials&client_id=c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=x.y.z&scope=scim"; bodies[len(bodies)-1] != want {
		t.Errorf("sent %s", bodies[len(bodies)-1])
	}

	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if len(bodies) > 0 {
			bodies = nil
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":"temporarily_unavailable"}`)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer busy.Close()
	early := &OAuth{TokenURL: busy.URL, ClientID: "c", ClientSecret: "s", HTTP: busy.Client()}
	if token, err := early.Token(t.Context(), now); err != nil || token != "a" {
		t.Errorf("of a server that was busy once: %q, %v", token, err)
	}

	for name, wrong := range map[string]struct {
		status int
		answer string
	}{
		"refused":        {401, `{"error":"invalid_client","error_description":"who?"}`},
		"no JSON":        {502, "Bad Gateway"},
		"too short":      {200, `{"access_token":"a","token_type":"Bearer","expires_in":60,"scope":"scim"}`},
		"without scope":  {200, `{"access_token":"a","token_type":"Bearer","expires_in":3600}`},
		"another scheme": {200, `{"access_token":"a","token_type":"mac","expires_in":3600,"scope":"scim"}`},
	} {
		status, answer = wrong.status, wrong.answer
		if token, err := (&OAuth{TokenURL: server.URL, ClientID: "c", ClientSecret: "s", HTTP: server.Client()}).Token(t.Context(), now); err == nil {
			t.Errorf("%s: got %q", name, token)
		}
	}
}
