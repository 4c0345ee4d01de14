// Command testrun runs a command, usually `go test ./...`, with one control plane for all test packages:
//
//	go run ./hack/testenv/cmd/testrun -- go test ./...
//
// It exits with the command's exit code.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"rservice.dev/scim-operator/hack/testenv"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: testrun -- COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command, or 1 with the error that kept it from running.
func run(args []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	controlPlane, err := testenv.StartRun(ctx, os.Stderr)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(os.Stderr, "testrun: control plane ready after %s\n", time.Since(began).Round(100*time.Millisecond))
	err = runCommand(ctx, args, []string{testenv.ConnectionEnv + "=" + controlPlane.ConnectionFile}, commandGrace)
	stopErr := controlPlane.Stop()
	if ctx.Err() != nil {
		return 1, errors.Join(err, stopErr)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), stopErr
	}
	if err = errors.Join(err, stopErr); err != nil {
		return 1, err
	}
	return 0, nil
}
