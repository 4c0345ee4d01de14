// Package controlplane runs etcd, kube-apiserver and kube-controller-manager as child processes on loopback addresses.
//
// It is used for tests, where everything is new each time, and by the dev runner, where data and certificates stay.
package controlplane

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	// stallTimeout is how long a program may be silent while it starts: it writes nothing to its log, and answers a probe as
	// before. How long it takes altogether is the machine's affair.
	stallTimeout = 2 * time.Minute
	stopGrace    = 10 * time.Second

	adminGroup = "system:masters"

	defaultServiceRange = "10.0.0.0/24"
)

// The programs that can be stopped and started again.
const (
	Etcd      = "etcd"
	APIServer = "kube-apiserver"
)

// Options say where a control plane keeps its files and how it serves.
type Options struct {
	// Binaries is the folder of etcd, kube-apiserver and kube-controller-manager.
	Binaries string
	// Dir holds data, certificates and logs. What is there from an earlier start is used again.
	Dir string
	// APIPort and EtcdPort are TCP ports on 127.0.0.1; 0 picks a free one.
	APIPort, EtcdPort int
	// Storage is the address of something that speaks etcd's protocol without TLS, such as unix:///run/kine.sock. The API
	// server stores there, under the name of Dir, and no etcd is started.
	Storage string
	// CompactionInterval is how long the API server keeps history; unset: its default of 5 minutes.
	CompactionInterval time.Duration
	// Durable makes etcd wait for the disk, so that a crash of the machine loses nothing. Tests are faster without.
	Durable bool
	// Audit makes the API server log every write to AuditLog.
	Audit bool
	// NodeAddress is for a control plane with a node: an IPv4 address of this machine that is not a loopback one, where the
	// API server serves in the place of 127.0.0.1. Pods reach it there and through the Service "kubernetes", and
	// StartControllers starts all controllers.
	NodeAddress string
	// AdmissionPlugins are admission plugins that the API server has beside those of its default.
	AdmissionPlugins []string
	// AdmissionConfig is a file with the configuration of the API server's admission plugins; unset: none.
	AdmissionConfig string
	// FeatureGates are what the API server is to do otherwise than by default, such as Name=false; unset: nothing.
	FeatureGates string
	// NoWebhooks keeps the API server from calling validating webhooks: without a node, the address of a Service leads elsewhere.
	NoWebhooks bool
	// ServiceRange is the range of Services' addresses; unset: 10.0.0.0/24.
	ServiceRange string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	opts      Options
	ca        *authority
	processes []*Process
}

// Start starts etcd and kube-apiserver and returns when the API server is ready. On an error nothing is left running.
func Start(ctx context.Context, opts Options) (*ControlPlane, error) {
	for _, dir := range []string{opts.Dir, filepath.Join(opts.Dir, "logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the control plane's folder: %w", err)
		}
	}
	if err := fillPorts(ctx, &opts.APIPort, &opts.EtcdPort); err != nil {
		return nil, err
	}
	opts.ServiceRange = cmp.Or(opts.ServiceRange, defaultServiceRange)
	cp := &ControlPlane{opts: opts}
	if err := cp.start(ctx); err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

func (cp *ControlPlane) start(ctx context.Context) error {
	if err := cp.prepareCertificates(); err != nil {
		return err
	}
	if cp.opts.Storage == "" {
		if err := cp.StartEtcd(ctx); err != nil {
			return err
		}
	}
	if cp.opts.Audit {
		if err := os.WriteFile(cp.path("audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
			return fmt.Errorf("writing the audit policy: %w", err)
		}
	}
	return cp.StartAPIServer(ctx)
}

// Stop ends everything in the reverse order of its start. The files stay.
func (cp *ControlPlane) Stop() error {
	var errs []error
	for _, process := range slices.Backward(cp.processes) {
		errs = append(errs, process.Stop(stopGrace))
	}
	cp.processes = nil
	return errors.Join(errs...)
}

// Processes lists the running programs, so that a caller can watch them.
func (cp *ControlPlane) Processes() []*Process { return cp.processes }

// URL is the API server's address.
func (cp *ControlPlane) URL() string {
	return "https://" + net.JoinHostPort(cp.address(), strconv.Itoa(cp.opts.APIPort))
}

// CAFile is the certificate of the authority that signed all others.
func (cp *ControlPlane) CAFile() string { return cp.pki("ca.crt") }

// AuditLog is the file of the API server's audit events, one JSON object a line.
func (cp *ControlPlane) AuditLog() string { return cp.path("audit.log") }

// AdminConfig returns a configuration that may do everything.
func (cp *ControlPlane) AdminConfig() (*rest.Config, error) {
	return cp.UserConfig("admin", adminGroup)
}

// UserConfig returns a configuration that authenticates as this user by a client certificate.
func (cp *ControlPlane) UserConfig(user string, groups ...string) (*rest.Config, error) {
	return userConfig(cp.ca, cp.URL(), user, groups)
}

// IssueConfig is UserConfig for another process: dir is the Options.Dir of a control plane that serves at url.
func IssueConfig(dir, url, user string, groups ...string) (*rest.Config, error) {
	ca, err := loadAuthority(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, err
	}
	return userConfig(ca, url, user, groups)
}

func userConfig(ca *authority, url, user string, groups []string) (*rest.Config, error) {
	pair, err := ca.issueClient(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            url,
		TLSClientConfig: rest.TLSClientConfig{CAData: ca.certPEM(), CertData: pair.cert, KeyData: pair.key},
		QPS:             -1, // the server's priority and fairness limits, not the client
	}, nil
}

// WriteKubeconfig writes a kubeconfig file for this user, with namespace as the default one.
func (cp *ControlPlane) WriteKubeconfig(path, namespace, user string, groups ...string) error {
	cfg, err := cp.UserConfig(user, groups...)
	if err != nil {
		return err
	}
	const name = "scim-operator-dev"
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	kubeconfig.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user, Namespace: namespace}
	kubeconfig.CurrentContext = name
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}

