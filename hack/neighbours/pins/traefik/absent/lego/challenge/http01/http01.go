// Package http01 has what Traefik says of challenges by HTTP.
package http01

import (
	"time"

	"github.com/go-acme/lego/v5/challenge"
)

// PathPrefix is where RFC 8555 has a certificate authority ask.
const PathPrefix = "/.well-known/acme-challenge/"

// SetDelay returns no option.
func SetDelay(time.Duration) challenge.Option { return challenge.Option{} }
