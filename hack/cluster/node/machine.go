package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const procSys = "/proc/sys"

// kernelSettings are those that kubelet, kube-proxy and CNI change, below /proc/sys.
var kernelSettings = []string{
	"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
	"vm/overcommit_memory", "vm/panic_on_oom",
	"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet",
}

// Places outside of the node's folder, which containerd, CNI and kubelet cannot be told to leave alone.
const (
	shimSockets   = "/run/containerd/s"
	cniResults    = "/var/lib/cni/results"
	containerLogs = "/var/log/containers"
	// devicePlugins is where kubelet listens for device plugins, whatever its --root-dir.
	devicePlugins = "/var/lib/kubelet/device-plugins"
)

// sharedFolders are made when they are missing, also by mount(8), which kubelet calls.
var sharedFolders = []string{
	shimSockets, filepath.Dir(shimSockets), cniResults, filepath.Dir(cniResults), containerLogs, "/run/mount",
	devicePlugins, filepath.Dir(devicePlugins),
}

// machine is what has to be as before when the node is gone. It is kept in a file, so that another process can see to it.
type machine struct {
	// Settings are values of the kernel, by their names below /proc/sys.
	Settings map[string]string `json:"settings"`
	// Absent are shared folders that were not there.
	Absent []string `json:"absent"`
}

// recordMachine keeps how things are now in a file.
func recordMachine(file string) error {
	before := machine{Settings: map[string]string{}}
	for _, name := range kernelSettings {
		value, err := os.ReadFile(filepath.Join(procSys, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a kernel setting: %w", err)
		}
		before.Settings[name] = strings.TrimSpace(string(value))
	}
	for _, folder := range sharedFolders {
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			before.Absent = append(before.Absent, folder)
		}
	}
	data, err := json.Marshal(before)
	if err != nil {
		return fmt.Errorf("encoding the machine's state: %w", err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("keeping the machine's state: %w", err)
	}
	return nil
}

// restoreMachine brings back what recordMachine has kept. Without a file there is nothing to restore.
func restoreMachine(file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the machine's state: %w", err)
	}
	var before machine
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("reading %s, delete it to go on without restoring the kernel's settings: %w", file, err)
	}
	var errs []error
	for name, value := range before.Settings {
		path := filepath.Join(procSys, name)
		now, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(now)) != value {
			err = os.WriteFile(path, []byte(value), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("restoring a kernel setting: %w", err))
		}
	}
	for _, folder := range before.Absent {
		err := syscall.Rmdir(folder) // unless something of someone else's is in it by now
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTEMPTY) {
			errs = append(errs, fmt.Errorf("deleting %s: %w", folder, err))
		}
	}
	return errors.Join(errs...)
}
