package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// cniPlugins is where Debian installs the CNI plugins.
const cniPlugins = "/usr/lib/cni"

// needs are the programs that the node uses, and the Debian packages that have them.
var needs = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"nft", "nftables"},
	{"ip", "iproute2"},
	{cniPlugins + "/ptp", "containernetworking-plugins"},
	{cniPlugins + "/host-local", "containernetworking-plugins"},
	{cniPlugins + "/loopback", "containernetworking-plugins"},
}

// Preflight says what keeps this machine from being a node: rights or programs that are missing.
func Preflight() error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root: it makes namespaces, mounts and network devices")
	}
	var missing []string
	for _, need := range needs {
		if _, err := find(need.program); err != nil && !slices.Contains(missing, need.pkg) {
			missing = append(missing, need.pkg)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("programs are missing; on Debian: apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	return nil
}

// find returns the path of a program. Those of administrators may not be on the PATH.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, folder := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s on this machine", program)
}

// checkNetworkIsFree makes sure that nobody else uses the node's addresses or kube-proxy's tables: Clean would delete them.
func checkNetworkIsFree() error {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("listing this machine's addresses: %w", err)
	}
	ours := netip.MustParsePrefix(networkRange)
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err == nil && ours.Overlaps(prefix) {
			return fmt.Errorf("this machine has the address %s, and the node needs all of %s for itself", prefix, networkRange)
		}
	}
	tables, err := run("nft", "list", "tables")
	if err != nil {
		return err
	}
	if strings.Contains(tables, "kube-proxy") {
		return errors.New("this machine has kube-proxy's nftables already, so another Kubernetes node runs here; stop it first")
	}
	return nil
}

// run runs a program to its end and returns its output. The error includes what the program said.
func run(program string, arguments ...string) (string, error) {
	path, err := find(program)
	if err != nil {
		return "", err
	}
	output, err := exec.Command(path, arguments...).CombinedOutput() //nolint:noctx // these programs end at once
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, strings.TrimSpace(string(output)))
	}
	return string(output), nil
}
