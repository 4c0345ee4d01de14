package scimserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/strangers"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/issuers"
	"rservice.dev/scim-operator/scimserver/oauth"
)

// syncPoll is how often a starting server looks whether the store is complete.
const syncPoll = 50 * time.Millisecond

// Options are the settings of a Server.
type Options struct {
	// BindAddress is where SCIM requests are served, such as ":8080".
	BindAddress string
	// TLSCertDir is a folder with tls.crt and tls.key, which are read again when they
	// change. Empty means plain HTTP, for an ingress that ends TLS.
	TLSCertDir string
	// ShutdownTimeout is how long a stop waits for requests being served; 0 means
	// DefaultShutdownTimeout.
	ShutdownTimeout time.Duration
	// TrustedProxies are the networks of proxies: of a connection from there X-Forwarded-For says where a request comes from.
	// Those of its clients must not be among them. Empty: it is not looked at.
	TrustedProxies []netip.Prefix
	// Bounds are what endpoints may ask for. The zero value lets them ask for as much as the server can do.
	Bounds bounds.Bounds
	// Issuers verifies the tokens of issuers that endpoints trust. Nil: none is trusted.
	Issuers *issuers.Issuers
	// Logger gets the access log, the audit log and errors.
	Logger logr.Logger
}

// Server serves SCIM on every replica. It is a manager.Runnable.
type Server struct {
	options  Options
	store    resourceStore
	auth     authenticator
	clients  *oauth.Clients
	rates    *rates
	shares   *shares
	now      func() time.Time
	timeouts connectionTimeouts
	certs    *certwatcher.CertWatcher
	log      logr.Logger
	lastUse  *lastUse
	refusals *refusals
	address  atomic.Pointer[string]

	connections *strangers.Connections
	// unlogged is how many requests that were refused are not in the log, since the last one that is.
	unlogged atomic.Int64
}

// SetupWithManager makes a Server and adds it to the manager, with a readiness
// check. The store is a *store.Store or a *store.Tenants. The context is for registering informers.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, s resourceStore, o Options) (*Server, error) {
	auth, err := newStaticTokens(ctx, mgr.GetCache(), o.Bounds, time.Now)
	if err != nil {
		return nil, err
	}
	clients, err := oauth.New(ctx, mgr.GetCache(), mgr.GetClient(), o.Issuers, time.Now)
	if err != nil {
		return nil, err
	}
	kinds := authenticators{auth, accessTokens{clients, o.Bounds}}
	if o.Issuers != nil {
		known := trusted{o.Issuers, auth, o.Bounds}
		kinds = append(append(authenticators{verifiedBefore{known}}, kinds...), known)
	}
	server := newServer(s, kinds, o)
	server.clients = clients
	if o.TLSCertDir != "" {
		server.certs, err = certwatcher.New(filepath.Join(o.TLSCertDir, "tls.crt"), filepath.Join(o.TLSCertDir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("read tls.crt and tls.key from %s: %w", o.TLSCertDir, err)
		}
		if err := mgr.Add(server.certs); err != nil {
			return nil, fmt.Errorf("watch the TLS certificate: %w", err)
		}
	}
	server.lastUse = newLastUse(mgr.GetClient(), mgr.GetCache(), server.log, server.now)
	if err := mgr.Add(server.lastUse); err != nil {
		return nil, fmt.Errorf("add the writer of tokens' last use: %w", err)
	}
	server.refusals, err = newRefusals(ctx, mgr.GetClient(), mgr.GetCache(), server.log, server.now)
	if err != nil {
		return nil, err
	}
	if err := mgr.Add(server.refusals); err != nil {
		return nil, fmt.Errorf("add the writer of refusals: %w", err)
	}
	if err := mgr.AddReadyzCheck("scim", server.Ready); err != nil {
		return nil, fmt.Errorf("add a readiness check: %w", err)
	}
	if err := mgr.Add(server); err != nil {
		return nil, fmt.Errorf("add the SCIM server: %w", err)
	}
	return server, nil
}

// Kinds are what a Server needs to read. It serves without any others.
func Kinds() []client.Object {
	return []client.Object{&v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}, &v1alpha1.ScimGroupPage{}, &v1alpha1.ScimEndpoint{}, &corev1.Secret{}}
}

func newServer(s resourceStore, auth authenticator, o Options) *Server {
	if o.ShutdownTimeout == 0 {
		o.ShutdownTimeout = DefaultShutdownTimeout
	}
	return &Server{
		options: o, store: s, auth: auth, log: o.Logger.WithName("scim"),
		rates: newRates(time.Now), shares: newShares(), connections: newConnections(maxConnections),
		now: time.Now, timeouts: defaultConnectionTimeouts,
	}
}

// newConnections bounds how many connections there are.
func newConnections(limit int) *strangers.Connections {
	return strangers.New(limit, connectionsCut.Inc)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Ready is a healthz.Checker: nil once requests are served, which is when the
// caches are complete.
func (s *Server) Ready(*http.Request) error {
	if s.Address() == "" {
		return errors.New("the SCIM server is not serving: the caches are not complete yet, or it is stopping")
	}
	return nil
}

// Address is where the server listens, with the port that the system chose for
// port 0; "" while it does not serve.
func (s *Server) Address() string {
	if address := s.address.Load(); address != nil {
		return *address
	}
	return ""
}

// Handler returns the routes with all middleware, without a listener.
func (s *Server) Handler() http.Handler {
	return normalized(s.newMux(), s.chain(basePaths[0], other("unknown", noSuchPath)))
}

// Start implements manager.Runnable. It serves until ctx ends, then takes no new
// requests and returns when those being served are finished, or with an error
// when they do not finish within the shutdown timeout.
func (s *Server) Start(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, syncPoll, true, func(context.Context) (bool, error) { return s.store.Synced(), nil })
	if err != nil {
		return nil // stopped before the caches were complete
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.BindAddress)
	if err != nil {
		return fmt.Errorf("serve SCIM: %w", err)
	}
	address := listener.Addr().String()
	s.log.Info("Serving SCIM", "address", address, "tls", s.certs != nil)
	server := s.httpServer()
	ended := make(chan error, 1)
	bounded := s.connections.Bind(server, listener)
	go func() {
		if s.certs != nil {
			ended <- server.ServeTLS(bounded, "", "")
			return
		}
		ended <- server.Serve(bounded)
	}()
	s.address.Store(&address)
	defer s.address.Store(nil)
	select {
	case err := <-ended:
		return fmt.Errorf("serve SCIM: %w", err)
	case <-ctx.Done():
	}
	s.address.Store(nil)
	return s.shutDown(ctx, server)
}

func (s *Server) shutDown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("SCIM requests were cut off: they did not finish within %s: %w", s.options.ShutdownTimeout, err), server.Close())
	}
	s.log.Info("All SCIM requests are finished")
	return nil
}

// httpServer bounds what a client can hold: see limits.go.
func (s *Server) httpServer() *http.Server {
	server := &http.Server{
		Handler:           s.Handler(),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: s.timeouts.header,
		ReadTimeout:       s.timeouts.request,
		WriteTimeout:      s.timeouts.answer,
		IdleTimeout:       s.timeouts.idle,
		MaxHeaderBytes:    maxHeaderBytes,
		// These are about connections, such as TLS handshakes that fail.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(s.log), slog.LevelDebug),
	}
	if s.certs != nil {
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certs.GetCertificate}
	}
	return server
}
