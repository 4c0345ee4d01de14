// Command crdcompat compares the custom resource definitions of the work tree with those of an earlier commit, and fails when what was
// stored or written for those would be refused or lost. See README.md.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

const folder = "config/crd/bases"

func main() {
	base := flag.String("base", "", "commit to compare with; unset: the newest tag v*, before the first of which nothing is promised")
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if err := run(*root, *base, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crdcompat:", err)
		os.Exit(1)
	}
}

func run(root, base string, out io.Writer) error {
	if base == "" {
		tags, err := git(root, "tag", "--merged", "HEAD", "--list", "v*", "--sort=-version:refname")
		if err != nil {
			return err
		}
		base, _, _ = strings.Cut(tags, "\n")
		if base == "" {
			fmt.Fprintln(out, "crdcompat: no release yet (no tag v*), so nothing is promised; -base COMMIT compares with a commit")
			return nil
		}
	}
	names, err := git(root, "ls-tree", "--name-only", base, folder+"/")
	if err != nil {
		return err
	}
	count := 0
	for name := range strings.FieldsSeq(names) {
		before, err := git(root, "show", base+":"+name)
		if err != nil {
			return err
		}
		findings, err := compareFile(before, filepath.Join(root, name))
		if err != nil {
			return err
		}
		count += len(findings)
		for _, finding := range findings {
			fmt.Fprintf(out, "%s: %s\n", filepath.Base(name), finding)
		}
	}
	if count > 0 {
		return fmt.Errorf("%d changes since %s would refuse or lose what users have: make a new version of the API, or make the change one that only opens more", count, base)
	}
	fmt.Fprintf(out, "crdcompat: the definitions take all that %s took\n", base)
	return nil
}

func compareFile(before, path string) ([]string, error) {
	after, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return []string{"the definition is gone, and with it all its objects"}, nil
	}
	if err != nil {
		return nil, err
	}
	var was, is object
	if err := errors.Join(yaml.Unmarshal([]byte(before), &was), yaml.Unmarshal(after, &is)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return compare(was, is), nil
}

func git(root string, arguments ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("git", append([]string{"-C", root}, arguments...)...) //nolint:noctx // ends by itself
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", arguments[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(output)), nil
}
