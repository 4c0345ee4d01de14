// Package tlsalpn01 has what Traefik says of challenges by TLS.
package tlsalpn01

import (
	"time"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/lego"
)

// ACMETLS1Protocol is RFC 8737's name of the protocol.
const ACMETLS1Protocol = "acme-tls/1"

// SetDelay returns no option.
func SetDelay(time.Duration) challenge.Option { return challenge.Option{} }

// ChallengeBlocks fails.
func ChallengeBlocks(_, _ string) (certificate, key []byte, err error) {
	return nil, nil, lego.ErrAbsent
}
