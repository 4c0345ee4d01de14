package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kernelSettings are those that kubelet, kube-proxy and CNI change, below /proc/sys.
var kernelSettings = []string{
	"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
	"vm/overcommit_memory", "vm/panic_on_oom",
	"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet",
}

const procSys = "/proc/sys"

// recordMachine keeps the kernel settings as they are now in a file, so that they can be set again even by another process.
func recordMachine(file string) error {
	settings := map[string]string{}
	for _, name := range kernelSettings {
		value, err := os.ReadFile(filepath.Join(procSys, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a kernel setting: %w", err)
		}
		settings[name] = strings.TrimSpace(string(value))
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encoding the kernel's settings: %w", err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("keeping the kernel's settings: %w", err)
	}
	return nil
}

// restoreMachine sets what recordMachine has kept. Without a file there is nothing to restore.
func restoreMachine(file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the kept kernel settings: %w", err)
	}
	settings := map[string]string{}
	if err := json.Unmarshal(data, &settings); err != nil {
		return fmt.Errorf("reading %s, delete it to go on without restoring the kernel's settings: %w", file, err)
	}
	var errs []error
	for name, value := range settings {
		path := filepath.Join(procSys, name)
		now, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(now)) != value {
			err = os.WriteFile(path, []byte(value), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("restoring a kernel setting: %w", err))
		}
	}
	return errors.Join(errs...)
}
