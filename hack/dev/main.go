// Command dev runs the whole project on this machine: etcd, kube-apiserver, kube-controller-manager and the operator, with
// the default rules and a sample endpoint. Data stays in bin/dev; Ctrl-C stops everything. `make run` calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

// options are the command's flags.
type options struct {
	scimPort, metricsPort, probePort, webhookPort int
	apiPort, etcdPort                             int
	data                                          string
	namespace                                     string
	withoutOperator                               bool
}

func (o *options) bind(flags *flag.FlagSet) {
	flags.IntVar(&o.scimPort, "scim-port", 8080, "port of the SCIM server")
	flags.IntVar(&o.probePort, "probe-port", 8082, "port of the operator's health probes")
	flags.IntVar(&o.metricsPort, "metrics-port", 8081, "port of the operator's metrics")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "port on which the operator checks rules for the API server")
	flags.IntVar(&o.apiPort, "api-port", 16443, "port of the Kubernetes API server")
	flags.IntVar(&o.etcdPort, "etcd-port", 12379, "port of etcd")
	flags.StringVar(&o.data, "data", filepath.Join("bin", "dev"), "folder of data, certificates and logs")
	flags.StringVar(&o.namespace, "namespace", "scim-demo", "namespace of the sample endpoint, rules and organizations")
	flags.BoolVar(&o.withoutOperator, "without-operator", false, "start everything but the operator, to run it under a debugger")
}

func main() {
	log.SetLogger(logr.Discard()) // the client of controller-runtime complains without one
	var opts options
	opts.bind(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "dev: unknown argument %q, see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals.Done()
		stop() // a second Ctrl-C ends the runner at once, and the kernel then ends its children
	}()
	if err := start(signals, opts); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// start runs until signals is done, which is no error, or until something fails.
func start(signals context.Context, opts options) error {
	if err := checkPorts(signals, opts); err != nil {
		return err
	}
	root, err := assets.RepositoryRoot()
	if err != nil {
		return err
	}
	data, err := filepath.Abs(opts.data)
	if err != nil {
		return fmt.Errorf("finding the data folder: %w", err)
	}
	release, err := lockData(data)
	if err != nil {
		return err
	}
	defer release()
	r := &runner{opts: opts, root: root, data: data, out: os.Stdout}
	err = r.run(signals)
	if signals.Err() != nil {
		fmt.Fprintln(os.Stdout, "dev: stopped; the next `make run` finds the data again")
		return r.stopErr
	}
	return err
}
