// Command testrun runs a command, usually `go test ./...`, with one control plane for all test packages:
//
//	go run ./hack/testenv/cmd/testrun -- go test ./...
//
// With -kine the control plane, and those that the packages start, store in PostgreSQL. It exits with the command's exit code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/hack/kine"
	"rservice.dev/scim-operator/hack/testenv"
)

func main() {
	log.SetLogger(logr.Discard()) // the client of controller-runtime complains without one
	overKine := flag.Bool("kine", false, "store in PostgreSQL, through kine")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: testrun [-kine] -- COMMAND [ARGUMENT...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	code, err := run(flag.Args(), *overKine)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command, or 1 with the error that kept it from running.
func run(args []string, overKine bool) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	if overKine {
		database, err := kine.Start(ctx, os.Stderr)
		if err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, database.Stop()) }()
		if err := os.Setenv(testenv.StorageEnv, database.Endpoint()); err != nil {
			return 1, fmt.Errorf("telling where to store: %w", err)
		}
	}
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
