// Package upgrade goes from an earlier state of the operator to this one, back, and forth again, while a simulated Okta
// works with it, and has Kubernetes store all of our kinds anew.
//
// `make neighbours NEIGHBOURS=./hack/neighbours/upgrade` runs it. `go test` alone skips it: it needs root.
package upgrade

import (
	"testing"

	"rservice.dev/scim-operator/hack/e2e/world"
)

func TestUpgrade(t *testing.T) { world.RunSuite(t, "Upgrade", "SCIM_NEIGHBOURS", "make neighbours") }
