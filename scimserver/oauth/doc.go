// Package oauth gives the OAuth clients of ScimEndpoints access tokens (RFC 6749 section 4.4) and verifies these. It knows
// nothing of HTTP but the form of a token request, and nothing of SCIM.
package oauth
