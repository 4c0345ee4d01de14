package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"rservice.dev/scim-operator/hack/testenv/assets"
	"rservice.dev/scim-operator/hack/testenv/controlplane"
)

// pollInterval is for what tells nobody that it has changed.
const pollInterval = 100 * time.Millisecond

// launch starts a program that ends with this process at the latest.
func (n *Node) launch(name, path string, arguments ...string) (*controlplane.Process, error) {
	process, err := controlplane.StartProcess(name, n.paths.in("logs"), path, arguments, nil)
	if err != nil {
		return nil, err
	}
	n.processes = append(n.processes, process)
	return process, nil
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
	text := "the logs end with"
	for _, process := range n.processes {
		text += fmt.Sprintf("\n--- %s\n%s", process.LogFile, process.LogTail())
	}
	return text
}

func (n *Node) startContainerd(ctx context.Context) error {
	path, err := find("containerd")
	if err != nil {
		return err
	}
	if _, err := n.launch("containerd", path, "--config", n.paths.in("containerd.toml")); err != nil {
		return err
	}
	err = n.wait(ctx, "containerd", func(context.Context) error {
		_, err := n.ctr("version")
		return err
	})
	if err != nil {
		return err
	}
	pause, err := n.compile(ctx, "pause", "rservice.dev/scim-operator/hack/cluster/pause")
	if err != nil {
		return err
	}
	return n.LoadProgram(Image{Name: PauseImage, Program: pause})
}

// compile builds a program of this repository.
func (n *Node) compile(ctx context.Context, name, pkg string) (string, error) {
	root, err := assets.RepositoryRoot()
	if err != nil {
		return "", err
	}
	target := n.paths.in("images", name)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", target, pkg)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pkg, err, output)
	}
	return target, nil
}

// LoadProgram makes an image of a program and gives it to the node.
func (n *Node) LoadProgram(image Image) error {
	archive := n.paths.in("images", filepath.Base(image.Program)+".tar")
	if err := image.Write(archive); err != nil {
		return err
	}
	return n.LoadArchive(archive)
}

// LoadArchive gives the images of an archive, as `docker save` makes it or as an OCI layout, to the node.
func (n *Node) LoadArchive(archive string) error {
	_, err := n.ctr("images", "import", archive)
	return err
}

// ctr runs containerd's own client.
func (n *Node) ctr(arguments ...string) (string, error) {
	return run("ctr", append([]string{"--address", n.paths.socket(), "--namespace", cgroup}, arguments...)...)
}

// startAgents starts what turns Pods and Services into processes and rules.
func (n *Node) startAgents(context.Context) error {
	_, err := n.launch("kube-scheduler", filepath.Join(n.binaries.node, "kube-scheduler"),
		"--kubeconfig="+n.paths.in("kube-scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0")
	if err != nil {
		return err
	}
	_, err = n.launch("kubelet", filepath.Join(n.binaries.node, "kubelet"),
		"--config="+n.paths.in("kubelet.yaml"), "--kubeconfig="+n.paths.in("kubelet.kubeconfig"), "--root-dir="+n.paths.in("kubelet"),
		"--cert-dir="+n.paths.in("kubelet", "pki"), "--hostname-override="+Name, "--node-ip="+address)
	if err != nil {
		return err
	}
	_, err = n.launch("kube-proxy", filepath.Join(n.binaries.node, "kube-proxy"), "--config="+n.paths.in("kube-proxy.yaml"))
	return err
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
