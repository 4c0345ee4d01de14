// Package registration has what Traefik says when it registers an account.
package registration

// RegisterOptions are for that.
type RegisterOptions struct{ TermsOfServiceAgreed bool }

// RegisterEABOptions bind it to another account.
type RegisterEABOptions struct {
	TermsOfServiceAgreed bool
	Kid, HmacEncoded     string
}
