package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAStoppedCommandLeavesNothingBehind(t *testing.T) {
	tests := map[string]string{
		"a child that obeys":                    `sh -c 'echo $$ > "$PIDS.new"; mv "$PIDS.new" "$PIDS"; exec sleep 600'; exit 1`,
		"a child that does not hear interrupts": `(trap "" INT; exec sleep 600) & echo $! > "$PIDS.new"; mv "$PIDS.new" "$PIDS"; wait`,
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- runCommand(ctx, []string{"sh", "-c", script}, []string{"PIDS=" + file}, time.Second) }()
			var child int
			waitFor(t, "the command's child to start", func() bool {
				text, err := os.ReadFile(file)
				if err != nil {
					return false
				}
				child, err = strconv.Atoi(strings.TrimSpace(string(text)))
				return err == nil
			})
			cancel()
			if err := <-ended; err == nil {
				t.Error("a command that was stopped is no success")
			}
			waitFor(t, "the command's child to end", func() bool { return hasEnded(child) })
		})
	}
}

func TestRunCommandReturnsTheCommandsError(t *testing.T) {
	err := runCommand(t.Context(), []string{"sh", "-c", `exit "$CODE"`}, []string{"CODE=3"}, time.Second)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("got %v", err)
	}
	if err := runCommand(t.Context(), []string{"/does/not/exist"}, nil, time.Second); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// hasEnded says whether a process is gone, or only waits to be collected.
func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return errors.Is(err, os.ErrNotExist) || err == nil && strings.Contains(string(stat), ") Z ")
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	timeout := time.After(5 * time.Minute) // a hang, however busy the machine is
	for !condition() {
		select {
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
