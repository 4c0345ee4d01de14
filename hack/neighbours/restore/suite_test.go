// Package restore backs a tenant up with Velero and restores it, into an empty cluster and into the one that it was lost in,
// by the commands of config/restore.md as they stand there.
//
// `make neighbours NEIGHBOURS=./hack/neighbours/restore` runs it. `go test` alone skips it: it needs root.
package restore

import (
	"testing"

	"rservice.dev/scim-operator/hack/e2e/world"
)

func TestRestore(t *testing.T) { world.RunSuite(t, "Restore", "SCIM_NEIGHBOURS", "make neighbours") }
