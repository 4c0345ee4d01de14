package openid

import (
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	clientID, clientSecret = "scim-console", "not-a-real-one"
	// The provider's own user.
	username, password = "test-user2", "verysecure"
)

// provider is zitadel's, with its example's users and login page.
type provider struct {
	url, ca string
	storage *store
}

// newProvider serves one, for a console at base.
func newProvider(t *testing.T, base string) *provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	client := storage.WebClient(clientID, clientSecret, base+"/-/callback")
	s := &store{console: base, Storage: storage.NewStorageWithClients(storage.NewUserStore(server.URL), map[string]*storage.Client{clientID: client})}
	server.Config.Handler = exampleop.SetupServer(server.URL, s, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	return &provider{
		url: server.URL, storage: s,
		ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
}

// store gives ID tokens the claims of people, and their groups.
type store struct {
	*storage.Storage
	console string
}

// GetClientByClientID implements op.Storage.
func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := s.Storage.GetClientByClientID(ctx, id)
	return telling{client, s.console}, err
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest.
func (s *store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	info.AppendClaims("groups", []string{"scim-support"})
	return s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

// telling is a client whose ID tokens have claims, and to which a logout leads back.
type telling struct {
	op.Client
	console string
}

// IDTokenUserinfoClaimsAssertion implements op.Client.
func (telling) IDTokenUserinfoClaimsAssertion() bool { return true }

// PostLogoutRedirectURIs implements op.Client.
func (t telling) PostLogoutRedirectURIs() []string { return []string{t.console + "/-/logged-out"} }
