// Package server serves the console in the operator, on every replica.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/strangers"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/login"
	"rservice.dev/scim-operator/console/pages"
)

const (
	// maxConnections bounds how many browsers hold a connection.
	maxConnections = 2048
	// maxStreams bounds the requests of one connection at the same time.
	maxStreams = 64
	// shutdownTimeout is how long a stop waits for pages; streams of changes end at once.
	shutdownTimeout = 20 * time.Second
	// namespaceFile tells a pod its namespace.
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// Options say how the console is served.
type Options struct {
	// BindAddress is where it is served; "" and "0" switch it off.
	BindAddress string
	// TLSCertDir is a folder with tls.crt and tls.key, which are read again when they change. Empty: plain HTTP, for an ingress that
	// ends TLS.
	TLSCertDir string
	// Config is the file of a login.Configuration.
	Config string
	// Namespace is where the Secret with the keys of sessions is; empty: the namespace that the pod runs in.
	Namespace string
	// Namespaces are those that the operator works in; empty: all.
	Namespaces []string
	// Logger gets the audit log and errors.
	Logger logr.Logger
}

// Off reports whether the console is not served.
func (o Options) Off() bool { return o.BindAddress == "" || o.BindAddress == "0" }

// Server is a manager.Runnable.
type Server struct {
	options Options
	handler http.Handler
	certs   *certwatcher.CertWatcher
	log     logr.Logger
	address atomic.Pointer[string]
	// stopping is closed when the server stops.
	stopping chan struct{}
}

// Setup adds the console to a manager whose cache has the indexes of the SCIM server and the controllers. Without an address it does
// nothing.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if o.Off() {
		return nil
	}
	s, err := New(ctx, mgr, o)
	if err != nil {
		return err
	}
	if err := mgr.Add(s); err != nil {
		return fmt.Errorf("add the console: %w", err)
	}
	return nil
}

// New makes a Server, and adds to the manager what it needs beside itself.
func New(ctx context.Context, mgr ctrl.Manager, o Options) (*Server, error) {
	if o.Config == "" {
		return nil, errors.New("--console-bind-address needs --console-config: who may log in, and how")
	}
	configuration, err := login.ReadConfiguration(o.Config)
	if err != nil {
		return nil, err
	}
	// Replicas that do not lead need them, too.
	for _, kind := range access.Held() {
		if _, err := mgr.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("cache %T: %w", kind, err)
		}
	}
	keys, err := o.keys(mgr, configuration)
	if err != nil {
		return nil, err
	}
	if err := mgr.Add(keys); err != nil {
		return nil, fmt.Errorf("add the keys of the console: %w", err)
	}
	s := &Server{options: o, log: o.Logger.WithName("console"), stopping: make(chan struct{})}
	sessions, err := login.New(ctx, login.Options{
		Configuration: configuration, Keys: keys, Logger: s.log, Caller: access.NewImpersonator(mgr, o.Namespaces).Caller,
	})
	if err != nil {
		return nil, err
	}
	if s.handler, err = s.pages(mgr, configuration, sessions); err != nil {
		return nil, err
	}
	if o.TLSCertDir == "" {
		return s, nil
	}
	if s.certs, err = certwatcher.New(filepath.Join(o.TLSCertDir, "tls.crt"), filepath.Join(o.TLSCertDir, "tls.key")); err != nil {
		return nil, fmt.Errorf("read tls.crt and tls.key from %s: %w", o.TLSCertDir, err)
	}
	if err := mgr.Add(s.certs); err != nil {
		return nil, fmt.Errorf("watch the console's TLS certificate: %w", err)
	}
	return s, nil
}

// keys are read and written without the cache, which does not hold them.
func (o Options) keys(mgr ctrl.Manager, configuration *login.Configuration) (*login.Keys, error) {
	namespace := o.Namespace
	if namespace == "" {
		data, err := os.ReadFile(namespaceFile)
		if err != nil {
			return nil, fmt.Errorf("find the namespace of the console's Secret (set --console-namespace outside of a pod): %w", err)
		}
		namespace = strings.TrimSpace(string(data))
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	live, err := client.New(mgr.GetConfig(), client.Options{Scheme: scheme, HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &login.Keys{
		Client: live, Secret: client.ObjectKey{Namespace: namespace, Name: login.DefaultSecret},
		Lifetime: configuration.Session.Lifetime.Duration, Log: o.Logger.WithName("console"),
	}, nil
}

func (s *Server) pages(mgr ctrl.Manager, configuration *login.Configuration, sessions pages.Sessions) (http.Handler, error) {
	base, err := url.Parse(configuration.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("baseURL: %w", err)
	}
	return pages.New(pages.Options{
		Sessions: sessions, Hosts: []string{base.Host}, TLS: base.Scheme == "https", Logger: s.log,
		EventWriter: mgr.GetClient(), Stopping: s.stopping,
		Namespaces: func(ctx context.Context, _ access.Caller) ([]string, error) { return s.namespaces(ctx, mgr.GetCache()) },
	})
}

// namespaces are those with a ScimEndpoint. The pages show of them what the visitor may see.
func (s *Server) namespaces(ctx context.Context, reader client.Reader) ([]string, error) {
	if len(s.options.Namespaces) > 0 {
		return slices.Clone(s.options.Namespaces), nil
	}
	list := &v1alpha1.ScimEndpointList{}
	if err := reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("find the tenants' namespaces: %w", err)
	}
	found := map[string]bool{}
	for i := range list.Items {
		found[list.Items[i].Namespace] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.handler }

// Address is where the console is served, with the port that the system chose for port 0; "" while it is not.
func (s *Server) Address() string {
	if address := s.address.Load(); address != nil {
		return *address
	}
	return ""
}

// Start implements manager.Runnable.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.BindAddress)
	if err != nil {
		return fmt.Errorf("serve the console: %w", err)
	}
	address := listener.Addr().String()
	s.log.Info("Serving the console", "address", address, "tls", s.certs != nil)
	server := pages.NewHTTPServer(s.handler)
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	server.ErrorLog = slog.NewLogLogger(logr.ToSlogHandler(s.log), slog.LevelDebug)
	// Streams of changes have no end of their own that a stop, and with it the next leader, would wait for.
	server.RegisterOnShutdown(func() { close(s.stopping) })
	bounded := strangers.New(maxConnections, func() {}).Bind(server, listener)
	ended := make(chan error, 1)
	go func() {
		if s.certs != nil {
			server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certs.GetCertificate}
			ended <- server.ServeTLS(bounded, "", "")
			return
		}
		ended <- server.Serve(bounded)
	}()
	s.address.Store(&address)
	defer s.address.Store(nil)
	select {
	case err := <-ended:
		return fmt.Errorf("serve the console: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("pages of the console were cut off: %w", err), server.Close())
	}
	return nil
}
