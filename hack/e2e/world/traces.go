package world

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// traces are what a node leaves on a machine if it is careless: mounts, devices, rules, cgroups, files and settings.
func traces(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		found["mount "+strings.Fields(line)[1]] = true
	}
	devices, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		found["device "+device.Name] = true
	}
	tables, err := exec.CommandContext(t.Context(), "nft", "list", "tables").CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v: %s", err, tables)
	}
	for line := range strings.Lines(string(tables)) {
		found["nftables "+strings.TrimSpace(line)] = true
	}
	for _, pattern := range []string{
		"/sys/fs/cgroup/*", "/sys/fs/cgroup/*/k8s.io", "/var/lib/*", "/var/lib/cni/*", "/run/*", "/run/containerd/*", "/run/netns/*",
		"/var/log/*", "/var/log/containers/*", "/opt/*", "/etc/cni/*",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			found["file "+file] = true
		}
	}
	for _, setting := range []string{"net/ipv4/ip_forward", "kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom"} {
		value, err := os.ReadFile("/proc/sys/" + setting)
		if err != nil {
			t.Fatal(err)
		}
		found[setting+" = "+strings.TrimSpace(string(value))] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// checkTraces compares the machine with what it was before the node.
func checkTraces(t *testing.T, before []string) {
	t.Helper()
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Errorf("the node has changed the machine (-before +after):\n%s", diff)
	}
}
