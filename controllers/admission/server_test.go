package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
)

// guarded is a webhook's server with small limits, and a path that is answered.
func guarded(t *testing.T, limits serverLimits) (address, path string) {
	t.Helper()
	made, err := renewed(nil, names, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := &rotator{log: logr.Discard()}
	r.serving.Store(made.serving)
	path = made.path
	r.paths.admit(time.Now(), time.Hour, path)
	s, err := Options{BindAddress: "127.0.0.1:0"}.server(r)
	if err != nil {
		t.Fatal(err)
	}
	s.limits = limits
	s.Register("/", r.paths.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })))
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String(), path
}

func generous() serverLimits {
	limits := defaultServerLimits
	limits.header, limits.request, limits.answer = time.Hour, time.Hour, time.Hour
	return limits
}

// patient fails instead of hanging.
func patient(t *testing.T, conn net.Conn, err error) net.Conn {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	return patient(t, conn, err)
}

func encrypt(t *testing.T, conn net.Conn) *tls.Conn {
	t.Helper()
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := encrypted.Handshake(); err != nil {
		t.Fatal(err)
	}
	return encrypted
}

func TestStrangersDoNotTakeAllConnectionsOfTheWebhook(t *testing.T) {
	limits := generous()
	limits.connections = 3
	address, path := guarded(t, limits)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	dialled := 0
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	ask := func(path string) int {
		t.Helper()
		answer, err := (&http.Client{Transport: transport, Timeout: 5 * time.Minute}).Get("https://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if status := ask(path); status != http.StatusOK {
		t.Fatalf("the API server is told %d", status)
	}
	var strangers []net.Conn
	for range 4 * limits.connections {
		conn := connect(t, address)
		encrypt(t, conn) // by then it has been counted
		strangers = append(strangers, conn)
	}
	for _, conn := range strangers[:len(strangers)-limits.connections+1] {
		wantGone(t, conn)
	}
	if status := ask(path); status != http.StatusOK || dialled != 1 {
		t.Errorf("the API server is told %d over connection %d", status, dialled)
	}
	if status := ask("/"); status != http.StatusNotFound {
		t.Errorf("without the path: %d", status)
	}
}

// wantGone waits until the server has closed a connection, whatever it has said before.
func wantGone(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a stranger may keep its connection")
	}
}

func TestStrangersDoNotKeepConnectionsOfTheWebhookOpen(t *testing.T) {
	limits := generous()
	limits.header, limits.request = 50*time.Millisecond, 100*time.Millisecond
	address, path := guarded(t, limits)
	for name, begin := range map[string]func(conn net.Conn){
		"nothing":          func(net.Conn) {},
		"half a handshake": func(conn net.Conn) { _, _ = conn.Write([]byte{22, 3, 1, 0}) },
		"a handshake":      func(conn net.Conn) { _ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake() },
		"half of the headers": func(conn net.Conn) {
			_, _ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Write([]byte("POST / HTTP/1.1\r\nHost: "))
		},
		"half of a body": func(conn net.Conn) {
			_, _ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Write([]byte("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, address)
			begin(conn)
			wantGone(t, conn)
		})
	}
}

func TestHeadersOfStrangersAreBounded(t *testing.T) {
	limits := generous()
	limits.headerBytes = 1 << 10
	address, _ := guarded(t, limits)
	conn := encrypt(t, connect(t, address))
	go func() {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n")
		for range 1 << 10 {
			if _, err := io.WriteString(conn, "X: "+strings.Repeat("x", 100)+"\r\n"); err != nil {
				return
			}
		}
	}()
	wantGone(t, conn)
}
