package node

import (
	"fmt"
	"os"
	"path/filepath"
)

// Addresses of the node, all in one range that nothing else on the machine may use.
const (
	networkRange = "10.250.0.0/16"
	address      = "10.250.0.1"
	podRange     = "10.250.64.0/18"
	serviceRange = "10.250.128.0/24"
	apiPort      = 6443

	// bridgeDevice holds the node's address: kubelet takes none of the loopback device.
	bridgeDevice = "scim-node"
	// cniNetwork is part of the names of the files that CNI keeps outside of the node's folder.
	cniNetwork = "scim-operator-test"

	// Name is that of the only Node.
	Name = "scim-node"
	// PauseImage is the image of every pod's first process.
	PauseImage = "scim-operator.test/pause:1"
)

// containerdConfig: without CAP_SYS_RESOURCE no process may be given a lower OOM score than its parent has, and runc
// gives up when it tries.
const containerdConfig = `version = 2
root = %[1]q
state = %[2]q
[grpc]
  address = %[3]q
[plugins."io.containerd.internal.v1.opt"]
  path = %[4]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[5]q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %[6]q
    conf_dir = %[7]q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = %[8]q
`

// cniConfig gives each pod a link of its own to the node. All traffic between pods is routed, so that answers pass the
// rules that translated the addresses of their requests; a bridge would need a kernel module for that. There is no
// masquerading: pods reach each other and the node, and nothing outside of the machine.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": %[1]q,
  "plugins": [{
    "type": "ptp",
    "ipam": {"type": "host-local", "dataDir": %[3]q, "ranges": [[{"subnet": %[2]q}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}
`

// kubeletConfig: the machine may have cgroup version 1 without the hierarchy of QoS classes, or swap. Images are never
// collected, since nothing could bring them back.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]q
healthzPort: 0
readOnlyPort: 0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[2]q}
authorization: {mode: Webhook}
containerRuntimeEndpoint: "unix://%[3]s"
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
podLogsDir: %[4]q
volumePluginDir: %[5]q
resolvConf: ""
imageMaximumGCAge: 0s
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%%, imagefs.available: 1%%}
syncFrequency: 10s
nodeStatusUpdateFrequency: 5s
`

// proxyConfig leaves the machine's connection tracking as it is.
const proxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: %[1]q
hostnameOverride: %[2]q
bindAddress: %[3]q
healthzBindAddress: "%[3]s:10256"
metricsBindAddress: "%[3]s:10249"
clientConnection: {kubeconfig: %[4]q}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
`

// paths are the files and folders of a node.
type paths struct{ dir string }

func (p paths) in(names ...string) string {
	return filepath.Join(append([]string{p.dir}, names...)...)
}

func (p paths) socket() string { return p.in("run", "containerd.sock") }

func (p paths) podLogs() string { return p.in("logs", "pods") }

// write writes the configuration files of containerd, CNI, kubelet and kube-proxy.
func (p paths) write(caFile string) error {
	for _, dir := range []string{"run", "logs/pods", "cni/conf", "cni/ipam", "images", "kubelet"} {
		if err := os.MkdirAll(p.in(dir), 0o755); err != nil {
			return fmt.Errorf("making the node's folders: %w", err)
		}
	}
	files := map[string]string{
		"containerd.toml": fmt.Sprintf(containerdConfig, p.in("containerd"), p.in("run"), p.socket(), p.in("opt"), PauseImage,
			cniPlugins, p.in("cni", "conf"), p.in("runc")),
		"cni/conf/10-pods.conflist": fmt.Sprintf(cniConfig, cniNetwork, podRange, p.in("cni", "ipam")),
		"kubelet.yaml":              fmt.Sprintf(kubeletConfig, address, caFile, p.socket(), p.podLogs(), p.in("kubelet", "volume-plugins")),
		"kube-proxy.yaml":           fmt.Sprintf(proxyConfig, podRange, Name, address, p.in("kube-proxy.kubeconfig")),
	}
	for name, content := range files {
		if err := os.WriteFile(p.in(name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("writing the node's configuration: %w", err)
		}
	}
	return nil
}
