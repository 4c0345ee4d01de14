// Command controlplane builds the control plane that the tests and the dev runner use, unless it is built already, and
// prints the folder it is in.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := assets.Ensure(ctx, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}
