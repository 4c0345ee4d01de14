package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

// Compile builds a program of this repository for an image, and returns its file. The flags are for the linker.
func (n *Node) Compile(ctx context.Context, name, pkg string, flags ...string) (string, error) {
	return n.compile(ctx, ".", name, pkg, flags...)
}

func (n *Node) compile(ctx context.Context, module, name, pkg string, flags ...string) (string, error) {
	root, err := assets.RepositoryRoot()
	if err != nil {
		return "", err
	}
	target := n.paths.in("images", name)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w "+strings.Join(flags, " "), "-o", target, pkg)
	command.Dir = filepath.Join(root, module)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pkg, err, output)
	}
	return target, nil
}

// LoadProgram gives the node an image of this name with one statically linked Go program, its entry point.
func (n *Node) LoadProgram(ctx context.Context, name, program string) error {
	tool := n.paths.in("images", "image")
	if _, err := os.Stat(tool); err != nil {
		if tool, err = n.compile(ctx, "hack/image", "image", "."); err != nil {
			return err
		}
	}
	archive := n.paths.in("images", filepath.Base(program)+".tar")
	if _, err := run(tool, "-binary", program, "-name", name, "-archive", archive, "-arch", runtime.GOARCH); err != nil {
		return err
	}
	return n.LoadArchive(archive)
}

// LoadArchive gives the images of an OCI archive to the node.
func (n *Node) LoadArchive(archive string) error {
	_, err := n.ctr("images", "import", archive)
	return err
}

// NameImage gives an image of the node another name, such as the one with its digest, which containerd has only of what it has pulled.
func (n *Node) NameImage(name, another string) error {
	_, err := n.ctr("images", "tag", name, another)
	return err
}

// ctr runs containerd's own client.
func (n *Node) ctr(arguments ...string) (string, error) {
	return run("ctr", append([]string{"--address", n.paths.socket(), "--namespace", cgroup}, arguments...)...)
}
