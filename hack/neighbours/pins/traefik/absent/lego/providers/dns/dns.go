// Package dns has no clients of DNS services.
package dns

import (
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/lego"
)

// NewDNSChallengeProviderByName fails.
func NewDNSChallengeProviderByName(string) (challenge.Provider, error) { return nil, lego.ErrAbsent }
