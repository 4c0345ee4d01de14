// Command cluster runs a whole Kubernetes node on this machine until it is interrupted, or cleans up after one that
// was killed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rservice.dev/scim-operator/hack/cluster/node"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cluster up | down")
		os.Exit(2)
	}
	if err := perform(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func perform(command string) error {
	switch command {
	case "up":
		return up()
	case "down":
		return node.Clean()
	}
	return fmt.Errorf("there is no command %s: want up or down", command)
}

func up() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := node.Start(ctx, node.Options{Out: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Printf("\nKubernetes      export KUBECONFIG=%s\nkubectl         %s\nCtrl-C stops the node and deletes it.\n\n", n.Kubeconfig, n.Kubectl)
	<-ctx.Done()
	return n.Stop()
}
