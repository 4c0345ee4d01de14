package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"rservice.dev/scim-operator/api/strangers"
)

// serverLimits bound what whoever reaches the webhook can hold. The API server needs one connection, or a few.
type serverLimits struct {
	connections, streams int
	// header is for the TLS handshake, and then for the headers of a request; request is for all of it.
	header, request time.Duration
	// answer starts with the headers read. The API server waits for ten seconds.
	answer time.Duration
	// idle is longer than the API server keeps a connection that it does not use.
	idle        time.Duration
	headerBytes int
}

var defaultServerLimits = serverLimits{
	connections: 100, streams: 100, header: 5 * time.Second, request: 10 * time.Second, answer: 30 * time.Second, idle: 2 * time.Minute,
	headerBytes: 16 << 10,
}

var connectionsCut = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "scim_webhook_connections_cut_total", Help: "Connections to the webhook closed because there were too many.",
})

func init() { metrics.Registry.MustRegister(connectionsCut) }

// server serves the webhook and looks after its path and certificates. Both begin before
// the cache is filled, because the API server waits for neither.
type server struct {
	// Server keeps the handlers and measures them. It does not serve.
	webhook.Server
	rotator *rotator
	address string
	tls     *tls.Config
	// certs is nil where the rotator makes the certificates.
	certs       *certwatcher.CertWatcher
	limits      serverLimits
	connections *strangers.Connections
	log         logr.Logger
	// listening is where the server listens, with the port that the system chose for port 0.
	listening atomic.Pointer[string]
}

func (o Options) server(rotator *rotator) (*server, error) {
	if _, _, err := net.SplitHostPort(o.BindAddress); err != nil {
		return nil, fmt.Errorf("the webhook's address %q is not host:port: %w", o.BindAddress, err)
	}
	s := &server{
		Server: webhook.NewServer(webhook.Options{}), rotator: rotator, address: o.BindAddress, limits: defaultServerLimits,
		tls: &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: rotator.certificate},
		log: rotator.log,
	}
	if o.CertDir != "" {
		var err error
		if s.certs, err = certwatcher.New(filepath.Join(o.CertDir, "tls.crt"), filepath.Join(o.CertDir, "tls.key")); err != nil {
			return nil, fmt.Errorf("read tls.crt and tls.key of the webhook from %s: %w", o.CertDir, err)
		}
		s.tls.GetCertificate = s.certs.GetCertificate
	}
	if o.ClientCA != "" {
		required, err := requireClient(o.ClientCA)
		if err != nil {
			return nil, err
		}
		required(s.tls)
	}
	return s, nil
}

// Start implements manager.Runnable.
func (s *server) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("serve the webhook: %w", err)
	}
	background.Go(func() { s.rotator.run(ctx) })
	if s.certs != nil {
		background.Go(func() {
			if err := s.certs.Start(ctx); err != nil {
				s.log.Error(err, "The webhook's certificate is not read again when it changes")
			}
		})
	}
	return s.serve(ctx, listener)
}

// serve serves until ctx ends, and then finishes what it has begun.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	serving := s.httpServer(ctx)
	s.connections = strangers.New(s.limits.connections, connectionsCut.Inc)
	bounded := s.connections.Bind(serving, listener)
	ended := make(chan error, 1)
	go func() { ended <- serving.ServeTLS(bounded, "", "") }()
	s.listening.Store(new(listener.Addr().String()))
	s.log.Info("Serving the webhook", "address", listener.Addr().String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve the webhook: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.answer)
	defer cancel()
	if err := serving.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("reviews of rules were cut off: %w", err), serving.Close())
	}
	return nil
}

func (s *server) httpServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s.WebhookMux(),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		TLSConfig:         s.tls,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: s.limits.streams},
		ReadHeaderTimeout: s.limits.header,
		ReadTimeout:       s.limits.request,
		WriteTimeout:      s.limits.answer,
		IdleTimeout:       s.limits.idle,
		MaxHeaderBytes:    s.limits.headerBytes,
		// Strangers cause these as fast as they like.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(s.log), slog.LevelDebug),
	}
}
