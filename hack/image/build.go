package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// source is the commit that the repository is at.
type source struct {
	// version is the commit's newest tag, or a pseudo-version as Go makes them; "+dirty" when files differ from the commit.
	version, commit string
	// changes are the files that do.
	changes string
	// committed is the only time in the image, so that the same commit gives the same bytes.
	committed time.Time
}

// binary is the compiled operator.
type binary struct {
	source

	path, arch string
	info       *buildinfo.BuildInfo
}

// readSource asks git, and not the stamp that Go can put into binaries, which linked work trees do not get.
func readSource(ctx context.Context, root string) (source, error) {
	head, err := git(ctx, root, "show", "--no-patch", "--format=%H %cI", "HEAD")
	if err != nil {
		return source{}, err
	}
	var s source
	commit, committed, _ := strings.Cut(head, " ")
	s.commit = commit
	if s.committed, err = time.Parse(time.RFC3339, committed); err != nil {
		return source{}, fmt.Errorf("read the time of the commit: %w", err)
	}
	s.committed = s.committed.UTC()
	tags, err := git(ctx, root, "tag", "--points-at", "HEAD", "--list", "v*")
	if err != nil {
		return source{}, err
	}
	s.version = "v0.0.0-" + s.committed.Format("20060102150405") + "-" + s.commit[:12]
	for tag := range strings.Lines(tags) {
		// Others than v1.2.3 and v1.2.3-rc.1 are no versions for Helm, krew and registries.
		if tag = strings.TrimSpace(tag); tag == semver.Canonical(tag) && semver.Compare(tag, s.version) > 0 {
			s.version = tag
		}
	}
	edited, err := git(ctx, root, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return source{}, err
	}
	// Also those that only this user's settings ignore: Go, or the chart, may take them in.
	added, err := git(ctx, root, "ls-files", "--others", "--exclude-per-directory=.gitignore")
	if err != nil {
		return source{}, err
	}
	if s.changes = strings.TrimSpace(edited + "\n" + added); s.changes != "" {
		s.version += "+dirty"
	}
	return s, nil
}

func git(ctx context.Context, root string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, arguments...)...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s in %s (version and time of the image come from the repository): %w", arguments[0], root, err)
	}
	return strings.TrimSpace(string(output)), nil
}

// compile builds the operator as image and plugin have it, for a system and an architecture.
func compile(ctx context.Context, root string, from source, path, system, arch string) (binary, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return binary{}, fmt.Errorf("build the operator: %w", err)
	}
	flags := fmt.Sprintf("-ldflags=-s -w -X rservice.dev/scim-operator/api/kube.release=%s -X rservice.dev/scim-operator/api/kube.commit=%s", from.version, from.commit)
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", flags, "-o", path, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	// Whatever else the environment says could change the bytes. In the place of an empty GOFLAGS Go takes what `go env -w` has set.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOFLAGS=-trimpath", "GOWORK=off",
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off")
	if err := cmd.Run(); err != nil {
		return binary{}, fmt.Errorf("build the operator for %s/%s: %w", system, arch, err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return binary{}, fmt.Errorf("read what the operator was built from: %w", err)
	}
	return binary{source: from, path: path, arch: arch, info: info}, nil
}
