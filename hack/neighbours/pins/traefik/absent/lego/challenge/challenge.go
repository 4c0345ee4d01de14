// Package challenge says what answers a certificate authority's challenges.
package challenge

import "context"

// Provider does.
type Provider interface {
	Present(ctx context.Context, domain, token, keyAuth string) error
	CleanUp(ctx context.Context, domain, token, keyAuth string) error
}

// Option is of a challenge.
type Option struct{}
