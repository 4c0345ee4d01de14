// Command image makes the operator's container image without a container engine: one OCI archive
// with an image for each architecture, and a bill of materials beside it. The same commit gives the
// same bytes. With -push it sends the image to a registry instead of only writing the archive.
// With -plugin it makes the kubectl plugin, and with -release everything that a release consists of.
package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// modulePath is the operator's.
const modulePath = "rservice.dev/scim-operator"

// The image and what it is made of, in the folder of the results.
const (
	imageArchive = "scim-operator.tar"
	imageBill    = "scim-operator.cdx.json"
)

type options struct {
	// root is the repository, out the folder of the results.
	root, out string
	archs     []string
	// name is what the image is called in the archive.
	name string
	// binary is another static program than the operator, for an image of the tests; archive is where that goes.
	binary, archive string
	// push is a reference in a registry; empty: none.
	push string
	// platforms are those of the plugin, and url is where its archives will be.
	platforms []string
	url       string
	// builder says in a release's provenance who has built it, and dirty lets that be a tree with changes.
	builder string
	dirty   bool
}

func main() {
	if err := interruptible(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func interruptible(arguments []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return command(ctx, arguments, os.Stdout)
}

func command(ctx context.Context, arguments []string, out io.Writer) error {
	o := options{}
	var archs, platforms string
	var plugin, release bool
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "../..", "the repository")
	flags.StringVar(&o.out, "out", "", "folder of the archive and the bill of materials; unset: bin/image in the repository")
	flags.StringVar(&archs, "arch", "amd64,arm64", "architectures, by Go's names, with commas between")
	flags.StringVar(&o.name, "name", "", "name of the image; unset: the one in config/manager/deployment.yaml")
	flags.StringVar(&o.push, "push", "", "also push to this reference, such as registry.example.com/scim-operator:0.1.0, with the credentials of docker login or podman login")
	flags.StringVar(&o.binary, "binary", "", "make an image of this static program instead of the operator, without a bill of materials; needs -name, -archive and one -arch")
	flags.StringVar(&o.archive, "archive", "", "the archive, for -binary")
	flags.BoolVar(&plugin, "plugin", false, "make archives of the kubectl plugin and its manifest for krew instead of an image; -out unset: bin/plugin in the repository")
	flags.BoolVar(&release, "release", false, "make all files of a release, in a folder named as the version; -name is without a tag, which is the version; -out unset: bin/release in the repository")
	flags.StringVar(&platforms, "platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64", "platforms of the plugin, by Go's names, with commas between")
	flags.StringVar(&o.url, "url", "", "where the plugin's archives, or all files of a release, will be; {version} in it stands for the version")
	flags.StringVar(&o.builder, "builder", "https://"+modulePath+"/hack/image", "URI of what builds a release, for its provenance")
	flags.BoolVar(&o.dirty, "dirty", false, "make a release also of a tree that differs from its commit, to try it out")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	o.archs, o.platforms = strings.Split(archs, ","), strings.Split(platforms, ",")
	does, folder := run, "image"
	switch {
	case release:
		does, folder = writeRelease, "release"
	case plugin:
		does, folder = writePlugin, "plugin"
	case o.binary != "":
		return wrap(o, out)
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "bin", folder)
	}
	return does(ctx, o, out)
}

func run(ctx context.Context, o options, out io.Writer) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	from, err := readSource(ctx, o.root)
	if err != nil {
		return err
	}
	if o.name == "" {
		if o.name, err = deploymentImage(filepath.Join(o.root, "config", "manager", "deployment.yaml")); err != nil {
			return err
		}
	}
	index, _, err := makeImage(ctx, o, from)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("compute the image's digest: %w", err)
	}
	archive, bill := filepath.Join(o.out, imageArchive), filepath.Join(o.out, imageBill)
	for _, path := range []*string{&archive, &bill} {
		if absolute, err := filepath.Abs(*path); err == nil {
			*path = absolute // this program runs in a folder of its own
		}
	}
	fmt.Fprintf(out, "image    %s (%s), version %s, commit %s\ndigest   %s\narchive  %s\nbill     %s\n",
		o.name, strings.Join(o.archs, ", "), from.version, from.commit, digest, archive, bill)
	if o.push == "" {
		return nil
	}
	return push(ctx, o.push, index, out)
}

// makeImage compiles the operator for each architecture, and writes the archive and the bill of materials.
func makeImage(ctx context.Context, o options, from source) (v1.ImageIndex, []binary, error) {
	var binaries []binary
	for _, arch := range o.archs {
		b, err := compile(ctx, o.root, from, filepath.Join(o.out, "manager-linux-"+arch), "linux", arch)
		if err != nil {
			return nil, nil, err
		}
		binaries = append(binaries, b)
	}
	index, err := newIndex(binaries)
	if err != nil {
		return nil, nil, err
	}
	if err := writeArchive(filepath.Join(o.out, imageArchive), index, o.name, from.committed); err != nil {
		return nil, nil, err
	}
	return index, binaries, writeBill(ctx, filepath.Join(o.out, imageBill), o.root, binaries[0])
}

func push(ctx context.Context, reference string, index v1.ImageIndex, out io.Writer) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("-push needs registry/repository:tag: %w", err)
	}
	if err := remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("push to %s: %w", tag, err)
	}
	fmt.Fprintln(out, "pushed  ", tag)
	return nil
}

// deploymentImage finds the one "image:" of a manifest, so that archive and Deployment cannot drift apart.
func deploymentImage(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("find the image's name: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if _, image, ok := strings.Cut(line, "image:"); ok {
			if image = strings.TrimSpace(image); image != "" {
				return image, nil
			}
		}
	}
	return "", errors.New("find the image's name: " + path + " has no line with image:")
}

// wrap makes the image of a program that is built already. The end-to-end tests use it for whatever runs on their node.
func wrap(o options, out io.Writer) error {
	if o.name == "" || o.archive == "" || len(o.archs) != 1 {
		return errors.New("-binary needs -name, -archive and one -arch")
	}
	info, err := buildinfo.ReadFile(o.binary)
	if err != nil {
		return fmt.Errorf("-binary needs a program made by Go: %w", err)
	}
	b := binary{source: source{committed: time.Unix(0, 0)}, path: o.binary, arch: o.archs[0], info: info}
	index, err := newIndex([]binary{b})
	if err != nil {
		return err
	}
	if err := writeArchive(o.archive, index, o.name, b.committed); err != nil {
		return err
	}
	fmt.Fprintf(out, "image    %s\narchive  %s\n", o.name, o.archive)
	return nil
}
