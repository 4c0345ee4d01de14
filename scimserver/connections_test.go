package scimserver

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"rservice.dev/scim-operator/scimserver/scim"
)

// connectTo opens a connection that ends with the test.
func connectTo(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// askOver sends a GET over a connection and returns the status of the answer; 0 if the connection is closed.
func askOver(t *testing.T, connection net.Conn, path, token string) int {
	t.Helper()
	sendOver(t, connection, path, token)
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

func sendOver(t *testing.T, connection net.Conn, path, token string) {
	t.Helper()
	// One that the server has closed is found out by reading.
	_, _ = io.WriteString(connection, "GET /scim/v2"+path+" HTTP/1.1\r\nHost: scim.example.com\r\nAuthorization: Bearer "+token+"\r\n\r\n")
}

func TestStrangersDoNotTakeAllConnections(t *testing.T) {
	const limit = 3
	s, _ := testServer(found)
	s.connections = newConnections(limit)
	s.timeouts.idle = time.Hour // else the client that was there is cut off for that, where the machine is slow
	start(t, s)
	client := connectTo(t, s.Address())
	if status := askOver(t, client, "/Schemas", goodToken); status != http.StatusOK {
		t.Fatalf("got %d", status)
	}
	before := metric(t, "scim_http_connections_cut_total")
	var strangers []net.Conn
	for range 4 * limit {
		stranger := connectTo(t, s.Address())
		strangers = append(strangers, stranger)
		if status := askOver(t, stranger, "/Schemas", "wrong"); status != http.StatusUnauthorized {
			t.Fatalf("a stranger got %d", status)
		}
	}
	for _, stranger := range strangers[:len(strangers)-limit+1] {
		if _, err := stranger.Read(make([]byte, 1)); err == nil {
			t.Error("the connection of an earlier stranger is not closed")
		}
	}
	if cut := metric(t, "scim_http_connections_cut_total") - before; cut != float64(len(strangers)-limit+1) {
		t.Errorf("%v connections are counted as closed", cut)
	}
	for name, connection := range map[string]net.Conn{"the client that was there": client, "another one": connectTo(t, s.Address())} {
		if status := askOver(t, connection, "/Schemas", goodToken); status != http.StatusOK {
			t.Errorf("%s got %d", name, status)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the closed connection to be forgotten", func() bool {
		return s.connections.Len() < limit
	})
}

func TestRequestsBeingServedAreNotCutOff(t *testing.T) {
	const limit = 2
	entered, letGo := make(chan struct{}), make(chan struct{})
	s, _ := testServer(func(ctx context.Context) (scim.Resource, error) {
		entered <- struct{}{}
		<-letGo
		return found(ctx)
	})
	s.connections = newConnections(limit)
	start(t, s)
	var serving []net.Conn
	for range limit {
		connection := connectTo(t, s.Address())
		sendOver(t, connection, "/Users/"+someID, goodToken)
		<-entered
		serving = append(serving, connection)
	}
	if _, err := connectTo(t, s.Address()).Read(make([]byte, 1)); err == nil {
		t.Error("there is room for one more")
	}
	close(letGo)
	for _, connection := range serving {
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("got %s", answer.Status)
		}
	}
	// Of clients between two requests the one gives way that has been so for longest.
	waitFor(t, "room for a new client", func() bool {
		return askOver(t, connectTo(t, s.Address()), "/Schemas", goodToken) == http.StatusOK
	})
}

func TestStrangersAreAnsweredAndLoggedAtABoundedRate(t *testing.T) {
	now := time.Now()
	s, logs := testServer(found)
	s.rates = newRates(func() time.Time { return now })
	statuses := map[int]int{}
	for i := range 3 * strangersRate.burst {
		r := request(http.MethodGet, "/scim/v2/Users", "")
		switch i % 3 {
		case 0:
			r.Header.Del("Authorization")
		case 1:
			r.Header.Set("Authorization", "Bearer wrong")
		case 2:
			r = request(http.MethodGet, "/scim/v2/ServiceProviderConfig", "")
			r.Header.Del("Authorization")
		}
		w := serve(s, r)
		statuses[w.Code]++
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "1" {
			t.Errorf("nothing tells when to come back: %v", w.Header())
		}
	}
	if passed := statuses[http.StatusUnauthorized] + statuses[http.StatusOK]; passed != strangersRate.burst {
		t.Errorf("%d strangers are answered: %v", passed, statuses)
	}
	if lines := len(logs.lines("Request")); lines != refusedLogRate.burst {
		t.Errorf("%d lines in the log", lines)
	}
	if w := serve(s, request(http.MethodGet, "/scim/v2/Users", "")); w.Code != http.StatusOK {
		t.Errorf("a client got %d", w.Code)
	}
	lines := logs.lines("Request")
	if last := lines[len(lines)-1]; last["tenant"] != "acme" || last["refusedBefore"] != float64(3*strangersRate.burst-refusedLogRate.burst) {
		t.Errorf("the log does not tell how many were refused: %v", last)
	}
	now = now.Add(time.Minute)
	r := request(http.MethodGet, "/scim/v2/Users", "")
	r.Header.Del("Authorization")
	if w := serve(s, r); w.Code != http.StatusUnauthorized || len(logs.lines("Request")) != len(lines)+1 {
		t.Errorf("a minute later a stranger got %d", w.Code)
	}
}

func TestATenantHasSoManyRequestsAtTheSameTime(t *testing.T) {
	s, logs := testServer(found)
	began := time.Now()
	s.rates = newRates(func() time.Time { return began })
	s.auth = anyTenant{}
	var leave []func()
	for range maxTenantRequests {
		release, err := s.shares.request("busy")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, release)
	}
	list := func(tenant string) int {
		return serve(s, as(tenant, request(http.MethodGet, "/scim/v2/Users", ""))).Code
	}
	for range 2 * refusedLogRate.burst {
		if status := list("busy"); status != http.StatusTooManyRequests {
			t.Fatalf("got %d", status)
		}
	}
	if lines := len(logs.lines("Request")); lines >= 2*refusedLogRate.burst {
		t.Errorf("%d lines tell of what is refused", lines)
	}
	if status := list("other"); status != http.StatusOK {
		t.Errorf("another tenant got %d", status)
	}
	for _, release := range leave {
		release()
	}
	if status := list("busy"); status != http.StatusOK || len(s.shares.tenants) != 0 {
		t.Errorf("got %d; %d tenants are remembered", status, len(s.shares.tenants))
	}
}
