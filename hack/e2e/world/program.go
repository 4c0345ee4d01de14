package world

import (
	"context"
	"net"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// programGrace is how long a program may take to end.
const programGrace = 10 * time.Second

// Run runs a program on this machine until the suite or spec that calls it ends, and fails if it has ended before. Its log is
// among the results.
func (w *World) Run(name, path string, environment []string, arguments ...string) *controlplane.Process {
	GinkgoHelper()
	process, err := controlplane.StartProcess(name, w.Results, path, arguments, environment)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(process.Stop, programGrace)
	DeferCleanup(func() {
		select {
		case <-process.Done():
			Fail(name + " has ended by itself: " + process.LogTail())
		default:
		}
	})
	return process
}

// Listens waits until somebody takes connections at an address, host:port. about says what is known if nobody does.
func Listens(ctx context.Context, address string, about ...any) {
	GinkgoHelper()
	Eventually(func() error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}).Should(Succeed(), about...)
}
