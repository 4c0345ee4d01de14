package openid

import (
	"encoding/pem"
	"net/http/httptest"
	"testing"
)

// provider is one that serves.
type provider struct{ url, ca string }

// newProvider serves one, for a console at base.
func newProvider(t *testing.T, base string) *provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	server.Config.Handler = NewProvider(server.URL, base)
	return &provider{
		url: server.URL,
		ca:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
}
