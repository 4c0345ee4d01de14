package openid

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The provider's only client, one of its users, whose e-mail address is test-user2@zitadel.ch, and the group of everybody.
const (
	ClientID     = "scim-console"
	ClientSecret = "not-a-real-one"
	Username     = "test-user2"
	Password     = "verysecure"
	Group        = "scim-support"
)

// NewProvider is zitadel's OpenID Connect provider, with its example's users and login page, reached at the URL issuer, for a
// console at the URL console.
func NewProvider(issuer, console string) http.Handler {
	client := storage.WebClient(ClientID, ClientSecret, console+"/-/callback")
	s := &store{console: console, Storage: storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{ClientID: client})}
	return exampleop.SetupServer(issuer, s, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
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
	info.AppendClaims("groups", []string{Group})
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
