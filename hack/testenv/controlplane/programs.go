package controlplane

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// StartEtcd starts etcd, again after StopProgram, and returns when it is healthy.
func (cp *ControlPlane) StartEtcd(ctx context.Context) error {
	process, err := cp.run(Etcd, cp.etcdArgs())
	if err != nil {
		return err
	}
	return cp.waitReady(ctx, process, cp.etcdURL()+"/health")
}

// StartAPIServer starts the API server, again after StopProgram, and returns when it is ready.
func (cp *ControlPlane) StartAPIServer(ctx context.Context) error {
	process, err := cp.run(APIServer, cp.apiServerArgs())
	if err != nil {
		return err
	}
	return cp.waitReady(ctx, process, cp.URL()+"/readyz")
}

// StopProgram ends one program, Etcd or APIServer, and kills it when it has not ended after grace.
func (cp *ControlPlane) StopProgram(name string, grace time.Duration) error {
	i := slices.IndexFunc(cp.processes, func(p *Process) bool { return p.Name == name })
	if i < 0 {
		return fmt.Errorf("%s is not running", name)
	}
	process := cp.processes[i]
	cp.processes = slices.Delete(cp.processes, i, i+1)
	return process.Stop(grace)
}

// StartControllers starts kube-controller-manager with garbage collection, namespace deletion, default service accounts, aggregated
// roles and type checks of admission policies, and with all other controllers when there is a node. Install custom resource definitions
// before: the garbage collector looks for new ones only every 30 seconds.
func (cp *ControlPlane) StartControllers() error {
	kubeconfig := cp.path("kube-controller-manager.kubeconfig")
	if err := cp.WriteKubeconfig(kubeconfig, "", "system:kube-controller-manager", adminGroup); err != nil {
		return err
	}
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
	if cp.opts.NodeAddress == "" {
		args = append(args, "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller,"+
			"clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller")
	} else {
		// Until a quota that is as new as the definitions has been counted anew, it refuses their objects: 5 minutes by default.
		args = append(args, "--root-ca-file="+cp.pki("ca.crt"), "--service-account-private-key-file="+cp.pki("service-accounts.key"),
			"--resource-quota-sync-period=10s")
	}
	_, err := cp.run("kube-controller-manager", args)
	return err
}

func (cp *ControlPlane) etcdArgs() []string {
	args := []string{
		"--name=default",
		"--data-dir=" + cp.path("etcd"),
		"--listen-client-urls=" + cp.etcdURL(),
		"--advertise-client-urls=" + cp.etcdURL(),
		"--listen-peer-urls=http://127.0.0.1:0", // there are no peers
		"--client-cert-auth",
		"--trusted-ca-file=" + cp.pki("ca.crt"),
		"--cert-file=" + cp.pki("etcd.crt"),
		"--key-file=" + cp.pki("etcd.key"),
		"--quota-backend-bytes=8589934592",
	}
	if !cp.opts.Durable {
		args = append(args, "--unsafe-no-fsync")
	}
	return args
}

// storageArgs say where the API server stores.
func (cp *ControlPlane) storageArgs() []string {
	args := []string{
		"--etcd-servers=" + cp.etcdURL(),
		"--etcd-cafile=" + cp.pki("ca.crt"),
		"--etcd-certfile=" + cp.pki("etcd-client.crt"),
		"--etcd-keyfile=" + cp.pki("etcd-client.key"),
	}
	if cp.opts.Storage != "" {
		args = []string{"--etcd-servers=" + cp.opts.Storage, "--etcd-prefix=/" + filepath.Base(cp.opts.Dir)}
	}
	if cp.opts.CompactionInterval != 0 {
		args = append(args, "--etcd-compaction-interval="+cp.opts.CompactionInterval.String())
	}
	return args
}

func (cp *ControlPlane) apiServerArgs() []string {
	args := append(cp.storageArgs(),
		"--bind-address="+cp.address(),
		"--advertise-address="+cp.address(),
		"--secure-port="+strconv.Itoa(cp.opts.APIPort),
		"--tls-cert-file="+cp.pki("kube-apiserver.crt"),
		"--tls-private-key-file="+cp.pki("kube-apiserver.key"),
		"--client-ca-file="+cp.pki("ca.crt"),
		"--cert-dir="+cp.path("pki"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+cp.pki("service-accounts.key"),
		"--service-account-signing-key-file="+cp.pki("service-accounts.key"),
		"--service-cluster-ip-range="+cp.opts.ServiceRange,
	)
	for _, plugin := range cp.opts.AdmissionPlugins {
		args = append(args, "--enable-admission-plugins="+plugin)
	}
	if cp.opts.AdmissionConfig != "" {
		args = append(args, "--admission-control-config-file="+cp.opts.AdmissionConfig)
	}
	if cp.opts.FeatureGates != "" {
		args = append(args, "--feature-gates="+cp.opts.FeatureGates)
	}
	if cp.opts.NoWebhooks {
		args = append(args, "--disable-admission-plugins=ValidatingAdmissionWebhook")
	}
	if cp.opts.NodeAddress == "" {
		args = append(args,
			"--authorization-mode=RBAC",
			"--endpoint-reconciler-type=none") // the API server is not reached through a Service
	} else {
		args = append(args,
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			"--allow-privileged",
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate="+cp.pki("kubelet-client.crt"),
			"--kubelet-client-key="+cp.pki("kubelet-client.key"))
	}
	if cp.opts.Audit {
		args = append(args,
			"--audit-policy-file="+cp.path("audit-policy.yaml"),
			"--audit-log-path="+cp.AuditLog(),
			"--audit-log-mode=blocking",
			"--audit-log-maxsize=1000000", // megabytes: never rotated, readers keep an offset
		)
	}
	return args
}
