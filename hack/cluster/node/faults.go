package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// KillContainer ends all processes of a container by SIGKILL. Kubelet starts it again. The id is that of the pod's
// status, without "containerd://".
func (n *Node) KillContainer(id string) error {
	pids, err := processesIn(containerCgroups(id))
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return fmt.Errorf("container %s has no process", id)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("killing process %d of container %s: %w", pid, id, err)
		}
	}
	return nil
}

// StarveContainer takes away the memory that a container does not use: at the next MiB that it asks for the kernel kills
// it. The container that kubelet starts in its place has its full limit again.
func (n *Node) StarveContainer(id string) error {
	const step = 1 << 20
	for _, version := range []struct{ group, limit, used string }{
		{filepath.Join(cgroups, "memory", cgroup, id), "memory.limit_in_bytes", "rss"},
		{filepath.Join(cgroups, cgroup, id), "memory.max", "anon"},
	} {
		used, err := memoryUsed(filepath.Join(version.group, "memory.stat"), version.used)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		// Version 1 refuses a limit below what it cannot take back: memory of the kernel's that is not in "rss".
		for limit := used + step; ; limit += step {
			err := os.WriteFile(filepath.Join(version.group, version.limit), []byte(strconv.Itoa(limit)), 0o600)
			if err == nil {
				return nil
			}
			if !errors.Is(err, syscall.EBUSY) || limit > 4*used {
				return fmt.Errorf("limiting the memory of container %s: %w", id, err)
			}
		}
	}
	return fmt.Errorf("container %s has no cgroup for memory", id)
}

func memoryUsed(file, key string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("reading a container's memory: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == key {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("%s does not tell %s", file, key)
}
