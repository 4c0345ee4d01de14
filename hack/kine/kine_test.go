package kine

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestATakenPortIsNotTriedForEver: the port is free when it is chosen, and another program may get it while PostgreSQL is down.
func TestATakenPortIsNotTriedForEver(t *testing.T) {
	if _, err := user.Lookup(owner); err != nil && os.Geteuid() == 0 {
		t.Skipf("as root PostgreSQL runs as the user %s: %v", owner, err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	program := "#!/bin/sh\necho $$ could not bind\nexec sleep 3600\n"
	if err := os.WriteFile(filepath.Join(dir, "postgres"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	d := &Database{dir: dir, programs: dir, port: 1}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- d.StartPostgres(ctx) }()
	var pid int
	for pid == 0 {
		select {
		case err := <-ended:
			t.Fatalf("it ended before its context: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		if log, err := os.ReadFile(filepath.Join(dir, "postgres.log")); err == nil && strings.HasSuffix(string(log), "bind\n") {
			pid, err = strconv.Atoi(strings.Fields(string(log))[0])
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) && (err == nil || !strings.Contains(err.Error(), "could not bind")) {
		t.Errorf("got %v, want what PostgreSQL says", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the program is left behind, and another was started: %v", err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
