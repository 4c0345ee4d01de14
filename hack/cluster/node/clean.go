package node

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// clean removes whatever a node whose programs are not needed any more has left on the machine: processes, mounts, network
// devices, rules, cgroups, files; and sets the kernel's settings as they were. It does as much as it can, also
// after an error.
func clean(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil // nothing was begun
	}
	err := errors.Join(killLeftovers(dir), removeShimSockets(dir), unmountAll(dir), removeNetwork(), removeCgroups(dir),
		removeFiles(dir), restoreMachine(filepath.Join(dir, machineFile)))
	if err != nil {
		return fmt.Errorf("cleaning up after the node: %w", err)
	}
	if left, err := mountsBelow(dir); err != nil || len(left) > 0 {
		return fmt.Errorf("%s is not deleted, as something is mounted there: %v: %w", dir, left, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("deleting the node's folder: %w", err)
	}
	return nil
}

// mountsBelow lists the mount points in a folder, the latest first.
func mountsBelow(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing the mounts: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	var mounts []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		const mountPoint = 4
		fields := strings.Fields(lines.Text())
		if len(fields) > mountPoint && strings.HasPrefix(fields[mountPoint], dir+"/") {
			mounts = append(mounts, fields[mountPoint])
		}
	}
	slices.Reverse(mounts)
	return mounts, lines.Err()
}

func unmountAll(dir string) error {
	return eventually("the node's mounts to go", func() error {
		mounts, err := mountsBelow(dir)
		if err != nil {
			return err
		}
		for _, mount := range mounts {
			if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
				return fmt.Errorf("unmounting %s: %w", mount, err)
			}
		}
		if len(mounts) > 0 {
			return fmt.Errorf("%d were there", len(mounts)) // look again: one may have been below another
		}
		return nil
	})
}

// removeNetwork deletes the node's device and kube-proxy's tables. The links of pods go with their network namespaces.
func removeNetwork() error {
	var errs []error
	if _, err := os.Stat("/sys/class/net/" + bridgeDevice); err == nil {
		_, err := run("ip", "link", "delete", bridgeDevice)
		errs = append(errs, err)
	}
	tables, err := run("nft", "list", "tables")
	errs = append(errs, err)
	for line := range strings.SplitSeq(tables, "\n") {
		// "table FAMILY NAME"
		if words := strings.Fields(line); len(words) == 3 && words[2] == "kube-proxy" {
			_, err := run("nft", "delete", "table", words[1], words[2])
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeShimSockets deletes the sockets of the processes that watched the containers: a killed one leaves its own.
func removeShimSockets(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "run", taskFolder, cgroup, "*", "address"))
	if err != nil {
		return fmt.Errorf("listing the containers: %w", err)
	}
	var errs []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		socket := strings.TrimPrefix(strings.TrimSpace(string(data)), "unix://")
		if filepath.Dir(socket) == shimSockets {
			errs = append(errs, removeIfThere(socket))
		}
	}
	return errors.Join(errs...)
}

// removeFiles deletes what is outside of the node's folder and belongs to the node.
func removeFiles(dir string) error {
	results, err := filepath.Glob(filepath.Join(cniResults, cniNetwork+"-*"))
	if err != nil {
		return fmt.Errorf("listing CNI's results: %w", err)
	}
	var errs []error
	for _, file := range results {
		pod := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), cniNetwork+"-"), "-eth0")
		errs = append(errs, removeIfThere(file), removeIfThere(filepath.Join(cniResults, "cni-loopback-"+pod+"-lo")))
	}
	errs = append(errs, removeIfThere(filepath.Join(devicePlugins, "kubelet.sock")))
	links, err := filepath.Glob(filepath.Join(containerLogs, "*.log"))
	if err != nil {
		return fmt.Errorf("listing the containers' logs: %w", err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			errs = append(errs, removeIfThere(link))
		}
	}
	return errors.Join(errs...)
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
