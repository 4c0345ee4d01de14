package scimserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"rservice.dev/scim-operator/scimserver/scim"
)

// start runs the server until the test stops it; the channel gets what Start returns.
func start(t *testing.T, s *Server) (stop context.CancelFunc, stopped <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	waitFor(t, "the server to be ready", func() bool { return s.Ready(nil) == nil })
	return cancel, ended
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Minute) // a hang, however busy the machine is
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+goodToken)
	w, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer w.Body.Close()
	_, err = io.Copy(io.Discard, w.Body)
	return w.StatusCode, err
}

func TestShutdownFinishesWhatIsBeingServed(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s, _ := testServer(func(ctx context.Context) (scim.Resource, error) {
		close(arrived)
		select {
		case <-release:
			return found(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	stop, stopped := start(t, s)
	address := s.Address()
	statuses := make(chan int, 1)
	go func() {
		status, err := get(t.Context(), &http.Client{}, "http://"+address+"/scim/v2/Users/"+someID)
		if err != nil {
			t.Error(err)
		}
		statuses <- status
	}()
	<-arrived
	stop()
	waitFor(t, "the server to refuse connections", func() bool {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			if err := connection.Close(); err != nil {
				t.Error(err)
			}
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if s.Ready(nil) == nil {
		t.Error("a server that stops says that it is ready")
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request being served: %v", err)
	default:
	}
	close(release)
	if status := <-statuses; status != 200 {
		t.Errorf("the request was answered with %d", status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	s, _ := testServer(func(ctx context.Context) (scim.Resource, error) {
		close(arrived)
		<-release
		return found(ctx)
	})
	s.options.ShutdownTimeout = time.Millisecond
	stop, stopped := start(t, s)
	gone := make(chan error, 1)
	go func() {
		_, err := get(t.Context(), &http.Client{}, "http://"+s.Address()+"/scim/v2/Users/"+someID)
		gone <- err
	}()
	<-arrived
	stop()
	if err := <-stopped; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
	if err := <-gone; err == nil {
		t.Error("the request was answered")
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, _ := testServer(found)
	s.options.BindAddress = taken.Addr().String()
	err = s.Start(t.Context())
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// unsyncedStore is one whose caches never become complete.
type unsyncedStore struct{ resourceStore }

func (unsyncedStore) Synced() bool { return false }

func TestNothingIsServedBeforeTheStoreIsComplete(t *testing.T) {
	s := newServer(unsyncedStore{}, onlyGood{}, Options{BindAddress: "127.0.0.1:0"})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s.Ready(nil) == nil || s.Address() != "" {
		t.Errorf("serves at %q", s.Address())
	}
}

func TestEveryPartOfARequestHasALimit(t *testing.T) {
	s, _ := testServer(found)
	server := s.httpServer()
	for name, limit := range map[string]time.Duration{
		"ReadHeaderTimeout": server.ReadHeaderTimeout, "ReadTimeout": server.ReadTimeout,
		"WriteTimeout": server.WriteTimeout, "IdleTimeout": server.IdleTimeout,
	} {
		if limit <= 0 {
			t.Errorf("no %s", name)
		}
	}
	if server.HTTP2 == nil || server.HTTP2.MaxConcurrentStreams != maxStreams {
		t.Error("a connection may bring any number of requests at the same time")
	}
	if server.MaxHeaderBytes <= scim.MaxFilterLength*3 {
		t.Error("the longest filter, percent-encoded, does not fit into MaxHeaderBytes")
	}
	for _, rt := range s.routes() {
		if rt.timeout <= 0 || rt.timeout >= server.WriteTimeout || rt.maxBody <= 0 {
			t.Errorf("%s %s may take %s and %d bytes", rt.method, rt.path, rt.timeout, rt.maxBody)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	pool := x509.NewCertPool()
	pool.AddCert(writeCertificate(t, dir))
	certs, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := testServer(found)
	s.certs = certs
	start(t, s)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "scim.example.com", MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	url := s.Address() + "/scim/v2/Users/" + someID
	if status, err := get(t.Context(), &http.Client{Transport: transport}, "https://"+url); err != nil || status != 200 {
		t.Errorf("got %d, %v", status, err)
	}
	for name, test := range map[string]struct {
		http2 bool
		want  int
	}{"HTTP/1.1": {false, 1}, "HTTP/2": {true, 2}} {
		transport := &http.Transport{TLSClientConfig: transport.TLSClientConfig.Clone(), ForceAttemptHTTP2: test.http2}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+goodToken)
		w, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := w.Body.Close(); err != nil {
			t.Error(err)
		}
		if w.StatusCode != http.StatusOK || w.ProtoMajor != test.want {
			t.Errorf("%s: got %d over %s", name, w.StatusCode, w.Proto)
		}
		transport.CloseIdleConnections()
	}
	if status, err := get(t.Context(), &http.Client{}, "http://"+url); err != nil || status != 400 {
		t.Errorf("plain HTTP gets %d, %v", status, err)
	}
}

// writeCertificate writes tls.crt and tls.key and returns the certificate.
func writeCertificate(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "scim.example.com"}, DNSNames: []string{"scim.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
