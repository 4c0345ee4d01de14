package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// checkPorts fails when a port is taken, and names it with the flag that changes it.
func checkPorts(ctx context.Context, opts options) error {
	ports := []struct {
		flag string
		port int
	}{
		{"scim-port", opts.scimPort},
		{"probe-port", opts.probePort},
		{"metrics-port", opts.metricsPort},
		{"webhook-port", opts.webhookPort},
		{"api-port", opts.apiPort},
		{"etcd-port", opts.etcdPort},
	}
	var listen net.ListenConfig
	for _, p := range ports {
		listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)))
		if err != nil {
			return fmt.Errorf("port %d is not free: stop what uses it, or choose another with --%s: %w", p.port, p.flag, err)
		}
		defer listener.Close() //nolint:gocritic // held until all are checked, so that one port given twice is found
	}
	return nil
}

// lockData keeps a second runner away from the same data, on other ports too. The lock ends with the process.
func lockData(data string) (release func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	release = func() { _ = file.Close() }
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return release, nil
	}
	release()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another runner uses %s: stop it, or choose another folder with --data", data)
	}
	return nil, fmt.Errorf("locking the data folder: %w", err)
}
