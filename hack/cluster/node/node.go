// Package node runs a whole Kubernetes node on this machine, for tests: control plane, containerd, kubelet, kube-proxy
// and CNI, without a container registry and without a network. Stop leaves the machine as it was.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

const (
	// DefaultDir is where a node keeps everything. There is one for the whole machine, as there is one node, so that
	// any checkout of the repository can clean up after another one's.
	DefaultDir = "/var/lib/scim-operator-cluster"

	machineFile = "machine.json"
	// lockSocket is an abstract socket: it ends with the process and leaves no file.
	lockSocket = "@scim-operator-cluster"

	// startTimeout is for a start that hangs, however busy the machine is.
	startTimeout = 15 * time.Minute
	stopGrace    = 15 * time.Second
)

// Options say how to run a node.
type Options struct {
	// Out is told what is being done.
	Out io.Writer
	// Logs is a folder that the logs of all programs and pods are copied to by Stop; what is there is deleted. Unset: none.
	Logs string
}

// Node is a running node.
type Node struct {
	ControlPlane *controlplane.ControlPlane
	// Config is a cluster administrator's.
	Config *rest.Config
	// Kubeconfig is a file with the same rights.
	Kubeconfig string
	// Kubectl is the program of the node's version.
	Kubectl string

	options   Options
	paths     paths
	binaries  binaries
	lock      net.Listener
	processes []*controlplane.Process
}

// binaries are the folders of built programs.
type binaries struct{ controlPlane, node string }

// Start builds what is missing, cleans up after an earlier node, and returns when the node is ready for pods. On an
// error nothing is left.
func Start(ctx context.Context, options Options) (*Node, error) {
	if err := Preflight(); err != nil {
		return nil, err
	}
	lock, err := acquire()
	if err != nil {
		return nil, err
	}
	n := &Node{options: options, paths: paths{DefaultDir}, lock: lock}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

// Clean removes what a node has left whose process was killed.
func Clean() error {
	if err := Preflight(); err != nil {
		return err
	}
	lock, err := acquire()
	if err != nil {
		return err
	}
	return errors.Join(clean(DefaultDir), lock.Close())
}

func acquire() (net.Listener, error) {
	lock, err := net.Listen("unix", lockSocket) //nolint:noctx // nothing is waited for
	if err != nil {
		return nil, fmt.Errorf("another test node is running on this machine, stop it first: %w", err)
	}
	return lock, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := n.build(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	began := time.Now()
	if err := clean(n.paths.dir); err != nil {
		return err
	}
	if err := checkNetworkIsFree(); err != nil {
		return err
	}
	if err := os.MkdirAll(n.paths.dir, 0o755); err != nil {
		return fmt.Errorf("making the node's folder: %w", err)
	}
	if err := recordMachine(n.paths.in(machineFile)); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		n.addAddress, n.startControlPlane, n.startContainerd, n.startAgents, n.waitReady,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	n.say("ready after %s", time.Since(began).Round(100*time.Millisecond))
	return nil
}

func (n *Node) say(format string, arguments ...any) {
	fmt.Fprintf(n.options.Out, "node: "+format+"\n", arguments...)
}

func (n *Node) build(ctx context.Context) error {
	var err error
	if n.binaries.controlPlane, err = assets.Ensure(ctx, n.options.Out); err != nil {
		return err
	}
	if n.binaries.node, err = assets.EnsureNode(ctx, n.options.Out); err != nil {
		return err
	}
	n.Kubectl = filepath.Join(n.binaries.controlPlane, "kubectl")
	return nil
}

// addAddress makes a device with the node's address.
func (n *Node) addAddress(context.Context) error {
	for _, arguments := range [][]string{
		{"link", "add", bridgeDevice, "type", "bridge"},
		{"address", "add", address + "/32", "dev", bridgeDevice},
		{"link", "set", bridgeDevice, "up"},
	} {
		if _, err := run("ip", arguments...); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) startControlPlane(ctx context.Context) error {
	var err error
	n.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{
		Binaries: n.binaries.controlPlane, Dir: n.paths.in("controlplane"),
		NodeAddress: address, ServiceRange: serviceRange, APIPort: apiPort,
	})
	if err != nil {
		return err
	}
	if err := n.ControlPlane.StartControllers(); err != nil {
		return err
	}
	if n.Config, err = n.ControlPlane.AdminConfig(); err != nil {
		return err
	}
	n.Kubeconfig = n.paths.in("admin.kubeconfig")
	for _, account := range []struct{ file, user, group string }{
		{"admin", "admin", "system:masters"},
		{"kubelet", "system:node:" + Name, "system:nodes"},
		{"kube-proxy", "system:kube-proxy", "system:authenticated"},
		{"kube-scheduler", "system:kube-scheduler", "system:authenticated"},
	} {
		err := n.ControlPlane.WriteKubeconfig(n.paths.in(account.file+".kubeconfig"), "", account.user, account.group)
		if err != nil {
			return err
		}
	}
	return n.paths.write(n.ControlPlane.CAFile())
}

// Stop ends everything and leaves the machine as it was. It can be called again after an error.
func (n *Node) Stop() error {
	var errs []error
	for _, process := range slices.Backward(n.processes) {
		errs = append(errs, process.Stop(stopGrace))
	}
	n.processes = nil
	if n.ControlPlane != nil {
		errs = append(errs, n.ControlPlane.Stop())
	}
	if n.options.Logs != "" {
		errs = append(errs, n.keepLogs())
	}
	return errors.Join(append(errs, clean(n.paths.dir), n.lock.Close())...)
}

func (n *Node) keepLogs() error {
	if err := os.RemoveAll(n.options.Logs); err != nil {
		return fmt.Errorf("deleting old logs: %w", err)
	}
	for from, to := range map[string]string{n.paths.in("logs"): "node", n.paths.in("controlplane", "logs"): "controlplane"} {
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			continue // the start has failed before
		}
		if err := os.CopyFS(filepath.Join(n.options.Logs, to), os.DirFS(from)); err != nil {
			return fmt.Errorf("keeping the logs: %w", err)
		}
	}
	return nil
}
