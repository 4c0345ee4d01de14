// Package login is the console's way in from outside of the cluster: OpenID Connect (authorization code with PKCE), and sessions
// that are sealed into cookies, so that every replica serves everybody and keeps nothing of anybody.
package login
