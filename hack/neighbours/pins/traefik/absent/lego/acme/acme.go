// Package acme has what a certificate authority knows of an account.
package acme

// Account is one.
type Account struct{}

// ExtendedAccount is one with its address.
type ExtendedAccount struct {
	Account
	Location string
}