func (cp *ControlPlane) prepareCertificates() error {
	ca, err := loadOrCreateAuthority(cp.path("pki"))
	if err != nil {
		return err
	}
	cp.ca = ca
	for _, name := range []string{"etcd", "kube-apiserver"} {
		pair, err := ca.issueServer(name, cp.address(), cp.opts.ServiceRange)
		if err != nil {
			return err
		}
		if err := pair.write(ca.dir, name); err != nil {
			return err
		}
	}
	pair, err := ca.issueClient("kube-apiserver")
	if err != nil {
		return err
	}
	if err := pair.write(ca.dir, "etcd-client"); err != nil {
		return err
	}
	if pair, err = ca.issueClient("kube-apiserver", adminGroup); err != nil {
		return err
	}
	if err := pair.write(ca.dir, "kubelet-client"); err != nil {
		return err
	}
	return ensureSigningKey(cp.pki("service-accounts.key"))
}

func (cp *ControlPlane) run(name string, args []string) (*Process, error) {
	process, err := StartProcess(name, cp.path("logs"), filepath.Join(cp.opts.Binaries, name), args, nil)
	if err != nil {
		return nil, err
	}
	cp.processes = append(cp.processes, process)
	return process, nil
}

// waitReady polls url until it answers 200.
func (cp *ControlPlane) waitReady(ctx context.Context, process *Process, url string) error {
	client, err := cp.probeClient()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return wait(ctx, process, stallTimeout, func() error { return probe(ctx, client, url) })
}

// wait tries again until there is no error. It gives up when the process has ended or has been silent for stall, or ctx is over.
func wait(ctx context.Context, process *Process, stall time.Duration, try func() error) error {
	var before string
	var stalled <-chan time.Time
	silent := false
	for {
		last := try()
		if last == nil {
			return nil
		}
		now := fmt.Sprint(process.logSize(), last)
		if now == before && silent {
			return fmt.Errorf("%s is not ready and has done nothing for %s: %w; its log ends with:\n%s", process.Name, stall, last, process.LogTail())
		}
		if now != before {
			before, stalled, silent = now, time.After(stall), false
		}
		select {
		case <-process.Done():
			return process.ExitError()
		case <-stalled:
			silent = true // unless it has done something since the last look: on a busy machine that may be long ago
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %w; its log ends with:\n%s", process.Name, last, process.LogTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func probe(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

// probeClient trusts the CA and shows the certificate that etcd and the API server accept.
func (cp *ControlPlane) probeClient() (*http.Client, error) {
	pair, err := cp.ca.issueClient("readiness-probe", adminGroup)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(pair.cert, pair.key)
	if err != nil {
		return nil, fmt.Errorf("loading the probe's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cp.ca.cert)
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		},
	}, nil
}

func (cp *ControlPlane) etcdURL() string { return "https://" + loopback(cp.opts.EtcdPort) }

func (cp *ControlPlane) address() string { return cmp.Or(cp.opts.NodeAddress, "127.0.0.1") }

func (cp *ControlPlane) path(name string) string { return filepath.Join(cp.opts.Dir, name) }

func (cp *ControlPlane) pki(name string) string { return filepath.Join(cp.opts.Dir, "pki", name) }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
