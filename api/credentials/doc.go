// Package credentials knows the Secrets of a ScimEndpoint's OAuth clients: the keys that sign access tokens, and the hashes
// of client secrets. The controllers make and check them, the server verifies by them.
package credentials
