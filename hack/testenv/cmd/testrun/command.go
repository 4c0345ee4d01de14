package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// commandGrace is how long a command that was told to stop may clean up.
const commandGrace = 10 * time.Second

// runCommand runs a command until it ends. When ctx ends, the command and all that it
// started get an interrupt as from Ctrl-C, and are killed after the grace: `go test`
// alone would leave its test programs behind.
func runCommand(ctx context.Context, args, env []string, grace time.Duration) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = errors.Join(err, endGroup(cmd.Process.Pid, grace))
	}
	return err
}

// endGroup waits until a process group is empty, and kills what is left after the grace.
func endGroup(group int, grace time.Duration) error {
	deadline := time.After(grace)
	for {
		err := syscall.Kill(-group, 0)
		if errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for programs of the command: %w", err)
		}
		select {
		case <-deadline:
			return signalGroup(group, syscall.SIGKILL)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// signalGroup treats a group without processes as one that has got the signal.
func signalGroup(group int, signal syscall.Signal) error {
	if err := syscall.Kill(-group, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to the command: %w", signal, err)
	}
	return nil
}
