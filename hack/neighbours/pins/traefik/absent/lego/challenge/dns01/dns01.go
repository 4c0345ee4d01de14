// Package dns01 has what Traefik says of challenges by DNS.
package dns01

import (
	"strings"
	"time"

	"github.com/go-acme/lego/v5/challenge"
)

// Options are of a client.
type Options struct{ RecursiveNameservers []string }

// Client can do nothing.
type Client struct{}

// NewClient returns one.
func NewClient(*Options) *Client { return &Client{} }

// SetDefaultClient does nothing.
func SetDefaultClient(*Client) {}

// CondOptions returns no option.
func CondOptions(bool, ...challenge.Option) challenge.Option { return challenge.Option{} }

// DisableAuthoritativeNssPropagationRequirement returns no option.
func DisableAuthoritativeNssPropagationRequirement() challenge.Option { return challenge.Option{} }

// DisableRecursiveNSsPropagationRequirement returns no option.
func DisableRecursiveNSsPropagationRequirement() challenge.Option { return challenge.Option{} }

// PropagationWait returns no option.
func PropagationWait(time.Duration, bool) challenge.Option { return challenge.Option{} }

// UnFqdn takes the dot off the end of a name.
func UnFqdn(name string) string { return strings.TrimSuffix(name, ".") }
