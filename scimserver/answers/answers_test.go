package answers_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"rservice.dev/scim-operator/scimserver/answers"
)

const configuration = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]}`

func run(t *testing.T, args ...string) (code int, printed string) {
	t.Helper()
	var out bytes.Buffer
	code = answers.Run(t.Context(), args, &out, &out)
	return code, out.String()
}

// later answers from the second request on, as a server that has just been started.
func later() http.HandlerFunc {
	var requests atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 || r.URL.Path != "/scim/v2/ServiceProviderConfig" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(configuration))
	}
}

func TestWaitsForAnAnswer(t *testing.T) {
	server := httptest.NewServer(later())
	defer server.Close()
	if code, printed := run(t, "--address", server.Listener.Addr().String()); code != answers.ExitOK || !strings.Contains(printed, "answered: http://") {
		t.Error(code, printed)
	}
	host, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	t.Setenv("SCIM_OPERATOR_SERVICE_HOST", host)
	t.Setenv("SCIM_OPERATOR_SERVICE_PORT", port)
	if code, printed := run(t); code != answers.ExitOK {
		t.Error("by the environment:", code, printed)
	}
}

func TestAsksAnewWhenNobodyAnswers(t *testing.T) {
	answering := later()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		answering(w, r)
	}))
	defer server.Close()
	if code, printed := run(t, "--address", server.Listener.Addr().String()); code != answers.ExitOK {
		t.Error(code, printed)
	}
}

func TestAsksOverTLSWhateverTheCertificate(t *testing.T) {
	server := httptest.NewTLSServer(later())
	defer server.Close()
	if code, printed := run(t, "--tls", "--address", server.Listener.Addr().String()); code != answers.ExitOK {
		t.Error(code, printed)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer other.Close()
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{nil, answers.ExitError, "set --address"},
		{[]string{"--unknown"}, answers.ExitError, "flag provided but not defined: -unknown"},
		{[]string{"--help"}, answers.ExitOK, "Usage: manager answers"},
		{[]string{"--timeout", "100ms", "--address", other.Listener.Addr().String()}, answers.ExitSilent, "is no SCIM server"},
		{[]string{"--timeout", "100ms", "--tls", "--address", other.Listener.Addr().String()}, answers.ExitSilent, "no answer from https://"},
	} {
		if code, printed := run(t, test.args...); code != test.code || !strings.Contains(printed, test.says) {
			t.Error(test.args, code, printed)
		}
	}
}
