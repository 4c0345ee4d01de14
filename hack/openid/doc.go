// Package openid logs in to the console at a real OpenID Connect provider, that of github.com/zitadel/oidc, which has another author
// than the client's library.
package openid
