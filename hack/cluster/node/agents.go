package node

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// pollInterval is for what tells nobody that it has changed.
const pollInterval = 100 * time.Millisecond

// launch starts a program that ends with this process at the latest.
func (n *Node) launch(name, path string, arguments ...string) error {
	process, err := controlplane.StartProcess(name, n.paths.in("logs"), path, arguments, nil)
	if err != nil {
		return err
	}
	n.processes = append(n.processes, process)
	return nil
}

// wait tries again until there is no error. It gives up when one of the programs has ended or ctx has.
func (n *Node) wait(ctx context.Context, what string, try func(context.Context) error) error {
	for {
		last := try(ctx)
		if last == nil {
			return nil
		}
		for _, process := range n.processes {
			select {
			case <-process.Done():
				return process.ExitError()
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w; %s", what, last, n.logTails())
		case <-time.After(pollInterval):
		}
	}
}

func (n *Node) logTails() string {
	var text strings.Builder
	text.WriteString("the logs end with")
	for _, process := range n.processes {
		fmt.Fprintf(&text, "\n--- %s\n%s", process.LogFile, process.LogTail())
	}
	return text.String()
}

func (n *Node) startContainerd(ctx context.Context) error {
	path, err := find("containerd")
	if err != nil {
		return err
	}
	if err := n.launch("containerd", path, "--config", n.paths.in("containerd.toml")); err != nil {
		return err
	}
	err = n.wait(ctx, "containerd", func(context.Context) error {
		_, err := n.ctr("version")
		return err
	})
	if err != nil {
		return err
	}
	pause, err := n.Compile(ctx, "pause", "rservice.dev/scim-operator/hack/cluster/pause")
	if err != nil {
		return err
	}
	return n.LoadProgram(ctx, PauseImage, pause)
}

// startAgents starts what turns Pods and Services into processes and rules.
func (n *Node) startAgents(context.Context) error {
	err := n.launch("kube-scheduler", filepath.Join(n.binaries.node, "kube-scheduler"),
		"--kubeconfig="+n.paths.in("kube-scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0")
	if err != nil {
		return err
	}
	err = n.launch("kubelet", filepath.Join(n.binaries.node, "kubelet"),
		"--config="+n.paths.in("kubelet.yaml"), "--kubeconfig="+n.paths.in("kubelet.kubeconfig"), "--root-dir="+n.paths.in("kubelet"),
		"--cert-dir="+n.paths.in("kubelet", "pki"), "--hostname-override="+Name, "--node-ip="+address,
		"--maximum-dead-containers-per-container=20") // their logs tell why they ended
	if err != nil {
		return err
	}
	return n.launch("kube-proxy", filepath.Join(n.binaries.node, "kube-proxy"), "--config="+n.paths.in("kube-proxy.yaml"))
}

func (n *Node) waitReady(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(n.Config)
	if err != nil {
		return fmt.Errorf("making a Kubernetes client: %w", err)
	}
	return n.wait(ctx, "the node to be ready", func(ctx context.Context) error {
		node, err := clients.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
				return fmt.Errorf("it is not: %s", condition.Message)
			}
		}
		if len(node.Status.Conditions) == 0 || len(node.Spec.Taints) > 0 {
			return fmt.Errorf("it has %d conditions and the taints %v", len(node.Status.Conditions), node.Spec.Taints)
		}
		return nil
	})
}
