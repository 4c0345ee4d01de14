package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// The ports that FreePort gives. Linux takes a port for whoever does not care which, such as the client's end of a
// connection, from those that begin at 32768.
const (
	firstPort = 12000
	endPort   = 32768
)

// nextPort counts from where no other process is likely to be, so that one is never given a port twice.
var nextPort atomic.Int64

func init() { nextPort.Store(int64(os.Getpid()) * 100) }

// FreePort returns a TCP port on 127.0.0.1 that was free a moment ago and that nobody gets by chance before its user starts,
// or while that restarts.
func FreePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	for {
		port := firstPort + int(nextPort.Add(1)%(endPort-firstPort))
		listener, err := listen.Listen(ctx, "tcp", loopback(port))
		if err == nil {
			return port, listener.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return 0, fmt.Errorf("finding a free port: %w", err)
		}
	}
}

// fillPorts gives every port that is 0 a different one.
func fillPorts(ctx context.Context, ports ...*int) error {
	for _, port := range ports {
		if *port != 0 {
			continue
		}
		var err error
		if *port, err = FreePort(ctx); err != nil {
			return err
		}
	}
	return nil
}
