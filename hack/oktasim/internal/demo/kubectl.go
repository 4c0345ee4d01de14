package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
)

// conditions prints the conditions of an object, one a line.
const conditions = `jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}`

// Show prints what an administrator looks at, with the commands that show it.
func (d *Demo) Show(ctx context.Context, failing sim.FailingResources) error {
	kubectl, err := findKubectl()
	if err != nil {
		return err
	}
	const first, last = 8, -8
	views := []struct {
		title string
		rows  int
		args  []string
	}{
		{"The users that changed last", last, []string{"get", "scimusers", "--sort-by=.spec.lastModified"}},
		{"The first persons", first, []string{"get", "persons"}},
		{"The groups that changed last", last, []string{"get", "scimgroups", "--sort-by=.spec.lastModified"}},
		{"A user whose mapping fails", first, []string{"get", "scimuser", failing.UserID}},
		{"… and why", first, []string{"get", "scimuser", failing.UserID, "-o", conditions}},
		{"A group whose mapping fails", first, []string{"get", "scimgroup", failing.GroupID}},
		{"… and why", first, []string{"get", "scimgroup", failing.GroupID, "-o", conditions}},
	}
	for _, v := range views {
		if slices.Contains(v.args, "") {
			continue // The object was not accepted; that is a failed check already.
		}
		lines, err := patiently(ctx, d, func() ([]string, error) { return d.kubectl(ctx, kubectl, v.args) })
		if err != nil {
			return err
		}
		fmt.Fprintf(d.Out, "\n%s\n$ kubectl -n %s %s\n%s\n", v.title, d.Namespace, quote(v.args), strings.Join(cut(lines, v.rows), "\n"))
	}
	return nil
}

func (d *Demo) kubectl(ctx context.Context, kubectl string, args []string) ([]string, error) {
	args = append([]string{"--kubeconfig", d.Kubeconfig, "-n", d.Namespace}, args...)
	out, err := exec.CommandContext(ctx, kubectl, args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
		}
		return nil, fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	for i, line := range lines {
		lines[i] = fold.Printable(line)
	}
	return lines, nil
}

// cut keeps the header and the first n rows, or the last ones when n is negative.
func cut(lines []string, n int) []string {
	most := max(n, -n)
	rest := len(lines) - 1 - most
	if rest <= 0 {
		return lines
	}
	more := fmt.Sprintf("… %d more", rest)
	if n < 0 {
		return append([]string{lines[0], more}, lines[len(lines)-most:]...)
	}
	return append(slices.Clone(lines[:n+1]), more)
}

func quote(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if strings.ContainsAny(a, " {}*") {
			out[i] = "'" + a + "'"
		}
	}
	return strings.Join(out, " ")
}

// findKubectl prefers the one that was built with the control plane, which has its version.
func findKubectl() (string, error) {
	built, err := filepath.Glob("bin/controlplane/*/kubectl")
	if err != nil {
		return "", fmt.Errorf("looking for kubectl: %w", err)
	}
	if len(built) > 0 {
		return filepath.Abs(slices.Max(built))
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return "", fmt.Errorf("no kubectl below bin/controlplane or on the PATH; `make controlplane` builds one: %w", err)
	}
	return path, nil
}
