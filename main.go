// Command manager is the operator: the SCIM server, which every replica runs, and
// the controllers, which one of them runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"
	_ "time/tzdata" // rules name zones, and the image has no files of them

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/membership"
	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/trust"
	"rservice.dev/scim-operator/api/userindex"
	"rservice.dev/scim-operator/console/cli"
	"rservice.dev/scim-operator/console/server"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/controllers/admission"
	"rservice.dev/scim-operator/controllers/clientscmd"
	"rservice.dev/scim-operator/controllers/erasure"
	"rservice.dev/scim-operator/controllers/rulescmd"
	"rservice.dev/scim-operator/scimserver"
	"rservice.dev/scim-operator/scimserver/answers"
	"rservice.dev/scim-operator/scimserver/issuers"
	"rservice.dev/scim-operator/scimserver/store"
)

// shutdownReserve is left for the controllers after the last SCIM request.
const shutdownReserve = 5 * time.Second

type options struct {
	manager        kube.Options
	server         scimserver.Options
	webhook        admission.Options
	console        server.Options
	bounds         bounds.Bounds
	privateIssuers []string
	logLevel       string
	logFormat      string
	version        bool
}

func main() {
	if args, asked := cli.Arguments(os.Args); asked {
		os.Exit(runCLI(args))
	}
	if len(os.Args) > 1 && os.Args[1] == "rules" {
		os.Exit(rulescmd.Run(ctrl.SetupSignalHandler(), os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "erase" {
		os.Exit(erasure.Run(ctrl.SetupSignalHandler(), os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "clients" {
		os.Exit(clientscmd.Run(ctrl.SetupSignalHandler(), os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "answers" {
		os.Exit(answers.Run(ctrl.SetupSignalHandler(), os.Args[2:], os.Stdout, os.Stderr))
	}
	o := options{}
	o.bind(flag.CommandLine) // which has --kubeconfig already
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: manager [flags]\n       manager rules test|lint|preview [flags]\n       manager erase [flags]\n       manager clients secret [flags]\n       manager answers [flags]\n       manager scim why|errors|connection|...   (as kubectl-scim: kubectl scim)\n\nFlags of the operator:")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "manager: there is no command %q; see manager --help\n", flag.Arg(0))
		os.Exit(2)
	}
	if o.version {
		fmt.Fprintln(os.Stdout, kube.ReadBuild())
		return
	}
	logger, err := newLogger(os.Stderr, o.logLevel, o.logFormat)
	if err = errors.Join(err, o.bounds.Check()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	if err := run(ctrl.SetupSignalHandler(), o, logger); err != nil {
		logger.Error(o.explain(err), "The operator has stopped")
		os.Exit(1)
	}
}

// runCLI is `kubectl scim`: what the libraries log there is of no use to whoever waits for an answer.
func runCLI(args []string) int {
	ctrl.SetLogger(logr.Discard())
	return cli.Run(ctrl.SetupSignalHandler(), args, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
}

func (o *options) bind(flags *flag.FlagSet) {
	flags.StringVar(&o.server.BindAddress, "scim-bind-address", ":8080", "where SCIM requests are served")
	flags.StringVar(&o.server.TLSCertDir, "scim-tls-cert-dir", "", "folder with tls.crt and tls.key; unset: plain HTTP, for an ingress that ends TLS")
	flags.Func("trusted-proxies", "the `CIDRs` of the proxies in front, with commas between them, whose X-Forwarded-For says where a request comes from; unset: the connection's address counts", func(text string) (err error) {
		o.server.TrustedProxies, err = scimserver.ParseProxies(text)
		return err
	})
	flags.Func("private-issuers", "the `hosts`, with commas between them, that issuers of tokens may have although their addresses are not public; unset: none", func(text string) (err error) {
		o.privateIssuers, err = issuers.ParseHosts(text)
		return err
	})
	o.bounds = bounds.Default()
	flags.IntVar(&o.bounds.RequestsPerSecond, "max-requests-per-second", o.bounds.RequestsPerSecond, "the most that spec.limits.requestsPerSecond of a ScimEndpoint may be; 0: anything, and no limit at all")
	flags.IntVar(&o.bounds.Burst, "max-burst", o.bounds.Burst, "the most that spec.limits.burst may be; 0: anything")
	flags.IntVar(&o.bounds.BodyBytes, "max-body-bytes", o.bounds.BodyBytes, "the most that spec.limits.maxBodyBytes may be, and the largest body where it is unset")
	flags.IntVar(&o.bounds.PageSize, "max-page-size", o.bounds.PageSize, "the most that spec.limits.maxPageSize may be, and the largest page of a list where it is unset")
	flags.StringVar(&o.manager.MetricsBindAddress, "metrics-bind-address", ":8081", "where Prometheus metrics are served; 0: nowhere")
	flags.StringVar(&o.manager.HealthProbeBindAddress, "health-probe-bind-address", ":8082", "where /healthz and /readyz are served; 0: nowhere")
	flags.StringVar(&o.manager.PprofBindAddress, "pprof-bind-address", "0", "where profiles are served below /debug/pprof, such as 127.0.0.1:8083; 0: nowhere. They show how the operator works, and taking one costs time: keep the address to the machine or pod itself")
	flags.StringVar(&o.webhook.BindAddress, "webhook-bind-address", "0", "where AutomationRules are checked for the API server, such as :9443; 0: nowhere")
	flags.StringVar(&o.webhook.CertDir, "webhook-cert-dir", "", "folder with tls.crt and tls.key for the webhook; unset: the operator makes its own certificate and tells the API server its CA")
	flags.StringVar(&o.webhook.ClientCA, "webhook-client-ca", "", "file with the CAs that sign the client certificate with which the API server calls the webhook; unset: it needs none")
	flags.StringVar(&o.webhook.Namespace, "webhook-namespace", "", "namespace of the Secret with the webhook's path and certificate; unset: the pod's own")
	flags.StringVar(&o.webhook.Secret, "webhook-secret", admission.DefaultSecret, "name of that Secret")
	flags.StringVar(&o.webhook.Configuration, "webhook-configuration", admission.DefaultConfiguration, "name of the ValidatingWebhookConfiguration that gets path and CA")
	flags.StringVar(&o.console.BindAddress, "console-bind-address", "0", "where the console is served, such as :8084; 0: nowhere")
	flags.StringVar(&o.console.TLSCertDir, "console-tls-cert-dir", "", "folder with tls.crt and tls.key for the console; unset: plain HTTP, for an ingress that ends TLS")
	flags.StringVar(&o.console.Config, "console-config", "", "file with a ConsoleConfiguration: the OpenID Connect provider of the console, and how long sessions last")
	flags.StringVar(&o.console.Namespace, "console-namespace", "", "namespace of the Secret with the keys of the console's sessions; unset: the pod's own")
	flags.BoolVar(&o.manager.LeaderElection, "leader-elect", true, "let one of several replicas run the controllers")
	flags.StringVar(&o.manager.LeaderElectionNamespace, "leader-election-namespace", "", "namespace of the election's Lease; unset: the pod's own")
	flags.DurationVar(&o.manager.LeaderElectionLease, "leader-election-lease", kube.DefaultLeaderElectionLease, "how long the controllers stand still when the leader's process dies; a leader that finds no API server for two thirds of it ends and starts again")
	flags.Func("namespaces", "the `names` of the namespaces to work in, with commas between them; unset: all", func(text string) (err error) {
		o.manager.Namespaces, err = kube.ParseNamespaces(text)
		return err
	})
	flags.StringVar(&o.logLevel, "log-level", "info", "info or debug")
	flags.StringVar(&o.logFormat, "log-format", "json", "json or text")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")
}

func run(ctx context.Context, o options, logger logr.Logger) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster (set --kubeconfig or KUBECONFIG outside of one): %w", err)
	}
	o.manager.Logger, o.server.Logger = logger, logger
	o.server.Bounds = o.bounds
	o.manager.GracefulShutdownTimeout = scimserver.DefaultShutdownTimeout + shutdownReserve
	if err := kube.AwaitAPIServer(ctx, config, o.manager.HealthProbeBindAddress, logger); err != nil {
		return err
	}
	informers := kube.NewInformerHealth(scimserver.Kinds()...)
	o.manager.Informers = informers
	mgr, err := kube.NewManager(config, o.manager)
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := registerIndexes(ctx, mgr.GetCache()); err != nil {
		return err
	}
	resources, err := store.NewTenants(ctx, store.Options{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache()}, o.manager.Namespaces)
	if err != nil {
		return fmt.Errorf("set up the store: %w", err)
	}
	for _, sweeper := range resources.Sweepers() {
		if err := mgr.Add(sweeper); err != nil {
			return fmt.Errorf("set up the sweeper: %w", err)
		}
	}
	for _, migrator := range resources.Migrators() {
		if err := mgr.Add(migrator); err != nil {
			return fmt.Errorf("set up the migrator: %w", err)
		}
	}
	if o.server.Issuers, err = newIssuers(ctx, mgr.GetCache(), o.privateIssuers, logger); err != nil {
		return err
	}
	if _, err := scimserver.SetupWithManager(ctx, mgr, resources, o.server); err != nil {
		return fmt.Errorf("set up the SCIM server: %w", err)
	}
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Exclusive: o.manager.LeaderElection, Faults: informers.Faults, Leave: resources.Leave, Bounds: o.bounds, Outages: o.server.Issuers.Outages,
	}); err != nil {
		return fmt.Errorf("set up the controllers: %w", err)
	}
	if err := o.setUpFaces(ctx, mgr); err != nil {
		return err
	}
	if err := informers.Publish(); err != nil {
		return fmt.Errorf("publish which kinds cannot be read as a metric: %w", err)
	}
	b := kube.ReadBuild()
	if err := b.Publish(); err != nil {
		return fmt.Errorf("publish the build as a metric: %w", err)
	}
	logger.Info("Starting", "version", b.Version, "commit", b.Commit, "go", b.GoVersion, "namespaces", o.manager.Namespaces)
	return mgr.Start(ctx)
}

// setUpFaces adds the webhook and the console.
func (o *options) setUpFaces(ctx context.Context, mgr ctrl.Manager) error {
	o.webhook.Watched, o.console.Namespaces, o.console.Logger = o.manager.Namespaces, o.manager.Namespaces, o.manager.Logger
	if err := admission.Setup(ctx, mgr, o.webhook); err != nil {
		return fmt.Errorf("set up the webhook: %w", err)
	}
	if err := server.Setup(ctx, mgr, o.console); err != nil {
		return fmt.Errorf("set up the console: %w", err)
	}
	return nil
}

// newIssuers verifies tokens of the issuers that ScimEndpoints trust.
func newIssuers(ctx context.Context, c cache.Cache, private []string, logger logr.Logger) (*issuers.Issuers, error) {
	i := issuers.New(ctx, issuers.Options{Reader: c, PrivateHosts: private, Logger: logger})
	if err := i.Watch(ctx, c); err != nil {
		return nil, fmt.Errorf("set up the issuers: %w", err)
	}
	return i, nil
}

// registerIndexes makes what the SCIM server and the controllers both look up be found.
func registerIndexes(ctx context.Context, c cache.Cache) error {
	own := kube.IndexPerNamespace(c)
	return errors.Join(membership.Register(ctx, own), userindex.Register(ctx, own), tokens.Register(ctx, c), trust.Register(ctx, c))
}

// explain says which flag changes an address that another program has taken.
func (o *options) explain(err error) error {
	var failed *net.OpError
	if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &failed) || failed.Addr == nil {
		return err
	}
	_, taken, _ := net.SplitHostPort(failed.Addr.String())
	for name, address := range map[string]string{
		"scim-bind-address":         o.server.BindAddress,
		"metrics-bind-address":      o.manager.MetricsBindAddress,
		"health-probe-bind-address": o.manager.HealthProbeBindAddress,
		"pprof-bind-address":        o.manager.PprofBindAddress,
		"webhook-bind-address":      o.webhook.BindAddress,
		"console-bind-address":      o.console.BindAddress,
	} {
		if _, port, splitErr := net.SplitHostPort(address); splitErr == nil && port == taken {
			return fmt.Errorf("%s is taken by another program; choose another address with --%s: %w", address, name, err)
		}
	}
	return err
}

func newLogger(w io.Writer, level, format string) (logr.Logger, error) {
	var slogLevel slog.Level
	if err := slogLevel.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level %q is neither info nor debug", level)
	}
	handlerOptions := &slog.HandlerOptions{Level: slogLevel}
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(w, handlerOptions)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(w, handlerOptions)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format %q is neither json nor text", format)
}
