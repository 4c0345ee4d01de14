package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	cgroups = "/sys/fs/cgroup"
	// cgroup is the parent that containerd gives to all containers, and its name for Kubernetes' own.
	cgroup     = "k8s.io"
	taskFolder = "io.containerd.runtime.v2.task"
	// goneTimeout is for what the kernel does after a process was killed, however busy the machine is.
	goneTimeout = 5 * time.Minute
)

// programs are those that a node consists of; etcd and the API server included.
var programs = []string{
	"containerd", "containerd-shim-runc-v2", "runc", "kubelet", "kube-proxy", "kube-scheduler",
	"etcd", "kube-apiserver", "kube-controller-manager",
}

// killLeftovers ends the node's programs and containers that still run. It knows them by the node's folder in
// their arguments, and by their cgroup.
func killLeftovers(dir string) error {
	return eventually("the node's processes to end", func() error {
		left, err := ownProcesses(dir)
		if err != nil {
			return err
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("processes %v still run", left)
		}
		return nil
	})
}

func ownProcesses(dir string) ([]int, error) {
	pids, err := containerProcesses(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing the processes: %w", err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		commandLine, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err != nil { // it has ended meanwhile
			continue
		}
		arguments := strings.Split(string(commandLine), "\x00")
		inDir := func(argument string) bool { return strings.Contains(argument, dir+"/") }
		if slices.Contains(programs, filepath.Base(arguments[0])) && slices.ContainsFunc(arguments[1:], inDir) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// ownCgroups lists the cgroups of the node's containers in every hierarchy, children first. Their parent is not the
// node's alone, so the containers that containerd keeps in the node's folder tell which ones are.
func ownCgroups(dir string) ([]string, error) {
	containers, err := filepath.Glob(filepath.Join(dir, "run", taskFolder, cgroup, "*"))
	if err != nil {
		return nil, fmt.Errorf("listing the containers: %w", err)
	}
	var all []string
	for _, container := range containers {
		for _, group := range containerCgroups(filepath.Base(container)) {
			below, err := foldersBelow(group)
			if err != nil {
				return nil, fmt.Errorf("listing the cgroups: %w", err)
			}
			all = append(all, below...)
		}
	}
	slices.Reverse(all)
	return all, nil
}

// foldersBelow lists a folder, if there is one, and all that are in it, parents first.
func foldersBelow(root string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			all = append(all, path)
		}
		return err
	})
	return all, err
}

func containerProcesses(dir string) ([]int, error) {
	groups, err := ownCgroups(dir)
	if err != nil {
		return nil, err
	}
	return processesIn(groups)
}

func processesIn(groups []string) ([]int, error) {
	var pids []int
	for _, group := range groups {
		data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			continue // it has been removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("listing the processes of a cgroup: %w", err)
		}
		for text := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(text); err == nil && pid > 0 && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// containerCgroups are the places where a container's cgroups may be: version 1 has several hierarchies, version 2 one.
func containerCgroups(id string) []string {
	groups, _ := filepath.Glob(filepath.Join(cgroups, "*", cgroup, id)) // the pattern is a valid one
	return append(groups, filepath.Join(cgroups, cgroup, id))
}

func removeCgroups(dir string) error {
	return eventually("the node's cgroups to become empty", func() error {
		groups, err := ownCgroups(dir)
		if err != nil {
			return err
		}
		for _, group := range groups {
			if err := syscall.Rmdir(group); err != nil && !errors.Is(err, syscall.ENOENT) {
				return fmt.Errorf("removing cgroup %s: %w", group, err)
			}
		}
		// Also where no container's is left: containerd removes those of containers that end before it does, never the parent. One
		// that somebody else's containers are in is busy.
		for _, parent := range containerCgroups("") {
			if err := syscall.Rmdir(parent); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EBUSY) {
				return fmt.Errorf("removing cgroup %s: %w", parent, err)
			}
		}
		return nil
	})
}

// eventually tries again until there is no error, for as long as the kernel may take for its part.
func eventually(what string, try func() error) error {
	giveUp := time.Now().Add(goneTimeout)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("waited %s in vain for %s: %w", goneTimeout, what, err)
		}
		<-time.After(pollInterval)
	}
}
