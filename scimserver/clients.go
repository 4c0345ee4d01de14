package scimserver

import (
	"context"
	"errors"
	"fmt"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/scimserver/oauth"
)

// clientPrefix tells the ids of OAuth clients from those of tokens, where both may be.
const clientPrefix = "client/"

// accessTokens authenticates by the access tokens that OAuth clients have got from the token endpoint.
type accessTokens struct {
	clients *oauth.Clients
	bounds  bounds.Bounds
}

// authenticate implements authenticator.
func (a accessTokens) authenticate(ctx context.Context, token string) (*principal, error) {
	found, err := a.clients.Access(ctx, token)
	if why, is := errors.AsType[*oauth.Refusal](err); is {
		return nil, refuse(why.Reason, why.Message, why.Remedy, why.Endpoints...)
	}
	if found == nil || err != nil {
		return nil, err
	}
	return principalOfClient(found, a.bounds), nil
}

// principalOfClient is whom a request with an access token comes from.
func principalOfClient(from *oauth.Client, operators bounds.Bounds) *principal {
	client := principalOf(from.Endpoint, operators)
	// Not that of an access token, of which a client may get as many as it likes.
	client.tokenID = clientPrefix + from.ID
	client.scope, client.scopeField = from.Scope, fmt.Sprintf("spec.authentication.clients[%d].scope", from.Index)
	client.cursorKeys = from.CursorKeys
	return client
}
